package node

import (
	"sync"
	"sync/atomic"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// routing knows the leader of every partition: from the node's own replicas, and
// from what leaders tell everybody. It works without the coordinator.
type routing struct {
	entries []atomic.Pointer[cluster.Leadership] // by partition; nil while unknown
	known   atomic.Int64                         // partitions with a leader

	mu      sync.Mutex
	waiting map[uint32]map[uint64]func() // run when the partition's entry changes
	nextID  uint64
}

func newRouting(partitions int) *routing {
	return &routing{
		entries: make([]atomic.Pointer[cluster.Leadership], partitions),
		waiting: map[uint32]map[uint64]func(){},
	}
}

// leader returns the node that leads a partition, or "" when none is known.
func (t *routing) leader(partition uint32) cluster.NodeID {
	if e := t.entries[partition].Load(); e != nil {
		return e.Leader.Node
	}
	return ""
}

// learn takes over news that are newer than what is known: of a later term, or of
// the same term with a leader where none was known or with a later configuration.
// A replica of this node (local) can also say that it no longer knows the leader.
// It tells whether anything changed.
func (t *routing) learn(news cluster.Leadership, local bool) bool {
	if int(news.Partition) >= len(t.entries) {
		return false
	}
	entry := &t.entries[news.Partition]
	for {
		old := entry.Load()
		if old != nil && !newer(&news, old, local) {
			return false
		}
		if !entry.CompareAndSwap(old, &news) {
			continue
		}
		had := old != nil && old.Leader.Node != ""
		has := news.Leader.Node != ""
		if has && !had {
			t.known.Add(1)
		} else if had && !has {
			t.known.Add(-1)
		}
		break
	}
	t.mu.Lock()
	fns := t.waiting[news.Partition]
	delete(t.waiting, news.Partition)
	t.mu.Unlock()
	for _, fn := range fns {
		fn()
	}
	return true
}

func newer(a, b *cluster.Leadership, local bool) bool {
	switch {
	case a.Term != b.Term:
		return a.Term > b.Term
	case a.Leader.Node != b.Leader.Node:
		// Within a term there is at most one leader.
		return b.Leader.Node == "" || local
	default:
		return a.ConfIndex > b.ConfIndex
	}
}

// onChange runs fn once, when the partition's entry next changes, on any
// goroutine. The returned function takes that back.
func (t *routing) onChange(partition uint32, fn func()) (cancel func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.nextID++
	id := t.nextID
	if t.waiting[partition] == nil {
		t.waiting[partition] = map[uint64]func(){}
	}
	t.waiting[partition][id] = fn
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.waiting[partition], id)
	}
}

// missing returns how many partitions have no known leader.
func (t *routing) missing() int { return len(t.entries) - int(t.known.Load()) }
