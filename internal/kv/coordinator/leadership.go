package coordinator

import (
	"fmt"
	"slices"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/ring"
)

// leads returns how many partitions the node leads, with the leaderships handed
// over in this pass counted in.
func (p *planner) leads(id cluster.NodeID) int {
	if p.led == nil {
		p.led = map[cluster.NodeID]int{}
		for _, g := range p.groups {
			if g.leader != nil {
				p.led[g.leader.node.status.Node]++
			}
		}
	}
	return p.led[id]
}

// mayLead tells whether the voter can take a leadership now.
func (g *group) mayLead(r cluster.Replica) bool {
	n := g.v.nodes[r.Node]
	return n != nil && !n.status.Draining && n.active() && g.good(r.ID) && g.broken(r) == "" && !g.outdated(r)
}

// planLeaders evens out who leads, calmly: only when every member has been up
// for a while and every group is full, a few at a time, and each partition
// seldom. Elections after a failure are left alone until then.
func (p *planner) planLeaders() {
	if p.spec.Paused || p.Remaining.Moves > 0 || p.Remaining.Cleanups > 0 || !p.calm() {
		return
	}
	holders, current := make([][]string, len(p.groups)), make([]string, len(p.groups))
	for i, g := range p.groups {
		current[i] = string(g.leader.node.status.Node)
		for _, r := range g.config.Voters {
			holders[i] = append(holders[i], string(r.Node))
		}
	}
	wanted := ring.Leaders(holders, current, nil)
	transfers := 0
	for i, g := range p.groups {
		last, moved := p.in.Hints.Transferred[g.partition]
		if wanted[i] == current[i] || transfers == p.limits.MaxTransfers || moved && p.in.Now.Sub(last) < p.limits.TransferPause {
			continue
		}
		to := onNode(g.config.Voters, cluster.NodeID(wanted[i]))
		if p.partitionStep(g.partition, Step{
			Seat:    g.leader.node.seat.Name,
			Leader:  &cluster.TransferLeader{ClusterID: p.m.ClusterID, Partition: g.partition, To: to.ID},
			Note:    fmt.Sprintf("%s leads its share: %s leads more", p.seatOf(to.Node), g.leader.node.seat.Name),
			Balance: true,
		}) {
			transfers++
		}
	}
}

// calm tells whether all is well and has been for a while.
func (p *planner) calm() bool {
	if len(p.doubts) > 0 || len(p.Steps) > 0 {
		return false
	}
	for _, member := range p.m.Members {
		n := p.nodes[member.ID]
		if n == nil || !n.active() || n.status.Draining || n.status.Revision != p.m.Revision {
			return false
		}
		up := p.in.Observation[n.seat.Name].UpSince
		if up.IsZero() || p.in.Now.Sub(up) < p.limits.LeaderCalm {
			return false
		}
	}
	return !slices.ContainsFunc(p.groups, func(g *group) bool {
		return !g.full(p.copies()) || slices.ContainsFunc(g.config.Voters, g.outdated)
	})
}
