package coordinator

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// Plan decides what to do next. It is pure: the same input gives the same
// decision, and nothing is remembered.
func Plan(in Input) Decision {
	p := &planner{view: newView(in), busy: map[uint32]bool{}}
	p.Remaining.ByCause = map[Cause]int{}
	p.reportDoubts()
	err := p.spec.Validate()
	switch {
	case err != nil:
		p.block(ReasonInvalidSpec, "%v", err)
	case p.staleRecord():
		// Said by reportDoubts. Whoever wrote the newer map knows better.
	case p.m == nil:
		p.create()
	case !p.initialized():
		p.confirm()
	default:
		p.operate()
	}
	p.measure()
	if more := len(p.Notes) - maxNotes; more > 0 {
		p.Notes = append(p.Notes[:maxNotes], fmt.Sprintf("and %d more", more))
	}
	return p.Decision
}

// maxNotes is how many notes a person may still want to read.
const maxNotes = 40

// planner makes a Decision of a view.
type planner struct {
	*view
	Decision
	busy  map[uint32]bool        // partitions that have a step in this pass
	moves []*move                // by partition, once planned; nil for a partition nobody knows
	led   map[cluster.NodeID]int // see leads
	waits []string               // why moves do not go on
}

// operate is a pass over a running cluster.
func (p *planner) operate() {
	if p.NextMap = p.nextMap(); p.NextMap != nil {
		return // nothing is done under a map that is about to change
	}
	p.publish()
	p.planMoves()
	p.planCleanups()
	p.planSurvivors()
	p.planLeaders()
	p.planRemovals()
	p.Converged = p.converged()
}

func (p *planner) converged() bool {
	if len(p.Steps) > 0 && slices.ContainsFunc(p.Steps, func(s Step) bool { return !s.Balance }) {
		return false
	}
	if len(p.doubts) > 0 || len(p.Blocked) > 0 || p.Remaining.Moves > 0 || p.Remaining.Cleanups > 0 || len(p.Kept) > 0 {
		return false
	}
	for _, g := range p.groups {
		if !g.full(p.copies()) {
			return false
		}
	}
	for _, member := range p.m.Members {
		n := p.nodes[member.ID]
		if member.State != cluster.MemberActive || n == nil || n.status.Revision != p.m.Revision {
			return false
		}
	}
	return true
}

// copies is how many copies of each partition the ring asks for.
func (p *planner) copies() int { return min(p.m.ReplicationFactor, len(p.active)) }

// publish hands the map to the nodes that have an older one. A node without a
// cluster gets it only if it is a member: taking a map makes it one.
func (p *planner) publish() {
	for _, n := range p.sortedNodes() {
		if n.status.Revision < p.m.Revision && (n.member != nil || n.status.ClusterID != "") {
			p.step(Step{Seat: n.seat.Name, Map: p.m, Note: fmt.Sprintf("it has revision %d", n.status.Revision)})
		}
	}
}

func (p *planner) reportDoubts() {
	for _, seat := range p.spec.Seats {
		d, doubted := p.doubts[seat.Name]
		if !doubted {
			continue
		}
		if d.reason != ReasonNodeUnknown {
			p.block(d.reason, "%s", d.message)
		} else {
			p.note("%s", d.message)
		}
	}
}

func (p *planner) step(s Step) { p.Steps = append(p.Steps, s) }

// partitionStep adds a step for a partition that has none yet in this pass.
func (p *planner) partitionStep(partition uint32, s Step) bool {
	if p.busy[partition] {
		return false
	}
	p.busy[partition] = true
	p.step(s)
	return true
}

func (p *planner) note(format string, args ...any) {
	if note := fmt.Sprintf(format, args...); !slices.Contains(p.Notes, note) {
		p.Notes = append(p.Notes, note)
	}
}

// wait notes what a move waits for.
func (p *planner) wait(format string, args ...any) {
	reason := fmt.Sprintf(format, args...)
	p.note("%s", reason)
	p.waits = append(p.waits, reason)
}

func (p *planner) block(reason Reason, format string, args ...any) {
	b := Blocked{reason, fmt.Sprintf(format, args...)}
	if !slices.Contains(p.Decision.Blocked, b) {
		p.Decision.Blocked = append(p.Decision.Blocked, b)
	}
}

func (p *planner) event(reason, format string, args ...any) {
	p.Events = append(p.Events, Event{reason, fmt.Sprintf(format, args...)})
}

// measure fills in Health and Members.
func (p *planner) measure() {
	p.Health = Health{Partitions: len(p.groups), Leaders: map[string]int{}}
	led := map[cluster.NodeID]int{}
	for _, g := range p.groups {
		if g.available {
			p.Health.Available++
		}
		if g.leader == nil {
			continue
		}
		p.Health.Leaders[g.leader.node.seat.Name]++
		led[g.leader.node.status.Node]++
		if g.full(p.copies()) {
			p.Health.Full++
		}
	}
	listed := map[string]bool{}
	if p.m != nil {
		for _, member := range p.m.Members {
			p.Members = append(p.Members, p.memberStatus(member.Name, &member, led))
			if member.State != cluster.MemberLost {
				listed[member.Name] = true
			}
		}
	}
	for _, seat := range p.spec.Seats {
		if n := p.bySeat[seat.Name]; !listed[seat.Name] || n != nil && n.member == nil {
			p.Members = append(p.Members, p.memberStatus(seat.Name, nil, led))
		}
	}
	slices.SortStableFunc(p.Members, func(a, b MemberStatus) int { return cmp.Compare(a.Name, b.Name) })
}

func (p *planner) memberStatus(seat string, member *cluster.Member, led map[cluster.NodeID]int) MemberStatus {
	s := MemberStatus{Name: seat, Zone: p.seats[seat].Zone}
	n := p.bySeat[seat]
	if member != nil {
		s.Node, s.State, s.Zone = member.ID, member.State, member.Zone
		n = p.nodes[member.ID]
	}
	answer := p.in.Observation[seat]
	if n == nil {
		s.Since, s.Problem = answer.AwaySince, p.doubts[seat].message
		if s.Problem == "" && member != nil {
			s.Problem = "another node answers in its place"
			if _, named := p.seats[seat]; !named {
				s.Problem = "its seat is not named, so it is not asked"
			}
		}
		return s
	}
	s.Node, s.Up, s.Since = n.status.Node, true, answer.UpSince
	s.Version, s.Epoch, s.DiskFree = n.status.Version, n.status.Epoch, n.status.DiskFree
	s.Draining, s.Problems = n.status.Draining, n.status.Problems
	s.Replicas, s.Leaders = len(n.status.Replicas), led[n.status.Node]
	for _, r := range n.status.Replicas {
		s.Keys, s.Bytes = s.Keys+r.Keys, s.Bytes+r.Bytes
	}
	return s
}

// list joins names for a message: "a, b and 3 more".
func list[T any](items []T) string {
	const most = 5
	var parts []string
	for i, item := range items {
		if i == most && len(items) > most+1 {
			return fmt.Sprintf("%s and %d more", strings.Join(parts, ", "), len(items)-most)
		}
		parts = append(parts, fmt.Sprint(item))
	}
	return strings.Join(parts, ", ")
}
