package resp

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/ringkv/ringkv/internal/kv/command"
)

const errDebug = `ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", ` +
	`you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.`

var debugHelp = []string{
	"ERROR <string>", "    Return a Redis protocol error with <string> as message.",
	"LOG <message>", "    Write <message> to the server log.",
	"OBJECT <key>", "    Show low level info about `key` and associated value.",
	"PROTOCOL <type>", "    Reply with a test value of the specified type: string, integer, double, bignum, null, array, set, map, attrib, push, verbatim, true, false.",
	"SLEEP <seconds>", "    Stop this connection for <seconds>. Decimals allowed.",
}

// maxDebugSleep bounds DEBUG SLEEP, so that a connection can be closed some day.
const maxDebugSleep = time.Hour

// DEBUG SLEEP seconds. It stops its own connection only.
func debugSleep(c *conn, args [][]byte, r *command.Reply) {
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
}

// DEBUG ERROR message
func debugError(_ *conn, args [][]byte, r *command.Reply) { r.Error(string(args[2])) }

// DEBUG LOG message
func debugLog(c *conn, args [][]byte, r *command.Reply) {
	c.server.options.Logger.Warn("DEBUG LOG", "client", c.id, "address", c.remote, "message", string(args[2]))
	r.OK()
}

// debugReplies are values of all types, for those who test a client, in versions 2 and
// 3 of the protocol.
var debugReplies = map[string][2]string{
	"string":  {"$11\r\nHello World\r\n", "$11\r\nHello World\r\n"},
	"integer": {":12345\r\n", ":12345\r\n"},
	"double":  {"$5\r\n3.141\r\n", ",3.141\r\n"},
	"null":    {"$-1\r\n", "_\r\n"},
	"array":   {"*3\r\n:0\r\n:1\r\n:2\r\n", "*3\r\n:0\r\n:1\r\n:2\r\n"},
	"set":     {"*3\r\n:0\r\n:1\r\n:2\r\n", "~3\r\n:0\r\n:1\r\n:2\r\n"},
	"map":     {"*6\r\n:0\r\n:0\r\n:1\r\n:1\r\n:2\r\n:0\r\n", "%3\r\n:0\r\n#f\r\n:1\r\n#t\r\n:2\r\n#f\r\n"},
	"attrib": {"$39\r\nSome real reply following the attribute\r\n",
		"|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n$39\r\nSome real reply following the attribute\r\n"},
	"push": {"-ERR RESP2 is not supported by this command\r\n",
		">2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n$40\r\nSome real reply following the push reply\r\n"},
	"verbatim": {"$25\r\nThis is a verbatim\nstring\r\n", "=29\r\ntxt:This is a verbatim\nstring\r\n"},
	"true":     {":1\r\n", "#t\r\n"},
	"false":    {":0\r\n", "#f\r\n"},
	"bignum":   {"$37\r\n1234567999999999999999999999999999999\r\n", "(1234567999999999999999999999999999999\r\n"},
}

// DEBUG PROTOCOL type
func debugProtocol(_ *conn, args [][]byte, r *command.Reply) {
	reply, ok := debugReplies[strings.ToLower(string(args[2]))]
	switch {
	case !ok:
		r.Error("ERR Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false")
	case r.Proto < 3:
		r.Buf = append(r.Buf, reply[0]...)
	default:
		r.Buf = append(r.Buf, reply[1]...)
	}
}
