package coordinator

import (
	"slices"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/ring"
)

// placement returns, by partition, the nodes that hold or are being given a
// copy, the leader first: the Previous of ring.Assign. Copies under way count,
// so that a plan made anew does not send them elsewhere. So do broken copies: if
// the ring leaves them where they are, they are made anew on the same node.
func (v *view) placement() [][]string {
	out := make([][]string, len(v.groups))
	for p, g := range v.groups {
		if g.config == nil {
			continue
		}
		add := func(id cluster.NodeID) {
			if !slices.Contains(out[p], string(id)) {
				out[p] = append(out[p], string(id))
			}
		}
		if g.leader != nil {
			add(g.leader.node.status.Node)
		}
		for _, r := range g.config.Voters {
			add(r.Node)
		}
		for _, r := range g.config.Learners {
			if g.broken(r) == "" {
				add(r.Node)
			}
		}
		for _, r := range g.reports {
			waiting := r.State == cluster.ReplicaEmpty && r.ID >= g.config.NextReplicaID
			damaged := r.State == cluster.ReplicaRefused && len(out[p]) < v.m.ReplicationFactor
			if waiting || damaged {
				add(r.node.status.Node)
			}
		}
	}
	return out
}

// assignment returns where the copies should be, by partition.
func (v *view) assignment() ring.Assignment {
	return ring.Assign(ring.AssignInput{
		Previous: v.placement(), Members: ringMembers(v.active), VirtualNodes: v.m.VirtualNodes,
		Partitions: v.m.Partitions, ReplicationFactor: v.m.ReplicationFactor,
	})
}

// zoneSpread is how well zones are spread, to compare sets of equal size: the
// number of pairs of replicas in different zones.
func (v *view) zoneSpread(nodes []cluster.NodeID) (pairs int) {
	for i, a := range nodes {
		for _, b := range nodes[:i] {
			if v.zoneOf(a) != v.zoneOf(b) {
				pairs++
			}
		}
	}
	return pairs
}
