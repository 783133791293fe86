package node

import (
	"fmt"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/command"
	"github.com/ringkv/ringkv/internal/kv/replica"
)

// Calls of cluster clients go the way of all others, with two differences: what
// another node leads is not forwarded but answered with where to ask, and what
// concerns no key concerns only what this node leads, because such clients ask every
// node and add up.
//
// A client is never sent in circles. It is sent only to a node that has said itself
// that it leads, and news of a leader are newest at that leader: when it has ceased
// to lead, it knows of a later term than who sent the client, and either names the
// leader of that term or holds the call until there is one. It is sent only to a node
// that this one has a connection to: while the old leader is gone and no new one is
// known, the call is held. And a call that was held is forwarded at last: its client
// may have tried others before, and clients follow only a few redirections.

// redirect answers a call that another node leads.
func (n *Node) redirect(v *view, leader cluster.NodeID, c *replica.Request) {
	switch {
	case !n.transport.Linked(leader):
		n.later(v, c)
	case n.moved(v, leader, c):
		n.finish(c)
	default:
		n.forward(leader, c)
	}
}

// moved makes the reply that sends a client to the leader, unless that is this node,
// unknown to the map, or serves no cluster clients.
func (n *Node) moved(v *view, leader cluster.NodeID, c *replica.Request) bool {
	slot, hasKey := v.router.KeySlot(c.Call)
	if !hasKey {
		return false
	}
	message := n.movedTo(v, leader, slot, c.Call.Audience)
	if message != "" {
		c.Call.Out.Reset()
		c.Call.Out.Error(message)
	}
	return message != ""
}

func (n *Node) movedTo(v *view, leader cluster.NodeID, slot uint16, a command.Audience) string {
	endpoint, known := v.clusterEndpoint(leader)
	if !known || leader == n.id {
		return ""
	}
	to := endpoint.For(a)
	return fmt.Sprintf("MOVED %d %s:%d", slot, to.Host, to.Port)
}

// Moved returns the error that sends a client to the leader of a slot, or "" if that
// is this node or is not known for sure.
func (n *Node) Moved(slot uint16, a command.Audience) string {
	v := n.view.Load()
	if v == nil {
		return ""
	}
	leader := v.routing.leader(v.router.Partition(slot))
	if leader == "" || leader == n.id || !n.transport.Linked(leader) {
		return ""
	}
	return n.movedTo(v, leader, slot, a)
}

// scanMemory is how long before a scan began a node may have ceased to lead a
// partition, and still scans it: clients ask one node after the other.
const scanMemory = 10 * time.Minute

// startOwn starts a call of a cluster client that concerns no key, on what this node
// leads.
func (n *Node) startOwn(v *view, c *command.Call, deadline int64) {
	if c.Spec.Scope == command.OnePartition {
		n.scanOwn(v, c, deadline)
		return
	}
	now := n.clock.Monotonic()
	since := now
	if c.Spec.IsWrite() {
		// FLUSHALL of a partition by two nodes is harmless, by none is not.
		since = now - scanMemory.Nanoseconds()
	}
	parts := v.router.RouteTo(nil, c, v.routing.ledSince(since))
	command.Gather(c, parts)
	for _, p := range parts {
		n.route(&replica.Request{Call: p.Call, Partition: p.Partition, Write: c.Spec.IsWrite(), Deadline: deadline})
	}
}

// scanOwn goes on with a scan of what this node leads, and has led since shortly
// before the scan began.
func (n *Node) scanOwn(v *view, c *command.Call, deadline int64) {
	wall := n.clock.WallMillis()
	at, begins, ok := command.ParseNodeCursor(c.Args[1], wall)
	if !ok || int(at.Partition) >= v.m.Partitions {
		c.Fail(command.ErrCursor)
		return
	}
	age := time.Duration(wall-at.Began)*time.Millisecond + scanMemory
	since := n.clock.Monotonic() - age.Nanoseconds()
	// A scan that began before this process knows nothing of what was led then.
	all := !begins && at.Began+command.ScanUnit.Milliseconds() < n.started.UnixMilli()
	next := func(from uint32) (uint32, bool) {
		for p := from; int(p) < v.m.Partitions; p++ {
			if all || v.routing.wasLedSince(p, since) {
				return p, true
			}
		}
		return 0, false
	}
	if begins {
		if at.Partition, ok = next(0); !ok {
			command.EmptyScan(c)
			return
		}
	}
	part := command.ScanPart(c, at, func(after uint32) (uint32, bool) { return next(after + 1) })
	n.route(&replica.Request{Call: part, Partition: at.Partition, Deadline: deadline})
}
