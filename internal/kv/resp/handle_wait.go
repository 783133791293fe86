package resp

import (
	"math"
	"strconv"
	"time"

	"github.com/ringkv/ringkv/internal/kv/command"
)

// intArg reads an integer, or adds the error reply.
func intArg(arg []byte, problem string, r *command.Reply) (int64, bool) {
	n, err := strconv.ParseInt(string(arg), 10, 64)
	if err != nil {
		r.Error(problem)
	}
	return n, err == nil
}

func timeoutArg(arg []byte, r *command.Reply) bool {
	n, ok := intArg(arg, "ERR timeout is not an integer or out of range", r)
	if ok && n < 0 {
		r.Error("ERR timeout is negative")
		return false
	}
	return ok
}

const errNotPositive = "ERR value is out of range, must be positive"

func countArg(arg []byte, most int64, outside string, r *command.Reply) bool {
	n, ok := intArg(arg, command.ErrNotInteger, r)
	if ok && (n < 0 || n > most) {
		r.Error(outside)
		return false
	}
	return ok
}

// WAIT numreplicas timeout. What was acknowledged is on a majority of its replicas
// already, so there is nothing to wait for: the answer is how many others than the
// leader that is at least.
func wait(c *conn, args [][]byte, r *command.Reply) {
	if !countArg(args[1], math.MaxInt64, errNotPositive, r) || !timeoutArg(args[2], r) {
		return
	}
	held, _ := c.server.options.Backend.Copies()
	r.Int(int64(max(held-1, 0)))
}

// WAITAOF numlocal numreplicas timeout. As WAIT, for copies on stable storage: one
// counts as the local one, the rest as replicas.
func waitAOF(c *conn, args [][]byte, r *command.Reply) {
	if !countArg(args[1], 1, "ERR value is out of range, value must between 0 and 1", r) ||
		!countArg(args[2], math.MaxInt64, errNotPositive, r) || !timeoutArg(args[3], r) {
		return
	}
	_, synced := c.server.options.Backend.Copies()
	r.Array(2)
	r.Int(int64(min(synced, 1)))
	r.Int(int64(max(synced-1, 0)))
}

// LASTSAVE. Everything that was acknowledged is in the log, so it is saved now.
func lastSave(_ *conn, _ [][]byte, r *command.Reply) { r.Int(time.Now().Unix()) }
