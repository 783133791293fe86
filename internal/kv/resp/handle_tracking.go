package resp

import (
	"github.com/ringkv/ringkv/internal/kv/command"
)

// Client-side caching is not supported: nothing tells a client that another one
// has changed a key. What asks about it gets true answers.

// CLIENT TRACKING ON | OFF [option ...]
func clientTracking(_ *conn, args [][]byte, r *command.Reply) {
	switch {
	case is(args[2], "OFF"):
		r.OK()
	case is(args[2], "ON"):
		r.Error("ERR unknown subcommand 'TRACKING ON': client-side caching is not supported, disable it in the client")
	default:
		syntax(r)
	}
}

// CLIENT TRACKINGINFO
func clientTrackingInfo(_ *conn, _ [][]byte, r *command.Reply) {
	r.Map(3)
	r.BulkString("flags")
	r.Set(1)
	r.BulkString("off")
	r.BulkString("redirect")
	r.Int(-1)
	r.BulkString("prefixes")
	r.Array(0)
}

// CLIENT CACHING YES | NO
func clientCaching(_ *conn, _ [][]byte, r *command.Reply) {
	r.Error("ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled")
}

// CLIENT UNBLOCK client-id [TIMEOUT | ERROR]. No command blocks.
func clientUnblock(_ *conn, args [][]byte, r *command.Reply) {
	if len(args) == 4 && !is(args[3], "TIMEOUT") && !is(args[3], "ERROR") || len(args) > 4 {
		r.Error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
		return
	}
	if _, ok := intArg(args[2], command.ErrNotInteger, r); ok {
		r.Int(0)
	}
}
