package command

import "math"

// EXPIRE key seconds [NX | XX | GT | LT]
func expire(c *Context, args [][]byte, r *Reply) { setExpiry(c, args, ex, "expire", r) }

// PEXPIRE key milliseconds [NX | XX | GT | LT]
func pExpire(c *Context, args [][]byte, r *Reply) { setExpiry(c, args, px, "pexpire", r) }

// EXPIREAT key unix-time-seconds [NX | XX | GT | LT]
func expireAt(c *Context, args [][]byte, r *Reply) { setExpiry(c, args, exAt, "expireat", r) }

// PEXPIREAT key unix-time-milliseconds [NX | XX | GT | LT]
func pExpireAt(c *Context, args [][]byte, r *Reply) { setExpiry(c, args, pxAt, "pexpireat", r) }

// expireConditions are the options of EXPIRE and its kin.
type expireConditions struct{ nx, xx, gt, lt bool }

func parseExpireConditions(options [][]byte, r *Reply) (o expireConditions, ok bool) {
	for _, opt := range options {
		switch {
		case is(opt, "NX"):
			o.nx = true
		case is(opt, "XX"):
			o.xx = true
		case is(opt, "GT"):
			o.gt = true
		case is(opt, "LT"):
			o.lt = true
		default:
			r.Error("ERR Unsupported option " + string(cString(opt)))
			return o, false
		}
	}
	if o.nx && (o.xx || o.gt || o.lt) {
		r.Error("ERR NX and XX, GT or LT options at the same time are not compatible")
		return o, false
	}
	if o.gt && o.lt {
		r.Error("ERR GT and LT options at the same time are not compatible")
		return o, false
	}
	return o, true
}

// allow tells whether an expiry time may replace another; 0 is for ever.
func (o expireConditions) allow(current, next int64) bool {
	switch {
	case o.nx && current != 0,
		o.xx && current == 0,
		o.gt && (current == 0 || next <= current),
		o.lt && current != 0 && next >= current:
		return false
	}
	return true
}

func setExpiry(c *Context, args [][]byte, unit expireUnit, fullName string, r *Reply) {
	o, ok := parseExpireConditions(args[3:], r)
	if !ok {
		return
	}
	at, ok := intArg(args[2], r)
	if !ok {
		return
	}
	if unit == ex || unit == exAt {
		if at > math.MaxInt64/1000 || at < math.MinInt64/1000 {
			expireTime(r, fullName)
			return
		}
		at *= 1000
	}
	if unit == ex || unit == px {
		if at > math.MaxInt64-c.Now {
			expireTime(r, fullName)
			return
		}
		at += c.Now
	}
	it, found := c.get(args[1])
	if !found || !o.allow(it.ExpireAt, at) {
		r.Int(0)
		return
	}
	if at <= c.Now {
		c.Store.Delete(args[1])
	} else {
		c.Store.Set(args[1], it.Value, at)
	}
	r.Int(1)
}

// PERSIST key
func persist(c *Context, args [][]byte, r *Reply) {
	it, found := c.get(args[1])
	if !found || it.ExpireAt == 0 {
		r.Int(0)
		return
	}
	c.Store.Set(args[1], it.Value, 0)
	r.Int(1)
}

// TTL key
func ttl(c *Context, args [][]byte, r *Reply) { timeToLive(c, args[1], c.Now, 1000, r) }

// PTTL key
func pTTL(c *Context, args [][]byte, r *Reply) { timeToLive(c, args[1], c.Now, 1, r) }

// EXPIRETIME key
func expireTimeOf(c *Context, args [][]byte, r *Reply) { timeToLive(c, args[1], 0, 1000, r) }

// PEXPIRETIME key
func pExpireTimeOf(c *Context, args [][]byte, r *Reply) { timeToLive(c, args[1], 0, 1, r) }

// timeToLive answers with the time from since to the key's expiry, in units of so
// many milliseconds, rounded to the nearest; -1: never, -2: no such key.
func timeToLive(c *Context, key []byte, since, unit int64, r *Reply) {
	it, found := c.get(key)
	switch {
	case !found:
		r.Int(-2)
	case it.ExpireAt == 0:
		r.Int(-1)
	case unit == 1:
		r.Int(it.ExpireAt - since)
	default:
		// Adding half a unit first would overflow at the end of the range.
		left := it.ExpireAt - since
		r.Int(left/unit + (left%unit+unit/2)/unit)
	}
}

// RINGKV.EXPIRE key [key ...]: deletes the keys that have expired.
func deleteExpired(c *Context, args [][]byte, r *Reply) {
	n := int64(0)
	for _, key := range args[1:] {
		if it, ok := c.Store.Get(key); ok && it.Expired(c.Now) {
			c.Store.Expire(key)
			n++
		}
	}
	r.Int(n)
}
