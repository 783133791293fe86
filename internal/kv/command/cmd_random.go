package command

import (
	"math/rand/v2"

	"github.com/ringkv/ringkv/internal/kv/store"
)

// randomTries is how many places of the store RANDOMKEY looks at before it takes the
// next key that it finds. If one place of a hundred has a key that has not expired, all
// tries fail with a chance of 10^-17: only where nearly all keys have expired, or were
// deleted a moment ago, are keys after a gap drawn more often than others.
const randomTries = 4096

// RANDOMKEY. A partition of several answers with the number of its keys, by which
// MergeRandom weighs it, and with one of them. Keys that have expired and are not
// deleted yet count for their partition.
func randomKey(c *Context, _ [][]byte, r *Reply) {
	key, found := c.randomKey()
	if c.Partitions > 1 {
		r.Array(2)
		r.Int(int64(c.Store.Len()))
	}
	if !found {
		r.Null()
		return
	}
	r.Bulk(key)
}

// randomKey returns a key that has not expired, if there is one.
func (c *Context) randomKey() (key []byte, found bool) {
	if c.Store.Len() == 0 {
		return nil, false
	}
	places := c.Store.Places()
	for range randomTries {
		if key, it, ok := c.Store.At(rand.Uint64N(places)); ok && !it.Expired(c.Now) {
			return key, true
		}
	}
	take := func(k []byte, it store.Item) bool {
		if !it.Expired(c.Now) {
			key, found = k, true
		}
		return !found
	}
	for _, from := range []uint64{rand.Uint64N(store.CursorEnd), 0} { // to the end, then around
		for cursor := from; !found; {
			if cursor = c.Store.Scan(cursor, 1024, take); cursor == 0 {
				break
			}
		}
	}
	return key, found
}
