package coordinator

import (
	"slices"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// group is what is known of one partition.
type group struct {
	v         *view
	partition uint32
	reports   []report // all replicas that believed nodes report, by seat name
	// leader is the replica that proved to lead: a quorum has answered it within
	// an election timeout, and nobody reports a later leader. Nil when unknown.
	leader *report
	// config is the leader's configuration or, without a leader, the newest that
	// any replica reports, which is no proof of anything. Nil when unknown.
	config   *cluster.Config
	progress map[uint64]cluster.Progress // the leader's; nil without
	// available tells whether somebody leads with a quorum's word. That is less
	// than a proven leader: answers given at slightly different times can
	// contradict each other while a change of membership runs.
	available bool
	fullAt    map[int]bool // by replication factor: what full returned
}

type report struct {
	node *node
	*cluster.ReplicaStatus
}

// conclude finds the leader and the configuration in the reports.
func (g *group) conclude() {
	g.findLeader()
	if g.leader != nil {
		g.config = &g.leader.Config
		g.progress = map[uint64]cluster.Progress{}
		for _, p := range g.leader.Progress {
			g.progress[p.ID] = p
		}
		return
	}
	for _, r := range g.reports {
		if r.State == cluster.ReplicaRunning && len(r.Config.Voters) > 0 && (g.config == nil || r.Config.Index > g.config.Index) {
			g.config = &r.Config
		}
	}
}

// on returns what the node reports for the partition, or nil.
func (g *group) on(n *node) *cluster.ReplicaStatus {
	for _, r := range g.reports {
		if r.node == n {
			return r.ReplicaStatus
		}
	}
	return nil
}

// findLeader sets leader to the replica that claims to lead in the highest
// term, if its claim is proven and not contradicted.
func (g *group) findLeader() {
	var claim *report
	for i, r := range g.reports {
		if r.State != cluster.ReplicaRunning || r.Role != cluster.RoleLeader {
			continue
		}
		g.available = g.available || len(r.Progress) > 0
		if claim == nil || r.Term > claim.Term {
			claim = &g.reports[i]
		}
	}
	if claim == nil || len(claim.Progress) == 0 {
		return
	}
	for _, r := range g.reports {
		if r.ID == claim.ID {
			continue
		}
		if r.Term == claim.Term && r.Role == cluster.RoleLeader {
			return // two leaders of one term: somebody is wrong
		}
		if r.State == cluster.ReplicaRunning && r.Config.Index > claim.Config.Index {
			return // somebody applied a later change than the leader: its answer is old
		}
	}
	if findReplica(claim.Config.Voters, claim.ID) == nil && findReplica(claim.Config.Outgoing, claim.ID) == nil {
		return // a leader that is no voter is on its way out
	}
	g.leader = claim
}

// bytes is the size of the partition's data as the leader, or else anybody,
// reports it.
func (g *group) bytes() (n uint64) {
	if g.leader != nil {
		return g.leader.Bytes
	}
	for _, r := range g.reports {
		n = max(n, r.Bytes)
	}
	return n
}

// good tells whether the leader knows the replica to be answering and caught up.
func (g *group) good(id uint64) bool {
	p, ok := g.progress[id]
	return ok && p.Active && !p.Snapshot && p.Match+g.v.limits.CatchUpLag >= g.leader.LastIndex
}

// broken returns why the replica can never again take part in the group, on
// positive evidence only; empty when it can or when it is not known.
func (g *group) broken(r cluster.Replica) string {
	member := g.v.member[r.Node]
	switch {
	case member == nil:
		return "its node is no member"
	case member.State == cluster.MemberLost:
		return "the volume of its node is lost"
	}
	n := g.v.nodes[r.Node]
	if n == nil {
		return ""
	}
	reported := g.on(n)
	switch {
	case reported == nil || reported.ID != r.ID:
		if g.v.current(n) {
			return "its node does not have it"
		}
	case reported.State == cluster.ReplicaRefused:
		return "it is damaged: " + reported.Reason
	}
	return ""
}

// outdated tells whether the replica waits for a newer build. It is no reason to
// replace it.
func (g *group) outdated(r cluster.Replica) bool {
	n := g.v.nodes[r.Node]
	if n == nil {
		return false
	}
	reported := g.on(n)
	return reported != nil && reported.ID == r.ID && reported.Outdated != ""
}

// full tells whether the group has a proven leader and rf voters, all good, and
// no change under way.
func (g *group) full(rf int) bool {
	full, known := g.fullAt[rf]
	if !known {
		full = g.leader != nil && !g.config.Joint() && len(g.config.Voters) == rf &&
			!slices.ContainsFunc(g.config.Voters, func(r cluster.Replica) bool { return !g.good(r.ID) || g.broken(r) != "" })
		if g.fullAt == nil {
			g.fullAt = map[int]bool{}
		}
		g.fullAt[rf] = full
	}
	return full
}

// silentVoter returns a voter whose node does not answer; nil when all do. What
// the leader says of it is fresh, but a proof asks for its own word too.
func (g *group) silentVoter() *cluster.Replica {
	if g.config == nil {
		return nil
	}
	for i, r := range g.config.Voters {
		if g.v.nodes[r.Node] == nil && g.broken(r) == "" {
			return &g.config.Voters[i]
		}
	}
	return nil
}

// sound tells whether every voter answers and is good, those aside that are
// known to be broken, and a majority is left.
func (g *group) sound() bool {
	if g.silentVoter() != nil {
		return false
	}
	good := 0
	for _, r := range g.config.Voters {
		switch {
		case g.broken(r) != "":
		case !g.good(r.ID):
			return false
		default:
			good++
		}
	}
	return good > len(g.config.Voters)/2
}

// has tells whether the reported replica is a voter, outgoing voter or learner
// of the configuration.
func (g *group) has(r report) bool {
	name := cluster.Replica{ID: r.ID, Node: r.node.status.Node}
	return slices.Contains(g.config.Voters, name) || slices.Contains(g.config.Outgoing, name) || slices.Contains(g.config.Learners, name)
}

// nextID is a replica ID that the group has never used and nobody reports: an
// empty replica that never became a member has used up its ID too.
func (g *group) nextID() uint64 {
	id := max(g.config.NextReplicaID, g.v.in.Hints.MinReplicaID[g.partition])
	for _, r := range g.reports {
		id = max(id, r.ID+1)
	}
	return id
}

// mentions tells whether any part of the configuration is on the node.
func mentions(c *cluster.Config, id cluster.NodeID) bool {
	on := func(r cluster.Replica) bool { return r.Node == id }
	return slices.ContainsFunc(c.Voters, on) || slices.ContainsFunc(c.Outgoing, on) || slices.ContainsFunc(c.Learners, on)
}

func findReplica(list []cluster.Replica, id uint64) *cluster.Replica {
	for i := range list {
		if list[i].ID == id {
			return &list[i]
		}
	}
	return nil
}

func onNode(list []cluster.Replica, id cluster.NodeID) *cluster.Replica {
	for i := range list {
		if list[i].Node == id {
			return &list[i]
		}
	}
	return nil
}
