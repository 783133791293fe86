package node

import (
	"maps"
	"slices"
	"sync"

	"github.com/ringkv/ringkv/internal/kv/replica"
)

// waiting holds the calls that cannot go anywhere yet, by partition and in order:
// a write that comes while earlier ones wait joins them, so that writes of one
// client do not overtake each other when they are tried again.
type waiting struct {
	mu    sync.Mutex
	calls map[uint32][]*replica.Request
}

// join adds a call to those that wait for its partition. Unless always is set it
// does so only if there are any. It returns, with always, whether the call is the
// first, so that somebody must call takeAll later; otherwise whether it joined.
func (w *waiting) join(c *replica.Request, always bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.calls[c.Partition]
	if !always && len(before) == 0 {
		return false
	}
	w.calls[c.Partition] = append(before, c)
	return !always || len(before) == 0
}

// takeAll removes and returns what waits for a partition.
func (w *waiting) takeAll(partition uint32) []*replica.Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	calls := w.calls[partition]
	delete(w.calls, partition)
	return calls
}

// partitions returns those for which calls wait.
func (w *waiting) partitions() []uint32 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(maps.Keys(w.calls))
}
