package coordinator

import (
	"cmp"
	"slices"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/ring"
)

// The life of a record:
//
//	no map            every wanted node answers and is empty -> first map
//	map               published to its members until all confirm it
//	map, Initialized  for ever; empty nodes are losses from here on
//
// The first map holds the groups' first configurations. It is saved before any
// node sees it, so that a coordinator that dies in between goes on with the same
// one: two coordinators cannot start one partition in two ways.

// create makes the first map, when every wanted node answered and is empty.
func (p *planner) create() {
	if wanted := p.spec.wanted(); wanted < p.spec.ReplicationFactor || wanted == 0 {
		p.block(ReasonTooFewNodes, "%d nodes are wanted, fewer than the replication factor %d: ask for more nodes or fewer copies", wanted, p.spec.ReplicationFactor)
		return
	}
	if !p.allWantedAnswer() {
		return
	}
	p.NextMap = p.firstMap()
	p.event("ClusterCreated", "cluster %s: %d nodes, %d partitions, replication factor %d",
		p.NextMap.ClusterID, len(p.NextMap.Members), p.NextMap.Partitions, p.NextMap.ReplicationFactor)
}

func (p *planner) allWantedAnswer() bool {
	var missing []string
	for _, seat := range p.spec.Seats {
		if seat.Wanted && p.bySeat[seat.Name] == nil {
			missing = append(missing, seat.Name)
		}
	}
	if len(missing) > 0 {
		p.block(ReasonWaitingForNodes, "the cluster is made when all of its nodes answer; waiting for %s", list(missing))
	}
	return len(missing) == 0
}

func (p *planner) firstMap() *cluster.Map {
	m := &cluster.Map{
		ClusterID: p.in.NewClusterID, Epoch: 1, Revision: 1,
		Partitions: p.spec.Partitions, VirtualNodes: p.spec.VirtualNodes,
		ReplicationFactor: p.spec.ReplicationFactor, Settings: p.spec.Settings,
	}
	for _, n := range p.sortedNodes() {
		if n.seat.Wanted {
			m.Members = append(m.Members, newMember(n))
		}
	}
	sortMembers(m)
	for _, nodes := range ring.Assign(ring.AssignInput{
		Members: ringMembers(m.Members), VirtualNodes: m.VirtualNodes,
		Partitions: m.Partitions, ReplicationFactor: m.ReplicationFactor,
	}) {
		var replicas []cluster.Replica
		for i, id := range nodes {
			replicas = append(replicas, cluster.Replica{ID: uint64(i + 1), Node: cluster.NodeID(id)})
		}
		m.Initial = append(m.Initial, replicas)
	}
	return m
}

// confirm publishes the first map until all members have it.
func (p *planner) confirm() {
	waiting, confirmed, replaced := p.confirmations()
	if confirmed == 0 && len(waiting) == 0 && len(replaced) > 0 && p.allWantedAnswer() && p.spec.wanted() >= p.spec.ReplicationFactor {
		// Nobody took the map, and somebody whom it names is gone: begin anew,
		// under a new name, so that the first map can do no harm wherever it is.
		p.NextMap = p.firstMap()
		p.event("ClusterCreated", "cluster %s takes the place of %s, which never started", p.NextMap.ClusterID, p.m.ClusterID)
		return
	}
	p.publish()
	if len(waiting) > 0 {
		p.block(ReasonWaitingForNodes, "the first map is being handed out; waiting for %s", list(waiting))
		return
	}
	if confirmed > 0 {
		p.MarkInitialized = true
		p.Steps = nil
		p.event("ClusterInitialized", "all nodes have confirmed the first map")
	}
}

// confirmations sorts the members of the first map: seats still to confirm it,
// how many have, and seats where another node answers by now.
func (p *planner) confirmations() (waiting []string, confirmed int, replaced []string) {
	untouched := true // nobody believed has taken the map
	for _, n := range p.nodes {
		untouched = untouched && n.status.ClusterID == ""
	}
	for _, member := range p.m.Members {
		n := p.nodes[member.ID]
		switch {
		case n != nil && n.status.Revision == p.m.Revision:
			confirmed++
		case n == nil && p.bySeat[member.Name] != nil:
			replaced = append(replaced, member.Name)
		default:
			waiting = append(waiting, member.Name)
		}
	}
	if len(replaced) > 0 && untouched && len(p.doubts) == 0 {
		waiting = nil // beginning anew: those that have not confirmed will not be asked to
	}
	return waiting, confirmed, replaced
}

func newMember(n *node) cluster.Member {
	member := cluster.Member{ID: n.status.Node, Name: n.seat.Name, State: cluster.MemberActive}
	describe(&member, n)
	return member
}

// describe brings zone and addresses up to date.
func describe(member *cluster.Member, n *node) {
	member.Name = n.seat.Name
	member.Zone = cmp.Or(n.seat.Zone, n.status.Zone)
	member.PeerAddress = cmp.Or(n.status.PeerAddress, n.seat.PeerAddress)
	member.RESPAddress = n.status.RESPAddress
	member.ClusterAddress = n.status.ClusterAddress
	member.ClusterTLSAddress, member.OutsideAddress = n.status.ClusterTLSAddress, n.status.OutsideAddress
	member.HTTPAddress = n.status.HTTPAddress
}

func sortMembers(m *cluster.Map) {
	slices.SortFunc(m.Members, func(a, b cluster.Member) int { return cmp.Compare(a.ID, b.ID) })
}

func ringMembers(members []cluster.Member) []ring.Member {
	out := make([]ring.Member, len(members))
	for i, member := range members {
		out[i] = ring.Member{ID: string(member.ID), Zone: member.Zone}
	}
	return out
}
