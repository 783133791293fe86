package command

import (
	"sync"

	"github.com/ringkv/ringkv/internal/kv/store"
)

// Context is what a command runs in. Whoever runs it holds the store's lock, for
// writing if the command writes.
type Context struct {
	Store *store.Store
	// Now is the time in milliseconds since the Unix epoch. For a write it is
	// the leader's, taken from the batch.
	Now int64
	// Partition and Partitions say which one the store is, out of how many.
	Partition, Partitions uint32

	// scratch is room to put a value together; it grows to what was needed.
	scratch []byte
}

// MaxValueBytes is the longest value that a command may make out of shorter ones.
// It is what a client can send by default, so that nothing is made that could not
// be copied. It is part of what commands mean, so it is no setting.
const MaxValueBytes = 64 << 20

// maxScratch is the room that a context keeps from one command to the next.
const maxScratch = 1 << 20

// get returns what a key holds, unless it has expired.
func (c *Context) get(key []byte) (store.Item, bool) {
	it, ok := c.Store.Get(key)
	if ok && it.Expired(c.Now) {
		return store.Item{}, false
	}
	return it, ok
}

// set makes a key hold a value until expireAt (0: for ever). What would be expired
// at once is deleted instead.
func (c *Context) set(key, value []byte, expireAt int64) {
	if expireAt != 0 && expireAt <= c.Now {
		c.Store.Delete(key)
		return
	}
	c.Store.Set(key, value, expireAt)
}

// room returns a buffer of n bytes of unknown content, valid until the next use.
func (c *Context) room(n int) []byte {
	if n > cap(c.scratch) {
		if n > maxScratch {
			return make([]byte, n)
		}
		c.scratch = make([]byte, max(n, 2*cap(c.scratch)))
	}
	return c.scratch[:n]
}

// Contexts lends contexts to reads, so that a read allocates nothing. The zero
// value is ready; any goroutine may use it.
type Contexts struct{ pool sync.Pool }

// Read runs a read on a store, whose lock it takes, and puts the reply into the
// call, which it does not complete. Now is in milliseconds since the Unix epoch.
func (p *Contexts) Read(c *Call, st *store.Store, now int64, partition, partitions uint32) {
	ctx, ok := p.pool.Get().(*Context)
	if !ok {
		ctx = new(Context)
	}
	ctx.Store, ctx.Now, ctx.Partition, ctx.Partitions = st, now, partition, partitions
	st.RLock()
	c.Run(ctx)
	st.RUnlock()
	ctx.Store = nil
	p.pool.Put(ctx)
}
