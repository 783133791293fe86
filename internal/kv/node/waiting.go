package node

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/replica"
)

// waiting keeps the writes of clients in order, so that those of one client do not
// overtake each other when they are tried again:
//
//   - What cannot go anywhere yet waits, by partition and in order, and a write that
//     comes meanwhile waits behind it.
//   - All writes of a partition that are under way are under way to one node. One
//     that would go elsewhere waits until those are answered.
//   - What was not executed is tried again when nothing is under way any more: what
//     was sent behind it was refused as well (see refusals), and has joined, be it
//     in another order.
//   - While it goes again, what comes new waits.
type waiting struct {
	mu         sync.Mutex
	partitions map[uint32]*line
}

// line is what there is of a partition. One that is empty is not kept. What waits in
// it has been promised a takeAll: because it is armed, due, or leaving.
type line struct {
	calls    []*replica.Request // that wait
	armed    bool               // somebody calls takeAll later
	underWay int
	to       cluster.NodeID // where all that is under way went
	due      bool           // they are to go as soon as nothing is under way
	leaving  bool           // what waited is going again, from takeAll to gone
}

// ownWrite is the origin of a write of this node's clients that is under way.
type ownWrite struct {
	first bool // nothing was under way before it
}

func (w *waiting) line(partition uint32) *line {
	l := w.partitions[partition]
	if l == nil {
		l = &line{}
		w.partitions[partition] = l
	}
	return l
}

func (w *waiting) drop(partition uint32, l *line) {
	if l.underWay == 0 && len(l.calls) == 0 && !l.leaving {
		delete(w.partitions, partition)
	}
}

// mustWait tells whether a write has others before it; again means that it is one of
// those that are leaving.
func (l *line) mustWait(again bool) bool { return len(l.calls) > 0 || l.leaving && !again }

// enter notes that a write is under way to a node, unless it has to wait behind
// others. It tells which.
func (w *waiting) enter(c *replica.Request, to cluster.NodeID, again bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.line(c.Partition)
	if l.mustWait(again) {
		l.calls = append(l.calls, c)
		return false
	}
	if l.underWay > 0 && l.to != to {
		l.calls, l.due = append(l.calls, c), true
		return false
	}
	c.Origin = ownWrite{first: l.underWay == 0}
	l.underWay++
	l.to = to
	return true
}

// joinIfAny adds a write to those that wait, if there are any, and tells whether it
// did.
func (w *waiting) joinIfAny(c *replica.Request, again bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.partitions[c.Partition]
	if l == nil || !l.mustWait(again) {
		return false
	}
	l.calls = append(l.calls, c)
	return true
}

// join adds a call to those that wait, and tells whether the caller must see to it
// that takeAll is called later.
func (w *waiting) join(c *replica.Request) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.line(c.Partition)
	l.calls = append(l.calls, c)
	return l.arm()
}

// arm tells whether the caller has to see to it that takeAll is called.
func (l *line) arm() bool {
	was := l.armed
	l.armed = true
	return !was
}

// leave notes that a write is not under way any more. If again is set it was not
// executed and waits from now on; later is as with join. due tells that takeAll is to
// be called at once.
func (w *waiting) leave(c *replica.Request, again bool) (later, due bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.Origin = nil
	l := w.line(c.Partition)
	l.underWay--
	due = l.due && l.underWay == 0
	if again {
		l.calls = append(l.calls, c)
		later = !due && l.arm()
	}
	w.drop(c.Partition, l)
	return later, due
}

// takeAll removes and returns what waits for a partition, in the order in which it
// came, as soon as nothing is under way any more: otherwise leave says when. If that
// is anything, gone must be called when it has been routed.
func (w *waiting) takeAll(partition uint32) []*replica.Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.partitions[partition]
	if l == nil {
		return nil
	}
	l.armed = false
	if len(l.calls) == 0 {
		return nil
	}
	if l.underWay > 0 || l.leaving {
		l.due = true
		return nil
	}
	calls := l.calls
	slices.SortStableFunc(calls, func(a, b *replica.Request) int { return cmp.Compare(a.Sequence, b.Sequence) })
	l.calls, l.due, l.leaving = nil, false, true
	return calls
}

// gone ends what takeAll began. It returns one of those that wait by now, if the
// caller must see to it that takeAll is called later.
func (w *waiting) gone(partition uint32) *replica.Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.line(partition)
	l.leaving = false
	switch {
	case len(l.calls) == 0:
		l.due = false
		w.drop(partition, l)
	case l.underWay > 0:
		l.due = true // leave says when
	case l.arm():
		return l.calls[0]
	}
	return nil
}

// giveUp removes and returns everything that waits, by rising partition.
func (w *waiting) giveUp() []*replica.Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []*replica.Request
	for _, p := range slices.Sorted(maps.Keys(w.partitions)) {
		all = append(all, w.partitions[p].calls...)
		w.partitions[p].calls = nil
	}
	return all
}

// refusals remember from which nodes, this one included, a write of a partition was
// refused here: what they had sent behind it, not knowing, is refused as well, until
// one comes that they sent when nothing was under way.
type refusals struct {
	mu   sync.Mutex
	from map[refusal]bool
}

type refusal struct {
	node      cluster.NodeID
	partition uint32
}

// refuse notes that a write was refused.
func (r *refusals) refuse(node cluster.NodeID, partition uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.from[refusal{node, partition}] = true
}

// admit runs submit unless the write has to be refused, and tells whether it was
// taken.
func (r *refusals) admit(node cluster.NodeID, partition uint32, first bool, submit func() bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := refusal{node, partition}
	if first {
		delete(r.from, k)
	} else if r.from[k] {
		return false
	}
	return submit()
}
