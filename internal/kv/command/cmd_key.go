package command

// DEL key [key ...], UNLINK key [key ...]
func del(c *Context, args [][]byte, r *Reply) {
	n := int64(0)
	for _, key := range args[1:] {
		_, seen := c.get(key) // an expired key goes too, but does not count
		c.Store.Delete(key)
		if seen {
			n++
		}
	}
	r.Int(n)
}

// EXISTS key [key ...], TOUCH key [key ...]
func exists(c *Context, args [][]byte, r *Reply) {
	n := int64(0)
	for _, key := range args[1:] {
		if _, ok := c.get(key); ok {
			n++
		}
	}
	r.Int(n)
}

// TYPE key
func typeOf(c *Context, args [][]byte, r *Reply) {
	if _, ok := c.get(args[1]); ok {
		r.Simple("string")
		return
	}
	r.Simple("none")
}

// DBSIZE. Keys that have expired count until they are deleted.
func dbSize(c *Context, _ [][]byte, r *Reply) { r.Int(int64(c.Store.Len())) }

// FLUSHALL [ASYNC | SYNC], FLUSHDB [ASYNC | SYNC]
func flush(c *Context, args [][]byte, r *Reply) {
	if len(args) > 2 || len(args) == 2 && !is(args[1], "ASYNC") && !is(args[1], "SYNC") {
		r.Error(ErrSyntax)
		return
	}
	c.Store.Clear()
	r.OK()
}
