package coordtest

import (
	"cmp"
	"slices"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

func (n *node) status() *cluster.NodeStatus {
	s := &cluster.NodeStatus{
		Node: n.id, Name: n.name, Version: "simulated", Started: cluster.MillisOf(n.started), Zone: n.zone,
		PeerAddress: n.name + ":7000", RESPAddress: n.name + ":6379", ClusterAddress: n.name + ":6380", HTTPAddress: n.name + ":8080",
		DiskTotal: n.diskTotal, DiskFree: n.diskFree, MemoryLimit: n.memory, Draining: n.draining,
		Replicas: []cluster.ReplicaStatus{},
	}
	if n.m != nil {
		s.ClusterID, s.Epoch, s.Revision = n.m.ClusterID, n.m.Epoch, n.m.Revision
	}
	for _, r := range n.replicas {
		status := r.status()
		s.MemoryUsed += status.Bytes
		s.Replicas = append(s.Replicas, status)
	}
	slices.SortFunc(s.Replicas, func(a, b cluster.ReplicaStatus) int { return cmp.Compare(a.Partition, b.Partition) })
	return s
}

func (r *replica) status() cluster.ReplicaStatus {
	g := r.g
	s := cluster.ReplicaStatus{
		Partition: g.key.partition, ID: r.id, State: r.state, Term: r.term,
		Outdated: r.outdated, LastIndex: r.match, CommitIndex: min(r.match, g.committed), AppliedIndex: min(r.match, g.committed), FirstIndex: 1,
	}
	switch r.state {
	case cluster.ReplicaRefused:
		s.Reason = "checksum mismatch in segment 7 at offset 4096"
		return s
	case cluster.ReplicaEmpty:
		return s
	}
	s.Config = clone(g.history[r.conf])
	if g.last > 0 {
		s.Bytes = g.bytes * min(r.match, g.last) / g.last
	}
	s.Keys = s.Bytes / 100
	if g.leader != nil && r.term == g.term {
		s.Leader = g.leader.id
	}
	switch {
	case r == g.leader:
		s.Role = cluster.RoleLeader
		s.Config = clone(*g.config())
		if g.quorumAlive() {
			s.Progress = g.progress()
		}
	case isVoter(&s.Config, r):
		s.Role = cluster.RoleFollower
	default:
		s.Role = cluster.RoleLearner
	}
	return s
}

// progress is the leader's view of the members.
func (g *group) progress() (out []cluster.Progress) {
	c := g.config()
	seen := map[uint64]bool{}
	for _, list := range [][]cluster.Replica{c.Voters, c.Outgoing, c.Learners} {
		for _, member := range list {
			if seen[member.ID] {
				continue
			}
			seen[member.ID] = true
			p := cluster.Progress{ID: member.ID}
			if r := g.find(member); r != nil {
				p.Match, p.Active = r.match, r.alive()
				p.Snapshot = r.alive() && r.match+g.c.EntriesPerStep < g.last
			}
			out = append(out, p)
		}
	}
	return out
}

func clone(c cluster.Config) cluster.Config {
	c.Voters, c.Outgoing, c.Learners = slices.Clone(c.Voters), slices.Clone(c.Outgoing), slices.Clone(c.Learners)
	return c
}
