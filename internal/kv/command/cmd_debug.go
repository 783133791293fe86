package command

import "strconv"

// DEBUG OBJECT key. What Redis shows as the address is the version of the value: it
// tells two values of a key apart, as the address does there.
func debugObject(c *Context, args [][]byte, r *Reply) {
	it, found := c.get(args[2])
	if !found {
		r.Error("ERR no such key")
		return
	}
	serialized := appendRDBString(c.scratch[:0], it.Value)
	c.keep(serialized)
	r.Simple("Value at:0x" + strconv.FormatUint(it.Version, 16) + " refcount:1 encoding:" + encoding(it.Value) +
		" serializedlength:" + strconv.Itoa(len(serialized)) + " lru:0 lru_seconds_idle:0")
}
