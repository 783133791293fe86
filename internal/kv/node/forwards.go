package node

import (
	"slices"
	"sync"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// forwards keeps the calls that other nodes work on, by request ID.
type forwards struct {
	mu   sync.Mutex
	next uint64
	open map[uint64]forwarded
}

func (f *forwards) add(x forwarded) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next++
	f.open[f.next] = x
	return f.next
}

func (f *forwards) take(id uint64) (forwarded, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	x, ok := f.open[id]
	delete(f.open, id)
	return x, ok
}

// takeAll removes the calls that match, in the order in which they were sent.
func (f *forwards) takeAll(match func(forwarded) bool) []forwarded {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []forwarded
	var ids []uint64
	for id, x := range f.open {
		if match(x) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for _, id := range ids {
		out = append(out, f.open[id])
		delete(f.open, id)
	}
	return out
}

// lostTo removes the calls that a node works on.
func (f *forwards) lostTo(node cluster.NodeID) []forwarded {
	return f.takeAll(func(x forwarded) bool { return x.to == node })
}

// expired removes the calls whose deadline has passed.
func (f *forwards) expired(now int64) []forwarded {
	return f.takeAll(func(x forwarded) bool { return x.request.Deadline <= now })
}

func (f *forwards) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.open)
}
