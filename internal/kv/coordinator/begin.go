package coordinator

import (
	"fmt"
	"slices"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// begin starts the move with its first step: an empty replica on the target. It
// returns false when that cannot be done now.
func (mv *move) begin() bool {
	if mv.config.Joint() || len(mv.config.Learners) > 0 {
		return false
	}
	target := mv.target()
	seat := mv.p.seatOf(target)
	if voter := onNode(mv.config.Voters, target); voter != nil {
		return mv.makeWay(*voter)
	}
	if reason := mv.notNow(); reason != "" {
		mv.p.wait("partition %d: the copy for %s waits: %s", mv.partition, seat, reason)
		return false
	}
	n := mv.p.nodes[target]
	switch {
	case n == nil:
		mv.p.wait("partition %d: the copy for %s waits: it does not answer", mv.partition, seat)
		return false
	case !mv.p.current(n) || !mv.p.current(mv.leader.node):
		return false // the newest map is on its way to them
	case n.status.Draining:
		mv.p.wait("partition %d: the copy for %s waits: it is being drained", mv.partition, seat)
		return false
	}
	if mv.on(n) != nil {
		return false // a former copy is deleted first, by proof: see planCleanups
	}
	if problem := roomFor(n.status, mv.bytes()); problem != "" {
		mv.p.block(ReasonNotEnoughRoom, "partition %d (%s) should get a copy on %s: %s", mv.partition, formatBytes(mv.bytes()), seat, problem)
		return false
	}
	return mv.p.partitionStep(mv.partition, Step{
		Seat:   seat,
		Create: &cluster.CreateReplica{ClusterID: mv.p.m.ClusterID, Partition: mv.partition, ID: mv.nextID()},
		Note:   mv.why(target),
	})
}

// target chooses the missing copy to make first: one whose node can take it now,
// if there is one.
func (mv *move) target() cluster.NodeID {
	for _, id := range mv.missing {
		if n := mv.p.nodes[id]; n != nil && !n.status.Draining {
			return id
		}
	}
	return mv.missing[0]
}

// makeWay removes a broken voter whose successor will be on the same node: a
// node holds one replica of a partition. A broken copy protects nothing, so no
// safety is given up, as long as the others are a good majority.
func (mv *move) makeWay(voter cluster.Replica) bool {
	if reason := mv.unsafeToRemove(voter, mv.config.Voters); reason != "" {
		mv.p.block(ReasonReplicaRefused, "partition %d: the copy on %s must be replaced (%s), but cannot be yet: %s", mv.partition, mv.p.seatOf(voter.Node), mv.broken(voter), reason)
		return false
	}
	mv.change(cluster.ChangeConfig{Remove: []uint64{voter.ID}}, fmt.Sprintf("the copy on %s is replaced: %s", mv.p.seatOf(voter.Node), mv.broken(voter)))
	return true
}

// notNow returns why no copy should be made at the moment: a move is not begun
// when it could not be ended.
func (mv *move) notNow() string {
	if mv.cause == CauseRepair || mv.cause == CauseReplication {
		return ""
	}
	for _, r := range mv.config.Voters {
		if slices.Contains(mv.want, r.Node) && !mv.good(r.ID) {
			return fmt.Sprintf("the copy on %s is not in order", mv.p.seatOf(r.Node))
		}
	}
	return ""
}

// addLearner makes the empty replica that waits on its node a member of the
// group.
func (mv *move) addLearner() {
	for _, id := range mv.missing {
		n := mv.p.nodes[id]
		if n == nil || onNode(mv.config.Voters, id) != nil {
			continue
		}
		if r := mv.on(n); r != nil && r.State == cluster.ReplicaEmpty && r.ID >= mv.config.NextReplicaID {
			mv.change(cluster.ChangeConfig{AddLearners: []cluster.Replica{{ID: r.ID, Node: id}}}, mv.why(id))
			return
		}
	}
}

func (mv *move) why(target cluster.NodeID) string {
	seat := mv.p.seatOf(target)
	switch mv.cause {
	case CauseRepair:
		return fmt.Sprintf("%s gets a copy in place of one that is lost", seat)
	case CauseReplication:
		return fmt.Sprintf("%s gets a further copy: the replication factor is %d", seat, mv.p.m.ReplicationFactor)
	case CauseScaleIn:
		return fmt.Sprintf("%s takes over from a node that leaves", seat)
	}
	return fmt.Sprintf("%s gets its share", seat)
}
