package coordinator

import (
	"fmt"
	"strings"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// Check is one named step of a proof.
type Check struct {
	Name    string // what was to be shown, such as HoldsNothing
	OK      bool
	Message string // what was seen, or what is missing
}

// Proven tells whether a proof holds: it has checks, and none failed.
func Proven(proof []Check) bool { return len(proof) > 0 && firstFailed(proof) == nil }

// Describe returns what was seen, in a sentence.
func Describe(proof []Check) string {
	var seen []string
	for _, c := range proof {
		seen = append(seen, c.Message)
	}
	return strings.Join(seen, "; ")
}

// Why returns the messages of the failed checks.
func Why(proof []Check) string {
	var missing []string
	for _, c := range proof {
		if !c.OK {
			missing = append(missing, c.Message)
		}
	}
	return strings.Join(missing, "; ")
}

func firstFailed(proof []Check) *Check {
	for i := range proof {
		if !proof[i].OK {
			return &proof[i]
		}
	}
	return nil
}

// subject is the node that a proof is about.
type subject struct {
	*planner
	id   cluster.NodeID // empty when the node of a seat is unknown
	seat string
	node *node // its believed answer; nil without
}

// predicate is one named condition of a proof. It says what it saw, or what is
// missing.
type predicate struct {
	name  string
	check func(subject) (message string, ok bool)
}

// The proofs. Each predicate stands on fresh answers alone; what is not known is
// not proven.
//
// Why EveryPartitionFull and OffTheGroups are enough for a node to go: a commit
// of any partition is on a majority of the voters that its proven leader
// reports. None of these is the node, all of them answer and are caught up, and
// there are as many as wanted; so every acknowledged write has its full number
// of copies without the node. HoldsNothing is the node's own word for the same.
var (
	// leftPredicates: a leaving member may be taken off the map.
	leftPredicates = []predicate{answersItself, hasCurrentMap, holdsNothing, offTheGroups, holdersAnswer, everyPartitionFull}
	// replacedPredicates: a lost member may be taken off the map.
	replacedPredicates = []predicate{answeredByAnother, offTheGroups, holdersAnswer, everyPartitionFull}
	// removalPredicates: the seat, with its volume, may go.
	removalPredicates = []predicate{seatUnwanted, answersItself, offTheMap, hasCurrentMap, holdsNothing, offTheGroups, holdersAnswer, everyPartitionFull, enoughStay}
)

var seatUnwanted = predicate{"SeatUnwanted", func(s subject) (string, bool) {
	seat, named := s.seats[s.seat]
	return s.seat + " is not wanted", named && !seat.Wanted
}}

var answersItself = predicate{"AnswersItself", func(s subject) (string, bool) {
	if s.node != nil {
		return fmt.Sprintf("%s answers as node %s", s.seat, s.node.status.Node.Short()), true
	}
	if d, doubted := s.doubts[s.seat]; doubted {
		return d.message, false
	}
	return fmt.Sprintf("%s is not answered by node %s", s.seat, s.id.Short()), false
}}

var answeredByAnother = predicate{"AnsweredByAnother", func(s subject) (string, bool) {
	if other := s.bySeat[s.seat]; other != nil && s.nodes[s.id] == nil {
		return fmt.Sprintf("%s answers as node %s and not %s", s.seat, other.status.Node.Short(), s.id.Short()), true
	}
	return fmt.Sprintf("no other node answers at %s in place of %s", s.seat, s.id.Short()), false
}}

var offTheMap = predicate{"OffTheMap", func(s subject) (string, bool) {
	if s.node == nil || s.node.member == nil {
		return fmt.Sprintf("%s is no member at epoch %d", s.seat, s.m.Epoch), s.node != nil
	}
	return fmt.Sprintf("%s is still a member (%s)", s.seat, s.node.member.State), false
}}

var hasCurrentMap = predicate{"HasCurrentMap", func(s subject) (string, bool) {
	switch {
	case s.node == nil:
		return fmt.Sprintf("which map %s has is not known", s.seat), false
	case s.node.status.ClusterID == "":
		return s.seat + " never belonged to a cluster", true
	case s.current(s.node):
		return fmt.Sprintf("%s has the map of epoch %d", s.seat, s.m.Epoch), true
	}
	return fmt.Sprintf("%s has the map of epoch %d and not yet %d", s.seat, s.node.status.Epoch, s.m.Epoch), false
}}

var holdsNothing = predicate{"HoldsNothing", func(s subject) (string, bool) {
	if s.node == nil {
		return fmt.Sprintf("what %s holds is not known", s.seat), false
	}
	if n := len(s.node.status.Replicas); n > 0 {
		return fmt.Sprintf("%s holds %d replicas", s.seat, n), false
	}
	return s.seat + " reports no replicas", true
}}

var offTheGroups = predicate{"OffTheGroups", func(s subject) (string, bool) {
	for _, g := range s.groups {
		if g.leader == nil {
			return fmt.Sprintf("the members of partition %d are not proven: no leader", g.partition), false
		}
		if s.id != "" && mentions(g.config, s.id) {
			return fmt.Sprintf("partition %d has a replica on %s", g.partition, s.seat), false
		}
	}
	return fmt.Sprintf("no leader of the %d partitions counts on %s", len(s.groups), s.seat), true
}}

var everyPartitionFull = predicate{"EveryPartitionFull", func(s subject) (string, bool) {
	for _, g := range s.groups {
		if !g.full(s.m.ReplicationFactor) {
			return fmt.Sprintf("partition %d has not its %d caught-up copies", g.partition, s.m.ReplicationFactor), false
		}
	}
	return fmt.Sprintf("every partition has %d caught-up copies", s.m.ReplicationFactor), len(s.groups) > 0
}}

var holdersAnswer = predicate{"HoldersAnswer", func(s subject) (string, bool) {
	for _, g := range s.groups {
		if silent := g.silentVoter(); silent != nil {
			return fmt.Sprintf("%s holds partition %d and does not answer itself", s.seatOf(silent.Node), g.partition), false
		}
	}
	return "every node that holds a partition answers", true
}}

var enoughStay = predicate{"EnoughStay", func(s subject) (string, bool) {
	stay := 0
	for _, member := range s.active {
		if s.seats[member.Name].Wanted && s.nodes[member.ID] != nil {
			stay++
		}
	}
	return fmt.Sprintf("%d wanted members answer, %d copies need as many", stay, s.m.ReplicationFactor), stay >= s.m.ReplicationFactor
}}

// check evaluates a proof about a node.
func (p *planner) check(predicates []predicate, id cluster.NodeID, seat string) []Check {
	s := subject{planner: p, id: id, seat: seat, node: p.nodes[id]}
	proof := make([]Check, 0, len(predicates))
	for _, pr := range predicates {
		message, ok := pr.check(s)
		proof = append(proof, Check{pr.name, ok, message})
	}
	return proof
}

// planRemovals says which of the unwanted seats may go.
func (p *planner) planRemovals() {
	for _, seat := range p.spec.Seats {
		if seat.Wanted {
			continue
		}
		var id cluster.NodeID
		if n := p.bySeat[seat.Name]; n != nil {
			id = n.status.Node
		}
		removal := Removal{Seat: seat.Name, Node: id, Proof: p.check(removalPredicates, id, seat.Name)}
		if Proven(removal.Proof) {
			p.Removable = append(p.Removable, removal)
		} else {
			p.Kept = append(p.Kept, removal)
		}
	}
}

// orphanProof shows that a replica is no part of its group and that the group
// does without it.
func orphanProof(p *planner, g *group, r report) []Check {
	if g.leader == nil {
		return []Check{{"LeaderProven", false, "the group has no proven leader"}}
	}
	holdsData := r.State != cluster.ReplicaEmpty && r.State != cluster.ReplicaRefused
	return []Check{
		{"LeaderProven", true, fmt.Sprintf("%s leads in term %d", g.leader.node.seat.Name, g.leader.Term)},
		{"CurrentMap", p.current(r.node) && p.current(g.leader.node), fmt.Sprintf("both have the map of epoch %d", p.m.Epoch)},
		{"NotJoint", !g.config.Joint(), "no change of membership is under way"},
		{"NotInTheGroup", !g.has(r), fmt.Sprintf("the leader does not have replica %d", r.ID)},
		{"NotNewer", r.Config.Index <= g.config.Index && r.CommitIndex <= g.leader.CommitIndex, "the leader knows all that the replica knows"},
		{"IDIsPast", !holdsData || r.ID < g.config.NextReplicaID, fmt.Sprintf("replica ID %d will not be used again", r.ID)},
		{"GroupSound", !holdsData || g.sound(), "every voter of the group must answer and be caught up"},
	}
}
