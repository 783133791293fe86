package node

import (
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// routing knows the leader of every partition: from the node's own replicas, and
// from what leaders tell everybody. It works without the coordinator.
type routing struct {
	self      cluster.NodeID
	monotonic func() int64
	entries   []atomic.Pointer[cluster.Leadership] // by partition; nil while unknown
	history   []leaderHistory                      // by partition
	changes   atomic.Uint64                        // of what clients are told

	mu      sync.Mutex                   // held while an entry changes
	known   int                          // partitions with a leader; guarded by mu
	broken  int64                        // since when not all have one, see leaderless; guarded by mu
	waiting map[uint32]map[uint64]func() // run when the partition's entry changes; guarded by mu
	nextID  uint64                       // guarded by mu
}

// neverWhole is the time since when partitions lack a leader on a node that has not
// known all leaders yet.
const neverWhole = math.MinInt64

// newRouting takes a clock in nanoseconds.
func newRouting(self cluster.NodeID, partitions int, monotonic func() int64) *routing {
	return &routing{
		self:      self,
		monotonic: monotonic,
		entries:   make([]atomic.Pointer[cluster.Leadership], partitions),
		history:   make([]leaderHistory, partitions),
		broken:    neverWhole,
		waiting:   map[uint32]map[uint64]func(){},
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
	t.mu.Lock()
	old := entry.Load()
	if old != nil && !newer(&news, old, local) {
		t.mu.Unlock()
		return false
	}
	entry.Store(&news)
	had, has := old != nil && old.Leader.Node != "", news.Leader.Node != ""
	if has != had {
		t.count(has)
	}
	t.note(&news)
	fns := t.waiting[news.Partition]
	delete(t.waiting, news.Partition)
	t.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(fns)) {
		fns[id]()
	}
	return true
}

// count notes that a partition has a leader now, or has none any more. The caller
// holds mu.
func (t *routing) count(has bool) {
	if has {
		t.known++
		return
	}
	if t.known == len(t.entries) {
		t.broken = t.monotonic()
	}
	t.known--
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

// leaderless returns how many partitions have no known leader, and for how long not
// all have had one: for ever on a node that never knew all.
func (t *routing) leaderless() (partitions int, since time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch missing := len(t.entries) - t.known; {
	case missing == 0:
		return 0, 0
	case t.broken == neverWhole:
		return missing, math.MaxInt64
	default:
		return missing, time.Duration(t.monotonic() - t.broken)
	}
}

// smallestMajority returns the smallest number of voters that make a majority of
// their partition: on so many replicas every acknowledged write certainly is.
func (t *routing) smallestMajority() int {
	smallest := 0
	for i := range t.entries {
		e := t.entries[i].Load()
		if e == nil || len(e.Voters) == 0 {
			return 1 // the leader's own, more is not known
		}
		if majority := len(e.Voters)/2 + 1; smallest == 0 || majority < smallest {
			smallest = majority
		}
	}
	return smallest
}
