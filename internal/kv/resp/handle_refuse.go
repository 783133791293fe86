package resp

import (
	"strconv"

	"github.com/ringkv/ringkv/internal/kv/command"
)

// refuseWith answers a command that makes no sense here with an error that says why.
func refuseWith(why string) handler {
	return func(_ *conn, _ [][]byte, r *command.Reply) { r.Error("ERR " + why) }
}

const (
	whySave     = "every acknowledged write is in the log already, and snapshots are made as the log grows: there is nothing to save by hand"
	whyShutdown = "SHUTDOWN is not allowed: a node is stopped by what runs it (kubectl, or SIGTERM to the process)"
	whyMonitor  = "MONITOR is not supported: see INFO commandstats, SLOWLOG and LATENCY"
	whySync     = "replication to Redis is not supported: the nodes of a cluster replicate among themselves"
	whyModule   = "modules are not supported"
)

// SWAPDB index1 index2. There is one database.
func swapDB(_ *conn, args [][]byte, r *command.Reply) {
	for i, which := range []string{"first", "second"} {
		switch n, err := strconv.ParseInt(string(args[1+i]), 10, 32); {
		case err != nil:
			r.Error("ERR invalid " + which + " DB index")
			return
		case n != 0:
			r.Error("ERR DB index is out of range")
			return
		}
	}
	r.OK()
}

// MOVE key db. There is one database.
func move(_ *conn, args [][]byte, r *command.Reply) {
	switch n, err := strconv.ParseInt(string(args[2]), 10, 32); {
	case err != nil:
		r.Error(command.ErrNotInteger)
	case n != 0:
		r.Error("ERR DB index is out of range")
	default:
		r.Error("ERR source and destination objects are the same")
	}
}

// MODULE LIST
func moduleList(_ *conn, _ [][]byte, r *command.Reply) { r.Array(0) }
