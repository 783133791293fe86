package command

import (
	"math/rand/v2"

	"github.com/ringkv/ringkv/internal/kv/store"
)

const (
	// randomSample is the number of neighbouring keys of which RANDOMKEY takes
	// one. The place where they begin is chosen blindly, so of one key alone that
	// after a large gap would be drawn more often; among many the gaps even out.
	randomSample = 64
	// randomWhole is the number of keys up to which it looks at all of them.
	randomWhole = 1024
)

// RANDOMKEY. A partition of several answers with the number of its keys, by which
// MergeRandom weighs it, and with one of them.
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
	seen := 0
	look := func(k []byte, it store.Item) bool {
		if it.Expired(c.Now) {
			return true
		}
		seen++
		if rand.IntN(seen) == 0 {
			key = k
		}
		return true
	}
	start, enough := rand.Uint64N(store.CursorEnd), randomSample
	if c.Store.Len() <= randomWhole {
		start, enough = 0, randomWhole
	}
	for _, from := range []uint64{start, 0} { // to the end, then around
		for cursor := from; seen < enough; {
			cursor = c.Store.Scan(cursor, randomSample, look)
			if cursor == 0 {
				break
			}
		}
		if start == 0 {
			break
		}
	}
	return key, seen > 0
}
