package node

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/command"
	"github.com/ringkv/ringkv/internal/kv/replica"
	"github.com/ringkv/ringkv/internal/kv/transport"
)

// A call finds its way like this:
//
//	Submit ── keys in several partitions? ──> one part per partition, merged at the end
//	   │
//	 route ── leader here ──> replica ──> Finish
//	   ├───── leader elsewhere ──> forward ──> ForwardReply
//	   │              └──────────> a cluster client's: answer where (see redirect)
//	   └───── no leader, or it did not execute: wait for news of a leader, route again
//
// The wait ends at the call's deadline. A call is tried again only when it
// certainly was not executed; everything else is answered UNKNOWNRESULT, which no
// client repeats by itself.

const (
	// retryAfter is the pause before a leader that did not take a call is asked
	// again, unless there is news of another one.
	retryAfter = 20 * time.Millisecond
	// newsTimeout bounds the wait for news of a leader: news may get lost.
	newsTimeout = 500 * time.Millisecond
)

// maxCommandBytes bounds a write: its log entry must fit into one record on the way
// to the followers.
const maxCommandBytes = transport.MaxRecordBytes - 1<<20

// stoppingReply answers what a node did not execute before it stopped.
const stoppingReply = "CLUSTERDOWN this node is stopping: the command was not executed"

// remoteOrigin marks a request that another node forwarded.
type remoteOrigin struct {
	from  cluster.NodeID
	id    uint64
	first bool // no earlier write of the partition was under way there
}

// Submit implements resp.Backend: it takes calls in order and returns at once.
func (n *Node) Submit(calls []*command.Call) {
	v := n.view.Load()
	now := n.clock.Monotonic()
	for _, c := range calls {
		if v == nil {
			c.Fail("CLUSTERDOWN this node is not part of a cluster yet")
			continue
		}
		deadline := now + n.callTimeout.Nanoseconds()
		if !c.Deadline.IsZero() {
			deadline = now + int64(time.Until(c.Deadline))
		}
		n.start(v, c, deadline)
	}
}

// start sends a call, or each of its parts, to its partition.
func (n *Node) start(v *view, c *command.Call, deadline int64) {
	if c.Cluster && (c.Spec.Scope == command.Partitions || c.Spec.Scope == command.OnePartition) {
		n.startOwn(v, c, deadline)
		return
	}
	var room [4]command.Part
	parts := v.router.Route(room[:0], c)
	command.Gather(c, parts)
	for _, p := range parts { // c belongs to its client again when the last one is answered
		if write := p.Call.Spec.IsWrite(); write || !n.readNow(v, p) {
			n.route(&replica.Request{Call: p.Call, Partition: p.Partition, Write: write, Deadline: deadline})
		}
	}
}

// readNow answers a read of a partition that this node leads under a lease, as almost
// all reads are, without a request. It tells whether it did; if not, the part is
// untouched.
func (n *Node) readNow(v *view, p command.Part) bool {
	if p.Call.Spec.Run == nil || p.Call.LeaderOnly() || v.routing.leader(p.Partition) != n.id {
		return false
	}
	r := n.replica(p.Partition)
	if r == nil || !r.TryRead(p.Call) {
		return false
	}
	p.Call.Finish()
	return true
}

// route sends a call that came in just now on its way.
func (n *Node) route(c *replica.Request) {
	c.Sequence = n.sequence.Add(1)
	n.send(c, false)
}

// send sends a call on its way to the leader of its partition. again means that it
// comes from waiting.takeAll.
func (n *Node) send(c *replica.Request, again bool) {
	v := n.view.Load()
	if !c.Write && (c.Call.ReadAny || v.m.Settings.Reads == cluster.ReadsAny) && !c.Call.LeaderOnly() {
		if r := n.replica(c.Partition); r != nil && r.ReadAny(c) {
			n.finish(c)
			return
		}
	}
	if c.Write && n.waiting.joinIfAny(c, again) {
		return
	}
	switch leader := v.routing.leader(c.Partition); {
	case leader == "":
		n.later(v, c)
	case leader != n.id && c.Call.Cluster && !c.Waited:
		n.redirect(v, leader, c)
	case c.Write && !n.waiting.enter(c, leader, again):
		// it goes when those before it have gone
	case leader == n.id:
		c.Asked = leader
		n.execute(c)
	default:
		c.Asked = leader
		n.forward(leader, c)
	}
}

