package command

import (
	"strconv"

	"github.com/ringkv/ringkv/internal/kv/ring"
	"github.com/ringkv/ringkv/internal/kv/store"
)

// slotArg returns the slot that an argument names, or false after adding the error
// that Redis gives.
func slotArg(arg []byte, r *Reply) (uint16, bool) {
	slot, err := strconv.ParseInt(string(arg), 10, 64)
	if err != nil {
		r.Error(ErrNotInteger)
		return 0, false
	}
	if slot < 0 || slot >= ring.Slots {
		r.Error("ERR Invalid slot")
		return 0, false
	}
	return uint16(slot), true
}

// CLUSTER COUNTKEYSINSLOT slot
func countKeysInSlot(c *Context, args [][]byte, r *Reply) {
	slot, ok := slotArg(args[2], r)
	if !ok {
		return
	}
	n := int64(0)
	c.eachInSlot(slot, func([]byte) bool { n++; return true })
	r.Int(n)
}

// CLUSTER GETKEYSINSLOT slot count
func getKeysInSlot(c *Context, args [][]byte, r *Reply) {
	slot, ok := slotArg(args[2], r)
	if !ok {
		return
	}
	most, ok := intArg(args[3], r)
	if !ok {
		return
	}
	if most < 0 {
		r.Error("ERR Invalid slot or number of keys")
		return
	}
	found := int64(0)
	keys := Reply{Buf: c.scratch[:0]}
	if most > 0 {
		c.eachInSlot(slot, func(key []byte) bool {
			keys.Bulk(key)
			found++
			return found < most
		})
	}
	c.keep(keys.Buf)
	r.Array(int(found))
	r.Buf = append(r.Buf, keys.Buf...)
}

// eachInSlot calls fn for the keys of a slot, until it returns false. It looks at
// all keys of the partition: these commands are for people who look for a fault.
func (c *Context) eachInSlot(slot uint16, fn func(key []byte) bool) {
	stopped := false
	each := func(key []byte, it store.Item) bool {
		stopped = !it.Expired(c.Now) && ring.Slot(key) == slot && !fn(key)
		return !stopped
	}
	for next := c.Store.Scan(0, 1000, each); next != 0 && !stopped; {
		next = c.Store.Scan(next, 1000, each)
	}
}
