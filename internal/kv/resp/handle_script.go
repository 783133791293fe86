package resp

import "github.com/ringkv/ringkv/internal/kv/command"

// There is no Lua. So there are no functions and no scripts, and what lists, looks for
// or deletes them is answered by that, as clients and test suites ask for it before they
// begin. What makes or runs them is not known.

var functionHelp = []string{
	"FLUSH [ASYNC|SYNC]", "    Delete all the libraries: there are none.",
	"LIST [LIBRARYNAME PATTERN] [WITHCODE]", "    Return general information on all the libraries: there are none.",
}

var scriptHelp = []string{
	"EXISTS <sha1> [<sha1> ...]", "    Return information about the existence of the scripts in the script cache: none does.",
	"FLUSH [ASYNC|SYNC]", "    Flush the Lua scripts cache: it is empty.",
}

// FUNCTION FLUSH [ASYNC | SYNC]
func functionFlush(_ *conn, args [][]byte, r *command.Reply) {
	switch {
	case flushes(args):
		r.OK()
	case len(args) == 3:
		r.Error("ERR FUNCTION FLUSH only supports SYNC|ASYNC option")
	default:
		r.Error("ERR unknown subcommand or wrong number of arguments for '" + string(args[1]) + "'. Try FUNCTION HELP.")
	}
}

// SCRIPT FLUSH [ASYNC | SYNC]
func scriptFlush(_ *conn, args [][]byte, r *command.Reply) {
	if flushes(args) {
		r.OK()
		return
	}
	r.Error("ERR SCRIPT FLUSH only support SYNC|ASYNC option")
}

func flushes(args [][]byte) bool {
	return len(args) == 2 || len(args) == 3 && (is(args[2], "SYNC") || is(args[2], "ASYNC"))
}

// FUNCTION LIST [LIBRARYNAME library-name-pattern] [WITHCODE]
func functionList(_ *conn, args [][]byte, r *command.Reply) {
	withCode, name := false, false
	for i := 2; i < len(args); i++ {
		switch {
		case !withCode && is(args[i], "WITHCODE"):
			withCode = true
		case !name && is(args[i], "LIBRARYNAME"):
			if i++; i == len(args) {
				r.Error("ERR library name argument was not given")
				return
			}
			name = true
		default:
			r.Error("ERR Unknown argument " + string(args[i]))
			return
		}
	}
	r.Array(0)
}

// SCRIPT EXISTS sha1 [sha1 ...]
func scriptExists(_ *conn, args [][]byte, r *command.Reply) {
	r.Array(len(args) - 2)
	for range args[2:] {
		r.Int(0)
	}
}