// execute gives a call to the local replica, which leads or will refuse.
func (n *Node) execute(c *replica.Request) {
	r := n.replica(c.Partition)
	switch {
	case r == nil:
		n.Finish(c, replica.NotExecuted)
	case c.Call.Spec.Run == nil && command.Executable(c.Call.Args) == nil:
		// It must not get into the log: no replica could apply it.
		c.Call.Out.Error("ERR malformed transaction")
		n.Finish(c, replica.Done)
	case !c.Write && r.TryRead(c.Call):
		n.executed(c)
	case c.Write && command.CommandSize(c.Call.Args) > maxCommandBytes:
		c.Call.Out.Error(fmt.Sprintf("ERR the command is longer than %d bytes", maxCommandBytes))
		n.Finish(c, replica.Done)
	case c.Call.Spec.Flags&command.DenyOOM != 0 && n.log.Full():
		c.Call.Out.Error("DISKFULL the volume of this node is almost full: writes are refused until there is room again; reads and deletes go on")
		n.Finish(c, replica.Done)
	case c.Call.Spec.Flags&command.DenyOOM != 0 && (n.memory.full() || c.Call.Spec.MayGrow() && !n.memory.claim(growth(r, c.Call))):
		c.Call.Out.Error(command.ErrOOM)
		n.Finish(c, replica.Done)
	case c.Write && !n.submitInOrder(r, c):
		n.Finish(c, replica.NotExecuted)
	case !c.Write && !r.Submit(c):
		n.Finish(c, replica.NotExecuted)
	}
}

// submitInOrder queues a write, unless one that its sender sent before it was refused,
// or the replica is being removed.
func (n *Node) submitInOrder(r *replica.Replica, c *replica.Request) bool {
	from, first := n.id, false
	switch origin := c.Origin.(type) {
	case ownWrite:
		first = origin.first
	case remoteOrigin:
		from, first = origin.from, origin.first
	}
	return n.refusals.admit(from, c.Partition, first, func() bool { return r.Submit(c) })
}

// growth returns how many bytes more than it carries a call may add to a replica.
func growth(r *replica.Replica, c *command.Call) uint64 {
	st := r.Store()
	st.RLock()
	defer st.RUnlock()
	return uint64(c.Growth(st))
}

// Finish takes a call back from a replica or from another node.
func (n *Node) Finish(c *replica.Request, o replica.Outcome) {
	if origin, ok := c.Origin.(remoteOrigin); ok {
		if c.Write && o == replica.NotExecuted {
			n.refusals.refuse(origin.from, c.Partition)
		}
		n.answerRemote(origin, c, o)
		return
	}
	if _, ok := c.Origin.(ownWrite); ok {
		if o == replica.NotExecuted {
			// If another node refused it, the next local write is a first one.
			n.refusals.refuse(n.id, c.Partition)
		}
		again := o == replica.NotExecuted && c.Deadline > n.clock.Monotonic() && !n.isStopping()
		c.Waited = c.Waited || again // before others can send it
		later, due := n.waiting.leave(c, again)
		if due {
			defer n.tryAgain(c.Partition)
		}
		if again {
			if later {
				n.tryLater(n.view.Load(), c)
			}
			return
		}
	}
	switch o {
	case replica.Done:
		n.finish(c)
	case replica.Unknown:
		c.Call.Out.Error(fmt.Sprintf(
			"UNKNOWNRESULT partition %d did not confirm in time: the command may have been executed or not", c.Partition))
		n.finish(c)
	case replica.NotExecuted:
		n.later(n.view.Load(), c)
	}
}

// later routes a call again when there is news of a leader, or soon, until its
// deadline.
func (n *Node) later(v *view, c *replica.Request) {
	if n.isStopping() {
		c.Call.Fail(stoppingReply)
		return
	}
	left := c.Deadline - n.clock.Monotonic()
	if left <= 0 {
		c.Call.Out.Reset()
		// Where a cluster client is sent now is not known to answer from here.
		if !c.Call.Cluster || !n.moved(v, v.routing.leader(c.Partition), c) {
			c.Call.Out.Error(fmt.Sprintf(
				"CLUSTERDOWN partition %d has no leader that answers: the command was not executed", c.Partition))
		}
		n.finish(c)
		return
	}
	c.Waited = true
	if n.waiting.join(c) {
		n.tryLater(v, c)
	} // else it goes when the first that waits goes
}

// tryLater sees to it that what waits behind c goes when there is news of a leader,
// or soon.
func (n *Node) tryLater(v *view, c *replica.Request) {
	left := c.Deadline - n.clock.Monotonic()
	known, wait := v.routing.leader(c.Partition), time.Duration(0) // somebody else leads by now
	switch known {
	case "":
		wait = newsTimeout
	case c.Asked:
		wait = retryAfter
	}
	var once sync.Once
	again := func() { once.Do(func() { n.tryAgain(c.Partition) }) }
	forget := v.routing.onChange(c.Partition, again)
	n.afterFunc(min(wait, time.Duration(left)), func() { forget(); again() })
	if v.routing.leader(c.Partition) != known { // learned just before onChange
		forget()
		again()
	}
}

