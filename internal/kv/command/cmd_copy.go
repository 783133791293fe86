package command

import (
	"bytes"
	"math"
)

// RENAME key newkey
func rename(c *Context, args [][]byte, r *Reply) {
	it, found := c.get(args[1])
	if !found {
		r.Error(ErrNoSuchKey)
		return
	}
	if !bytes.Equal(args[1], args[2]) {
		c.Store.Set(args[2], it.Value, it.ExpireAt)
		c.Store.Delete(args[1])
	}
	r.OK()
}

// RENAMENX key newkey
func renameNX(c *Context, args [][]byte, r *Reply) {
	it, found := c.get(args[1])
	if !found {
		r.Error(ErrNoSuchKey)
		return
	}
	if _, taken := c.get(args[2]); taken {
		r.Int(0)
		return
	}
	c.Store.Set(args[2], it.Value, it.ExpireAt)
	c.Store.Delete(args[1])
	r.Int(1)
}

// COPY source destination [DB destination-db] [REPLACE]
func copyKey(c *Context, args [][]byte, r *Reply) {
	replace := false
	for i := 3; i < len(args); i++ {
		switch {
		case is(args[i], "REPLACE"):
			replace = true
		case is(args[i], "DB") && i+1 < len(args):
			i++
			if !onlyDatabase(args[i], r) {
				return
			}
		default:
			r.Error(ErrSyntax)
			return
		}
	}
	if bytes.Equal(args[1], args[2]) {
		r.Error("ERR source and destination objects are the same")
		return
	}
	it, found := c.get(args[1])
	_, taken := c.get(args[2])
	if !found || taken && !replace {
		r.Int(0)
		return
	}
	c.Store.Set(args[2], it.Value, it.ExpireAt)
	r.Int(1)
}

// onlyDatabase checks that a database is number 0, or adds the error reply.
func onlyDatabase(arg []byte, r *Reply) bool {
	n, ok := intArg(arg, r)
	switch {
	case !ok:
	case n < math.MinInt32 || n > math.MaxInt32:
		r.Error("ERR value is out of range, value must between -2147483648 and 2147483647")
	case n != 0:
		r.Error("ERR DB index is out of range")
	default:
		return true
	}
	return false
}
