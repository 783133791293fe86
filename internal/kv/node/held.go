package node

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ringkv/ringkv/internal/kv/replica"
)

// held keeps requests for changes that have nothing to tell yet, by partition, at the
// node that leads it. A change, another leader or the end of their wait brings them back
// on their way, as if they had just come.
type held struct {
	count atomic.Int64 // of calls: with none, a change costs a look at it

	mu    sync.Mutex
	calls map[uint32][]*replica.Request
}

// executed takes back a call that a replica here has answered.
func (n *Node) executed(c *replica.Request) {
	if !n.hold(c) {
		n.Finish(c, replica.Done)
	}
}

// hold keeps a call whose answer tells nothing, if it has time left. It returns whether
// it did.
func (n *Node) hold(c *replica.Request) bool {
	wait := c.Call.ChangesWait()
	if wait == 0 {
		return false
	}
	now := n.clock.Monotonic()
	if c.Hold == 0 {
		c.Hold = now + wait.Nanoseconds()
	}
	p := c.Partition
	r := n.replica(p)
	if now >= c.Hold || r == nil {
		return false
	}
	seen, ok := c.Call.GoOn()
	if !ok {
		return false
	}
	n.held.mu.Lock()
	n.held.calls[p] = append(n.held.calls[p], c)
	n.held.count.Add(1)
	n.held.mu.Unlock()
	// What was applied between the answer and now woke nobody.
	st := r.Store()
	st.RLock()
	missed := st.Revision() != seen
	st.RUnlock()
	if _, leading := r.Leadership(); missed || !leading {
		n.shardOf(p).post(event{fn: func() { n.resume(p) }})
	}
	return true
}

// resume brings the held calls of a partition back on their way.
func (n *Node) resume(partition uint32) {
	if n.held.count.Load() == 0 {
		return
	}
	n.held.mu.Lock()
	calls := n.held.calls[partition]
	delete(n.held.calls, partition)
	n.held.count.Add(-int64(len(calls)))
	n.held.mu.Unlock()
	for _, c := range calls {
		n.execute(c)
	}
}

// resumeOverdue brings back calls whose wait is over.
func (n *Node) resumeOverdue() {
	if n.held.count.Load() == 0 {
		return
	}
	now := n.clock.Monotonic()
	var overdue []*replica.Request
	n.held.mu.Lock()
	for _, p := range slices.Sorted(maps.Keys(n.held.calls)) {
		calls := n.held.calls[p]
		kept := calls[:0]
		for _, c := range calls {
			if c.Hold <= now {
				overdue = append(overdue, c)
			} else {
				kept = append(kept, c)
			}
		}
		clear(calls[len(kept):])
		n.held.calls[p] = kept
	}
	n.held.count.Add(-int64(len(overdue)))
	n.held.mu.Unlock()
	for _, c := range overdue {
		n.execute(c)
	}
}

// takeHeld removes and returns all held calls, by rising partition, when the node stops.
func (n *Node) takeHeld() (all []*replica.Request) {
	n.held.mu.Lock()
	defer n.held.mu.Unlock()
	for _, p := range slices.Sorted(maps.Keys(n.held.calls)) {
		all = append(all, n.held.calls[p]...)
		delete(n.held.calls, p)
	}
	n.held.count.Store(0)
	return all
}