// tryAgain routes what waits for a partition, in order.
func (n *Node) tryAgain(partition uint32) {
	calls := n.waiting.takeAll(partition)
	if len(calls) == 0 {
		return
	}
	for _, c := range calls {
		n.send(c, true)
	}
	if c := n.waiting.gone(partition); c != nil {
		n.tryLater(n.view.Load(), c)
	}
}

// finish completes a call of this node's own.
func (n *Node) finish(c *replica.Request) {
	c.Call.Finish()
}

// forwards are the calls that other nodes work on.
type forwarded struct {
	request *replica.Request
	to      cluster.NodeID
}

// forward sends a call to the node that leads its partition.
func (n *Node) forward(to cluster.NodeID, c *replica.Request) {
	left := time.Duration(c.Deadline - n.clock.Monotonic())
	if left < time.Millisecond {
		n.Finish(c, replica.NotExecuted)
		return
	}
	own, _ := c.Origin.(ownWrite)
	first := own.first
	id := n.forwards.add(forwarded{request: c, to: to})
	err := n.transport.SendForward(to, &transport.ForwardRequest{
		ID: id, Partition: c.Partition, Write: c.Write, ReadAny: c.Call.ReadAny, First: first, Proto: c.Call.Out.Proto,
		TimeoutMs: uint32(left.Milliseconds()), Args: c.Call.Args,
	})
	if err == nil {
		return
	}
	if _, ok := n.forwards.take(id); !ok {
		return
	}
	if errors.Is(err, transport.ErrTooLarge) {
		c.Call.Out.Error("ERR the command is too large to be sent to the leader of its partition")
		n.Finish(c, replica.Done)
		return
	}
	n.Finish(c, replica.NotExecuted) // it did not leave
}

// Forward implements transport.Handler: another node asks this one, which it
// takes for the leader.
func (n *Node) Forward(from cluster.NodeID, req *transport.ForwardRequest) {
	origin := remoteOrigin{from: from, id: req.ID, first: req.First}
	v := n.view.Load()
	var spec *command.Spec
	if len(req.Args) > 0 {
		spec = command.Executable(req.Args)
	}
	if v == nil || int(req.Partition) >= v.m.Partitions || spec == nil {
		n.answerRemote(origin, nil, replica.NotExecuted)
		return
	}
	n.execute(&replica.Request{
		Call: command.NewCall(spec, req.Args, req.Proto), Partition: req.Partition, Write: spec.IsWrite(), Origin: origin,
		Deadline: n.clock.Monotonic() + (time.Duration(req.TimeoutMs) * time.Millisecond).Nanoseconds(),
	})
}

// answerRemote tells the node that asked what became of its call.
func (n *Node) answerRemote(o remoteOrigin, c *replica.Request, outcome replica.Outcome) {
	reply := &transport.ForwardReply{ID: o.id}
	switch outcome {
	case replica.Done:
		reply.Status, reply.Reply = transport.ForwardOK, c.Call.Out.Buf
	case replica.Unknown:
		reply.Status = transport.ForwardUnknown
	case replica.NotExecuted:
		reply.Status = transport.ForwardNotExecuted
	}
	n.transport.SendForwardReply(o.from, reply)
}

// ForwardReply implements transport.Handler.
func (n *Node) ForwardReply(_ cluster.NodeID, reply *transport.ForwardReply) {
	f, ok := n.forwards.take(reply.ID)
	if !ok {
		return // given up on already
	}
	switch reply.Status {
	case transport.ForwardOK:
		f.request.Call.Out.Buf = append(f.request.Call.Out.Buf[:0], reply.Reply...)
		n.Finish(f.request, replica.Done)
	case transport.ForwardUnknown:
		n.Finish(f.request, replica.Unknown)
	default:
		n.Finish(f.request, replica.NotExecuted)
	}
}

// forwardLost settles a forward whose answer will not come: a read can be asked
// again, a write cannot.
func (n *Node) forwardLost(f forwarded) {
	if f.request.Write {
		n.Finish(f.request, replica.Unknown)
	} else {
		n.Finish(f.request, replica.NotExecuted)
	}
}

// SmallestMajority returns on how many replicas every acknowledged write is for
// certain; 0 while the node belongs to no cluster.
func (n *Node) SmallestMajority() int {
	if v := n.view.Load(); v != nil {
		return v.routing.smallestMajority()
	}
	return 0
}
