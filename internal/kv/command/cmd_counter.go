package command

import (
	"math"
	"strconv"
)

// INCR key
func incr(c *Context, args [][]byte, r *Reply) { add(c, args[1], 1, r) }

// DECR key
func decr(c *Context, args [][]byte, r *Reply) { add(c, args[1], -1, r) }

// INCRBY key increment
func incrBy(c *Context, args [][]byte, r *Reply) {
	if by, ok := intArg(args[2], r); ok {
		add(c, args[1], by, r)
	}
}

// DECRBY key decrement
func decrBy(c *Context, args [][]byte, r *Reply) {
	by, ok := intArg(args[2], r)
	if !ok {
		return
	}
	if by == math.MinInt64 {
		r.Error(ErrDecrOverflow)
		return
	}
	add(c, args[1], -by, r)
}

func add(c *Context, key []byte, by int64, r *Reply) {
	n := int64(0)
	it, found := c.get(key)
	if found {
		var ok bool
		if n, ok = intArg(it.Value, r); !ok {
			return
		}
	}
	if by < 0 && n < math.MinInt64-by || by > 0 && n > math.MaxInt64-by {
		r.Error(ErrOverflow)
		return
	}
	n += by
	var digits [20]byte
	c.Store.Set(key, strconv.AppendInt(digits[:0], n, 10), it.ExpireAt)
	r.Int(n)
}

// INCRBYFLOAT key increment
func incrByFloat(c *Context, args [][]byte, r *Reply) {
	it, found := c.get(args[1])
	value := longDouble{}
	if found {
		var ok bool
		if value, ok = parseLongDouble(it.Value); !ok {
			r.Error(ErrNotFloat)
			return
		}
	}
	by, ok := parseLongDouble(args[2])
	if !ok {
		r.Error(ErrNotFloat)
		return
	}
	sum, ok := value.plus(by)
	if !ok {
		r.Error(ErrNaNOrInfinity)
		return
	}
	text := sum.text()
	c.Store.Set(args[1], text, it.ExpireAt)
	r.Bulk(text)
}
