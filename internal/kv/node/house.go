package node

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/replica"
)

// memory counts what the data of a node takes.
type memory struct {
	limit uint64 // bytes; 0 means none
	used  atomic.Uint64
	// claimed is what writes will add that were let through in the last
	// claimPeriods counts: some of it is in used already, some not yet.
	claimed [claimPeriods]atomic.Uint64
	period  atomic.Uint32 // the current one of claimed
}

// claimPeriods is for how many counts a claim stands. In that time the write is
// applied, unless the group has other trouble.
const claimPeriods = 20

func (m *memory) full() bool { return m.limit > 0 && m.used.Load() >= m.limit }

// claim reserves memory for a write that needs more than it carries. It returns
// false when there is too little.
func (m *memory) claim(n uint64) bool {
	if m.limit == 0 || n == 0 {
		return true
	}
	current := &m.claimed[m.period.Load()]
	current.Add(n)
	sum := m.used.Load()
	for i := range m.claimed {
		sum += m.claimed[i].Load()
	}
	if sum <= m.limit {
		return true
	}
	current.Add(-n)
	return false
}

// count takes note of what is used now.
func (m *memory) count(used uint64) {
	m.used.Store(used)
	next := (m.period.Load() + 1) % claimPeriods
	m.claimed[next].Store(0)
	m.period.Store(next)
}

const (
	houseInterval  = 100 * time.Millisecond
	gossipInterval = 5 * time.Second
)

// keepHouse does what has no other occasion: calls whose deadline has passed,
// memory, log space, and repeating to peers who leads, should news have got lost.
func (n *Node) keepHouse() {
	ticker := time.NewTicker(houseInterval)
	defer ticker.Stop()
	for {
		select {
		case <-n.stopping:
			return
		case <-ticker.C:
		}
		n.lookAfterHouse()
	}
}

func (n *Node) lookAfterHouse() {
	now := n.clock.Monotonic()
	for _, f := range n.forwards.expired(now) {
		n.forwardLost(f)
	}
	n.countMemory()
	n.freeLog()
	n.forgetFormer()
	n.resumeOverdue()
	n.endDoubt()
	if n.nextGossip == 0 {
		n.nextGossip = now + n.gossipPause()
	}
	if now < n.nextGossip {
		return
	}
	n.nextGossip = now + n.gossipPause()
	if v := n.view.Load(); v != nil {
		for _, m := range v.m.Members {
			if m.ID != n.id {
				n.Connected(m.ID)
			}
		}
	}
}

// gossipPause returns nanoseconds that differ between nodes and times.
func (n *Node) gossipPause() int64 {
	return gossipInterval.Nanoseconds() + n.random.Int64N(gossipInterval.Nanoseconds())
}

func (n *Node) countMemory() {
	var used uint64
	for _, r := range n.allReplicas() {
		st := r.Store()
		st.RLock()
		used += uint64(st.MemoryBytes())
		st.RUnlock()
	}
	n.memory.count(used)
}

// freeLog compacts the partition that holds the oldest log segment back, once the
// log has grown past what the partitions' own limits explain.
func (n *Node) freeLog() {
	v := n.view.Load()
	if v == nil {
		return
	}
	p, retained, ok := n.log.Holding()
	if !ok || retained < 4*v.m.Settings.CompactionBytes {
		return
	}
	if r := n.replica(p); r != nil {
		s := n.shardOf(p)
		s.post(event{r: r, fn: r.Compact})
	}
}

// endDoubt lets the log forget that its end was cut, when no replica minds any more.
func (n *Node) endDoubt() {
	if !n.log.Doubtful() || slices.ContainsFunc(n.allReplicas(), (*replica.Replica).Doubtful) {
		return
	}
	n.log.EndDoubt()
}

// beat notes that a shard's loop is alive.
func (n *Node) beat(s *shard) {
	if s == n.shards[0] {
		n.beats.Store(n.clock.Monotonic())
	}
	if n.draining.Load() {
		for _, r := range s.inOrder {
			if r.HandOver(func(cluster.NodeID) bool { return false }) {
				s.touch(r)
			}
		}
	}
}

// Healthy tells whether the event loops run.
func (n *Node) Healthy() bool {
	const stalled = 10 * time.Second
	return n.clock.Monotonic()-n.beats.Load() < stalled.Nanoseconds()
}

// electionGrace is how long partitions may lack a leader before a node that served
// them counts as not ready: an election or a hand-over takes less, and calls wait
// for it. To take all nodes out of a Service for that long would be the failure.
const electionGrace = 3 * time.Second

// Ready tells whether the node can serve every key, and if not, why.
func (n *Node) Ready() (bool, string) {
	v := n.view.Load()
	switch {
	case v == nil:
		return false, "waiting to be taken into a cluster"
	case n.draining.Load():
		return false, "stopping: leaderships are handed over"
	}
	if missing, since := v.routing.leaderless(); missing > 0 && since > electionGrace {
		return false, fmt.Sprintf("%d partitions have no known leader", missing)
	}
	return true, ""
}

// context returns a context that ends when the node stops.
func (n *Node) context() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		select {
		case <-n.stopping:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}
