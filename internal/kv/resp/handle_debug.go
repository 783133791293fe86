package resp

import (
	"math"
	"strconv"
	"time"

	"github.com/ringkv/ringkv/internal/kv/command"
)

const errDebug = `ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", ` +
	`you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.`

var debugHelp = []string{
	"SLEEP <seconds>", "    Stop this connection for <seconds>. Decimals allowed.",
}

// maxDebugSleep bounds DEBUG SLEEP, so that a connection can be closed some day.
const maxDebugSleep = time.Hour

// DEBUG SLEEP seconds. It stops its own connection only.
func debug(c *conn, args [][]byte, r *command.Reply) {
	switch {
	case !c.server.options.EnableDebug:
		r.Error(errDebug)
	case len(args) == 3 && is(args[1], "SLEEP"):
		seconds, err := strconv.ParseFloat(string(args[2]), 64)
		if err != nil || math.IsNaN(seconds) || seconds < 0 || seconds > maxDebugSleep.Seconds() {
			r.Error("ERR value is not a valid float")
			return
		}
		timer := time.NewTimer(time.Duration(seconds * float64(time.Second)))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-c.server.stop:
		}
		r.OK()
	case len(args) == 2 && is(args[1], "HELP"):
		help(debugHelp)(c, args, r)
	default:
		r.Error("ERR unknown subcommand or wrong number of arguments for '" + string(args[1]) + "'. Try DEBUG HELP.")
	}
}
