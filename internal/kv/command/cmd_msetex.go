package command

import "math"

// MSETEX numkeys key value [key value ...] [NX | XX] [EX s | PX ms | EXAT s |
// PXAT ms | KEEPTTL], as in Redis 8.4.
func mSetEx(c *Context, args [][]byte, r *Reply) {
	pairs, options, ok := msetexArgs(args, r)
	if !ok {
		return
	}
	o, ok := parseSetOptions(options, forMSetEx, r)
	if !ok {
		return
	}
	expireAt := int64(0)
	if o.unit != noUnit {
		if expireAt, ok = expireMillis(c, o.expire, o.unit, "msetex", r); !ok {
			return
		}
	}
	for i := 0; i < len(pairs); i += 2 {
		if _, found := c.get(pairs[i]); o.nx && found || o.xx && !found {
			r.Int(0)
			return
		}
	}
	for i := 0; i < len(pairs); i += 2 {
		if o.keepTTL {
			old, _ := c.get(pairs[i])
			expireAt = old.ExpireAt
		}
		c.set(pairs[i], pairs[i+1], expireAt)
	}
	r.Int(1)
}

// msetexArgs takes the arguments of MSETEX apart, or adds the error reply.
func msetexArgs(args [][]byte, r *Reply) (pairs, options [][]byte, ok bool) {
	n, ok := parseInt(args[1])
	switch {
	case !ok || n < 1 || n > math.MaxInt32:
		r.Error("ERR invalid numkeys value")
	case n > int64(len(args)-2)/2:
		r.Error("ERR wrong number of key-value pairs")
	default:
		return args[2 : 2+2*n], args[2+2*n:], true
	}
	return nil, nil, false
}

// msetexIsConditional tells whether the keys of MSETEX depend on each other.
func msetexIsConditional(args [][]byte) bool {
	_, options, ok := msetexArgs(args, new(Reply))
	if !ok {
		return true
	}
	for _, o := range options {
		if is(o, "NX") || is(o, "XX") {
			return true
		}
	}
	return false
}
