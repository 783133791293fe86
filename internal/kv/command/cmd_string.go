package command

// GET key
func get(c *Context, args [][]byte, r *Reply) { value(c, args[1], r) }

func value(c *Context, key []byte, r *Reply) {
	if it, ok := c.get(key); ok {
		r.Bulk(it.Value)
		return
	}
	r.Null()
}

// GETDEL key
func getDel(c *Context, args [][]byte, r *Reply) {
	it, ok := c.get(args[1])
	if !ok {
		r.Null()
		return
	}
	r.Bulk(it.Value)
	c.Store.Delete(args[1])
}

// GETSET key value
func getSet(c *Context, args [][]byte, r *Reply) {
	value(c, args[1], r)
	c.Store.Set(args[1], args[2], 0)
}

// SETNX key value
func setNX(c *Context, args [][]byte, r *Reply) {
	if _, ok := c.get(args[1]); ok {
		r.Int(0)
		return
	}
	c.Store.Set(args[1], args[2], 0)
	r.Int(1)
}

// MGET key [key ...]
func mGet(c *Context, args [][]byte, r *Reply) {
	r.Array(len(args) - 1)
	for _, key := range args[1:] {
		value(c, key, r)
	}
}

// MSET key value [key value ...]
func mSet(c *Context, args [][]byte, r *Reply) {
	if len(args)%2 == 0 {
		r.Error(arityError("mset"))
		return
	}
	for i := 1; i < len(args); i += 2 {
		c.Store.Set(args[i], args[i+1], 0)
	}
	r.OK()
}

// MSETNX key value [key value ...]
func mSetNX(c *Context, args [][]byte, r *Reply) {
	if len(args)%2 == 0 {
		r.Error(arityError("msetnx"))
		return
	}
	for i := 1; i < len(args); i += 2 {
		if _, taken := c.get(args[i]); taken {
			r.Int(0)
			return
		}
	}
	for i := 1; i < len(args); i += 2 {
		c.Store.Set(args[i], args[i+1], 0)
	}
	r.Int(1)
}

// STRLEN key
func strLen(c *Context, args [][]byte, r *Reply) {
	it, _ := c.get(args[1])
	r.Int(int64(len(it.Value)))
}

// APPEND key value
func appendValue(c *Context, args [][]byte, r *Reply) {
	it, ok := c.get(args[1])
	if ok && !fits(int64(len(it.Value)), len(args[2]), r) {
		return
	}
	value := c.room(len(it.Value) + len(args[2]))
	copy(value[copy(value, it.Value):], args[2])
	c.Store.Set(args[1], value, it.ExpireAt)
	r.Int(int64(len(value)))
}

// GETRANGE key start end
func getRange(c *Context, args [][]byte, r *Reply) {
	start, ok := intArg(args[2], r)
	if !ok {
		return
	}
	end, ok := intArg(args[3], r)
	if !ok {
		return
	}
	it, _ := c.get(args[1])
	n := int64(len(it.Value))
	if start < 0 && end < 0 && start > end {
		r.Bulk(nil)
		return
	}
	if start < 0 {
		start = max(n+start, 0)
	}
	if end < 0 {
		end = max(n+end, 0)
	}
	end = min(end, n-1)
	if start > end {
		r.Bulk(nil)
		return
	}
	r.Bulk(it.Value[start : end+1])
}

// SETRANGE key offset value
func setRange(c *Context, args [][]byte, r *Reply) {
	offset, ok := intArg(args[2], r)
	if !ok {
		return
	}
	if offset < 0 {
		r.Error(ErrOffset)
		return
	}
	it, _ := c.get(args[1])
	if len(args[3]) == 0 {
		r.Int(int64(len(it.Value)))
		return
	}
	if !fits(offset, len(args[3]), r) {
		return
	}
	from, to := int(offset), int(offset)+len(args[3])
	value := c.grown(it.Value, int64(to))
	copy(value[from:to], args[3])
	c.Store.Set(args[1], value, it.ExpireAt)
	r.Int(int64(len(value)))
}

// fits checks the length of a value that is put together, or adds the error reply.
func fits(before int64, more int, r *Reply) bool {
	if before > MaxValueBytes-int64(more) {
		r.Error(ErrTooLong)
		return false
	}
	return true
}
