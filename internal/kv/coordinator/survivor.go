package coordinator

import (
	"fmt"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// reportLeaderless says which partitions have no proven leader, and whether
// waiting can help.
func (p *planner) reportLeaderless() {
	var waiting, quorumLost, dataLost []uint32
	for _, g := range p.groups {
		if g.available {
			continue
		}
		switch alive, total := p.votersLeft(g); {
		case total > 0 && alive == 0, total == 0 && p.nobodyHas(g):
			dataLost = append(dataLost, g.partition)
		case total > 0 && alive <= total/2:
			quorumLost = append(quorumLost, g.partition)
		default:
			waiting = append(waiting, g.partition)
		}
	}
	if len(dataLost) > 0 {
		p.block(ReasonDataLost, "every copy of partitions %s is lost or damaged: bring back one of the volumes", list(dataLost))
	}
	if len(quorumLost) > 0 {
		p.block(ReasonQuorumLost, "a majority of the copies of partitions %s is lost or damaged: bring back one of the volumes, or see failover.onQuorumLoss", list(quorumLost))
	}
	if len(waiting) > 0 {
		p.block(ReasonUnavailable, "partitions %s have no leader that a majority follows at the moment", list(waiting))
	}
}

// nobodyHas tells whether every member has answered, or is lost, and none of them has a
// copy that can still serve.
func (p *planner) nobodyHas(g *group) bool {
	for _, m := range p.m.Members {
		n := p.nodes[m.ID]
		switch {
		case m.State == cluster.MemberLost:
			continue
		case n == nil || !p.current(n):
			return false
		}
		if r := g.on(n); r != nil && r.State != cluster.ReplicaRefused && r.State != cluster.ReplicaEmpty {
			return false
		}
	}
	return true
}

// votersLeft returns how many of the voters are not known to be broken, and how
// many there are. When nobody knows the configuration, the first one stands for
// it: if all its nodes are gone from the map, nothing is known.
func (p *planner) votersLeft(g *group) (alive, total int) {
	if g.config == nil {
		return 0, 0
	}
	for _, r := range g.config.Voters {
		if g.broken(r) == "" {
			alive++
		}
	}
	return alive, len(g.config.Voters)
}

// planSurvivors lets the survivor of two voters go on alone, if the policy asks
// for it and it is proven that the survivor has everything.
//
// The proof: a group of two voters commits nothing without both, neither writes
// nor changes of membership. So either of them has every acknowledged write, as
// long as {A, B} is still the group's configuration. It is unless both agreed
// on another one, and then A, or somebody else that answers, has a replica with
// a later configuration: all other nodes are asked, and all must have answered.
func (p *planner) planSurvivors() {
	if p.spec.OnQuorumLoss != QuorumLossPromoteSurvivor {
		return
	}
	for _, g := range p.groups {
		if g.available || g.config == nil || len(g.config.Voters) != 2 {
			continue
		}
		for _, r := range g.reports {
			proof := p.survivorProof(g, r)
			if failed := firstFailed(proof); failed != nil {
				p.note("partition %d: %s does not go on alone: %s", g.partition, r.node.seat.Name, failed.Message)
				continue
			}
			p.partitionStep(g.partition, Step{
				Seat:  r.node.seat.Name,
				Sole:  &cluster.SoleVoter{ClusterID: p.m.ClusterID, Partition: g.partition, ID: r.ID, ExpectedIndex: r.Config.Index},
				Note:  fmt.Sprintf("%s has every acknowledged write and goes on alone", r.node.seat.Name),
				Proof: proof,
			})
			break
		}
	}
}

func (p *planner) survivorProof(g *group, r report) []Check {
	c := r.Config
	var other cluster.Replica
	for _, voter := range c.Voters {
		if voter.ID != r.ID {
			other = voter
		}
	}
	otherSeat := p.seatOf(other.Node)
	away, gone := p.gone(g, other)
	silent, newer := "", ""
	for _, member := range p.m.Members {
		if member.ID == other.Node || member.State == cluster.MemberLost {
			continue
		}
		n := p.nodes[member.ID]
		if n == nil {
			silent = member.Name
			continue
		}
		if x := g.on(n); x != nil && x.ID != r.ID && x.State != cluster.ReplicaEmpty && x.ID != other.ID && x.Config.Index >= c.Index {
			newer = member.Name
		}
	}
	return []Check{
		{"Running", r.State == cluster.ReplicaRunning, fmt.Sprintf("the copy on %s is %s", r.node.seat.Name, r.State)},
		{"VoterOfTwo", len(c.Voters) == 2 && findReplica(c.Voters, r.ID) != nil, "it is one of two voters"},
		{"NotJoint", !c.Joint(), "no change of membership is under way"},
		{"CurrentMap", p.current(r.node), fmt.Sprintf("%s has the map of epoch %d", r.node.seat.Name, p.m.Epoch)},
		{"OtherIsGone", gone, fmt.Sprintf("%s %s", otherSeat, away)},
		{"EverybodyAnswers", silent == "", fmt.Sprintf("all other members must answer, to show that nobody has a later configuration (%s)", silent)},
		{"NobodyKnowsBetter", newer == "", fmt.Sprintf("no other member may hold the partition in a later configuration (%s)", newer)},
	}
}

// gone tells whether the other voter has been away for long enough, or is known
// to be broken.
func (p *planner) gone(g *group, other cluster.Replica) (string, bool) {
	if broken := g.broken(other); broken != "" {
		return "has lost its copy: " + broken, true
	}
	member := p.member[other.Node]
	if member == nil || p.nodes[other.Node] != nil {
		return "answers", false
	}
	answer, asked := p.in.Observation[member.Name]
	if !asked || answer.AwaySince.IsZero() {
		return "was not asked", false
	}
	away := p.in.Now.Sub(answer.AwaySince)
	return fmt.Sprintf("has been away for %s; %s are asked for", away.Round(1e9), p.spec.QuorumLossAfter), away >= p.spec.QuorumLossAfter
}
