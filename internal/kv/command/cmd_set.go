package command

import (
	"bytes"
	"math"
)

// setOptions are the options of SET, GETEX and MSETEX.
type setOptions struct {
	nx, xx, ifEq, get, keepTTL, persist bool
	equal                               []byte // the argument of IFEQ
	expire                              []byte // the argument of unit
	unit                                expireUnit
}

// setOptionsFor says whose options are to be read.
type setOptionsFor uint8

const (
	forSet setOptionsFor = iota
	forGetEx
	forMSetEx
)

// expireUnit says how to read an expiry argument.
type expireUnit uint8

const (
	noUnit expireUnit = iota
	ex                // seconds from now
	px                // milliseconds from now
	exAt              // seconds since the Unix epoch
	pxAt              // milliseconds since the Unix epoch
)

// parseSetOptions reads the options of a command. An option may come twice, the
// last one counts; those that exclude each other are an error.
func parseSetOptions(options [][]byte, command setOptionsFor, r *Reply) (o setOptions, ok bool) {
	for i := 0; i < len(options); i++ {
		opt := options[i]
		more := i+1 < len(options)
		switch unit := unitOf(opt); {
		case command != forGetEx && is(opt, "NX") && !o.xx && !o.ifEq:
			o.nx = true
		case command != forGetEx && is(opt, "XX") && !o.nx && !o.ifEq:
			o.xx = true
		case command == forSet && is(opt, "IFEQ") && !o.nx && !o.xx && !o.ifEq && more:
			i++
			o.ifEq, o.equal = true, options[i]
		case command == forSet && is(opt, "GET"):
			o.get = true
		case command != forGetEx && is(opt, "KEEPTTL") && o.unit == noUnit:
			o.keepTTL = true
		case command == forGetEx && is(opt, "PERSIST") && o.unit == noUnit:
			o.persist = true
		case unit != noUnit && !o.keepTTL && !o.persist && (o.unit == noUnit || o.unit == unit) && more:
			i++
			o.unit, o.expire = unit, options[i]
		default:
			r.Error(ErrSyntax)
			return o, false
		}
	}
	return o, true
}

func unitOf(opt []byte) expireUnit {
	switch {
	case is(opt, "EX"):
		return ex
	case is(opt, "PX"):
		return px
	case is(opt, "EXAT"):
		return exAt
	case is(opt, "PXAT"):
		return pxAt
	}
	return noUnit
}

// expireMillis turns an expiry argument into milliseconds since the Unix epoch, or
// adds the error reply.
func expireMillis(c *Context, arg []byte, unit expireUnit, fullName string, r *Reply) (int64, bool) {
	at, ok := intArg(arg, r)
	if !ok {
		return 0, false
	}
	seconds := unit == ex || unit == exAt
	if at <= 0 || seconds && at > math.MaxInt64/1000 {
		expireTime(r, fullName)
		return 0, false
	}
	if seconds {
		at *= 1000
	}
	if unit == ex || unit == px {
		if at > math.MaxInt64-c.Now {
			expireTime(r, fullName)
			return 0, false
		}
		at += c.Now
	}
	return at, true
}

// SET key value [NX | XX | IFEQ comparison-value] [GET] [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL]
func set(c *Context, args [][]byte, r *Reply) {
	if len(args) == 3 {
		c.Store.Set(args[1], args[2], 0)
		r.OK()
		return
	}
	o, ok := parseSetOptions(args[3:], forSet, r)
	if !ok {
		return
	}
	expireAt := int64(0)
	if o.unit != noUnit {
		if expireAt, ok = expireMillis(c, o.expire, o.unit, "set", r); !ok {
			return
		}
	}
	old, found := c.get(args[1])
	if o.get {
		if found {
			r.Bulk(old.Value)
		} else {
			r.Null()
		}
	}
	if o.nx && found || o.xx && !found || o.ifEq && !(found && bytes.Equal(old.Value, o.equal)) {
		if !o.get {
			r.Null()
		}
		return
	}
	if o.keepTTL {
		expireAt = old.ExpireAt
	}
	c.set(args[1], args[2], expireAt)
	if !o.get {
		r.OK()
	}
}

// SETEX key seconds value
func setEx(c *Context, args [][]byte, r *Reply) { setWithExpiry(c, args, ex, "setex", r) }

// PSETEX key milliseconds value
func pSetEx(c *Context, args [][]byte, r *Reply) { setWithExpiry(c, args, px, "psetex", r) }

func setWithExpiry(c *Context, args [][]byte, unit expireUnit, fullName string, r *Reply) {
	expireAt, ok := expireMillis(c, args[2], unit, fullName, r)
	if !ok {
		return
	}
	c.set(args[1], args[3], expireAt)
	r.OK()
}

// DELIFEQ key value, as in Valkey 9
func delIfEq(c *Context, args [][]byte, r *Reply) {
	it, found := c.get(args[1])
	if !found || !bytes.Equal(it.Value, args[2]) {
		r.Int(0)
		return
	}
	c.Store.Delete(args[1])
	r.Int(1)
}

// GETEX key [EX s | PX ms | EXAT s | PXAT ms | PERSIST]
func getEx(c *Context, args [][]byte, r *Reply) {
	o, ok := parseSetOptions(args[2:], forGetEx, r)
	if !ok {
		return
	}
	it, found := c.get(args[1])
	if !found {
		r.Null()
		return
	}
	expireAt := it.ExpireAt
	switch {
	case o.unit != noUnit:
		if expireAt, ok = expireMillis(c, o.expire, o.unit, "getex", r); !ok {
			return
		}
	case o.persist:
		expireAt = 0
	}
	r.Bulk(it.Value)
	if expireAt != it.ExpireAt {
		c.set(args[1], it.Value, expireAt)
	}
}
