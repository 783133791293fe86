package node

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ringkv/ringkv/internal/kv/replica"
)

// held keeps requests for changes that have nothing to tell yet, by partition, at the
// node that leads it. A change that one is about, another leader or the end of its wait
// brings it back on its way, as if it had just come.
type held struct {
	count atomic.Int64 // of calls: with none, a change costs a look at it

	mu         sync.Mutex
	partitions map[uint32]*heldCalls // without those that hold none
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
	h := n.held.partitions[p]
	if h == nil {
		h = newHeldCalls()
		n.held.partitions[p] = h
	}
	h.add(c, seen)
	n.held.count.Add(1)
	n.held.mu.Unlock()
	// What was applied between the answer and now did not wake it.
	st := r.Store()
	st.RLock()
	missed := st.Revision() != seen
	st.RUnlock()
	switch _, leading := r.Leadership(); {
	case !leading:
		n.shardOf(p).post(event{fn: func() { n.resume(p) }})
	case missed:
		n.shardOf(p).post(event{fn: func() { n.changed(r) }})
	}
	return true
}

// changed brings back the held calls that the newest changes of a replica concern.
func (n *Node) changed(r *replica.Replica) {
	if n.held.count.Load() == 0 {
		return
	}
	st := r.Store()
	n.wake(r.Partition(), func(h *heldCalls) []*replica.Request {
		st.RLock()
		defer st.RUnlock()
		return h.takeConcerned(st)
	})
}

// resume brings all held calls of a partition back on their way.
func (n *Node) resume(partition uint32) {
	if n.held.count.Load() == 0 {
		return
	}
	n.wake(partition, func(h *heldCalls) []*replica.Request {
		return h.take(func(*replica.Request) bool { return true })
	})
}

// wake brings back the calls of a partition that take removes.
func (n *Node) wake(partition uint32, take func(*heldCalls) []*replica.Request) {
	n.held.mu.Lock()
	var calls []*replica.Request
	if h := n.held.partitions[partition]; h != nil {
		calls = n.held.remove(partition, h, take)
	}
	n.held.mu.Unlock()
	for _, c := range calls {
		n.execute(c)
	}
}

// remove removes calls of a partition. The caller holds mu.
func (d *held) remove(partition uint32, h *heldCalls, take func(*heldCalls) []*replica.Request) []*replica.Request {
	calls := take(h)
	if len(h.calls) == 0 {
		delete(d.partitions, partition)
	}
	d.count.Add(-int64(len(calls)))
	return calls
}

// resumeOverdue brings back calls whose wait is over.
func (n *Node) resumeOverdue() {
	if n.held.count.Load() == 0 {
		return
	}
	now := n.clock.Monotonic()
	var overdue []*replica.Request
	n.held.mu.Lock()
	for _, p := range slices.Sorted(maps.Keys(n.held.partitions)) {
		overdue = append(overdue, n.held.remove(p, n.held.partitions[p], func(h *heldCalls) []*replica.Request {
			return h.take(func(c *replica.Request) bool { return c.Hold <= now })
		})...)
	}
	n.held.mu.Unlock()
	for _, c := range overdue {
		n.execute(c)
	}
}

// takeHeld removes and returns all held calls, by rising partition, when the node stops.
func (n *Node) takeHeld() (all []*replica.Request) {
	n.held.mu.Lock()
	defer n.held.mu.Unlock()
	for _, p := range slices.Sorted(maps.Keys(n.held.partitions)) {
		all = append(all, n.held.partitions[p].calls...)
	}
	clear(n.held.partitions)
	n.held.count.Store(0)
	return all
}
