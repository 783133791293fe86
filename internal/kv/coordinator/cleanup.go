package coordinator

import (
	"fmt"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// planCleanups deletes the replicas that their groups do not have any more, each
// by proof.
func (p *planner) planCleanups() {
	for _, g := range p.groups {
		if g.config == nil {
			continue
		}
		for _, r := range g.reports {
			if g.has(r) || p.awaited(g, r) {
				continue
			}
			p.Remaining.Cleanups++
			proof := orphanProof(p, g, r)
			if failed := firstFailed(proof); failed != nil {
				p.note("partition %d: the former copy on %s stays for now: %s", g.partition, r.node.seat.Name, failed.Message)
				continue
			}
			p.partitionStep(g.partition, Step{
				Seat:   r.node.seat.Name,
				Remove: &cluster.RemoveReplica{ClusterID: p.m.ClusterID, Partition: g.partition, ID: r.ID},
				Note:   fmt.Sprintf("replica %d on %s is no part of the group any more", r.ID, r.node.seat.Name),
				Proof:  proof,
			})
		}
	}
}

// awaited tells whether the replica is an empty one that the next step adds to
// its group.
func (p *planner) awaited(g *group, r report) bool {
	if r.State != cluster.ReplicaEmpty || r.ID < g.config.NextReplicaID || p.moves[g.partition] == nil {
		return false
	}
	for _, id := range p.moves[g.partition].missing {
		if id == r.node.status.Node {
			return true
		}
	}
	return false
}
