package coordinator

import (
	"fmt"
	"slices"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// move is the work on one partition: from its configuration to the nodes that
// should hold it. What a pass does follows from what the leader and the target
// report, and from nothing else:
//
//	configuration                     target reports     step
//	no proven leader                                     wait
//	joint                                                wait: it is left by itself
//	learner that is not wanted                           ChangeConfig: remove it
//	learner that is broken                               ChangeConfig: remove it
//	learner, behind                                      wait
//	learner, caught up                                   ChangeConfig: promote it, and remove one
//	                                                     voter that is not wanted, in one change
//	copy missing, a broken voter on                      ChangeConfig: remove the voter, to
//	the same node                                        make room for its successor
//	copy missing                      another replica    RemoveReplica, after proof (cleanup.go)
//	copy missing                      nothing            CreateReplica
//	copy missing                      the empty replica  ChangeConfig: add it as a learner
//	voter too many                                       ChangeConfig: remove it
//
// Before a leader is removed its leadership is handed to a voter that stays.
// When there is none (one copy going from one node to another), the learner is
// promoted first and the leader removed in the next change.
type move struct {
	*group
	p       *planner
	want    []cluster.NodeID // where the copies should be
	missing []cluster.NodeID // wanted, without a sound voter
	extra   []cluster.Replica
	cause   Cause
	started bool // a copy is on its way
}

// planMoves compares every group with the ring and adds the steps. Moves under
// way go on first; then new ones start, the most urgent first, as many as
// MaxConcurrentMoves allows.
func (p *planner) planMoves() {
	assignment := p.assignment()
	var unknown []uint32
	for i, g := range p.groups {
		if g.config == nil {
			unknown = append(unknown, g.partition)
			p.moves = append(p.moves, nil)
			continue
		}
		var want []cluster.NodeID
		for _, id := range assignment[i] {
			want = append(want, cluster.NodeID(id))
		}
		p.moves = append(p.moves, p.newMove(g, want))
	}
	p.reportLeaderless()
	active := 0
	for _, mv := range p.moves {
		if mv == nil {
			continue
		}
		p.Remaining.Moves += len(mv.missing)
		p.Remaining.Cleanups += len(mv.extra)
		if len(mv.missing) > 0 {
			p.Remaining.Bytes += uint64(len(mv.missing)) * mv.bytes()
			p.Remaining.ByCause[mv.cause] += len(mv.missing)
		}
		if mv.started && !mv.stalled() {
			active++
		}
		mv.proceed()
	}
	p.Remaining.Active = p.start(active, unknown)
	if len(p.waits) > 0 && p.Remaining.Active == 0 && len(p.busy) == 0 {
		message := p.waits[0]
		if more := len(p.waits) - 1; more > 0 {
			message += fmt.Sprintf(" (and %d more wait)", more)
		}
		p.block(ReasonWaiting, "%s", message)
	}
}

// start begins new moves and returns how many are under way then.
func (p *planner) start(active int, unknown []uint32) int {
	held := map[string]bool{}
	for _, cause := range []Cause{CauseRepair, CauseReplication, CauseScaleIn, CauseBalance} {
		for _, mv := range p.moves {
			if mv == nil || mv.cause != cause || len(mv.missing) == 0 || mv.started || p.busy[mv.partition] || mv.leader == nil {
				continue
			}
			urgent := cause == CauseRepair || cause == CauseReplication
			switch {
			case p.spec.Paused && !urgent:
				if !held["paused"] {
					held["paused"] = true
					p.block(ReasonPaused, "moves are paused: %d copies wait to be moved", p.Remaining.ByCause[CauseScaleIn]+p.Remaining.ByCause[CauseBalance])
				}
			case len(unknown) > 0 && !urgent:
				if !held["unknown"] {
					held["unknown"] = true
					p.note("no moves begin while it is not known where partitions %s are", list(unknown))
				}
			case active >= p.spec.MaxConcurrentMoves:
				return active
			case mv.begin():
				active++
			}
		}
	}
	return active
}

func (p *planner) newMove(g *group, want []cluster.NodeID) *move {
	mv := &move{group: g, p: p, want: want}
	sound, leaving := 0, false
	for _, r := range g.config.Voters {
		broken := g.broken(r) != ""
		if !broken {
			sound++
		}
		if !slices.Contains(want, r.Node) || broken && len(g.config.Voters) > len(want) {
			mv.extra = append(mv.extra, r)
		}
		if member := p.member[r.Node]; member != nil && member.State == cluster.MemberLeaving {
			leaving = true
		}
	}
	for _, id := range want {
		if voter := onNode(g.config.Voters, id); voter == nil || g.broken(*voter) != "" {
			mv.missing = append(mv.missing, id)
		}
	}
	switch {
	case sound < len(g.config.Voters) || p.halfRepaired(g):
		mv.cause = CauseRepair
	case sound < len(want):
		mv.cause = CauseReplication
	case leaving:
		mv.cause = CauseScaleIn
	default:
		mv.cause = CauseBalance
	}
	mv.started = len(g.config.Learners) > 0
	for _, r := range g.reports {
		if r.State == cluster.ReplicaEmpty && r.ID >= g.config.NextReplicaID && slices.Contains(mv.missing, r.node.status.Node) {
			mv.started = true
		}
	}
	return mv
}

// stalled tells whether the copy on its way goes to a node that does not answer.
// It waits for that node, and other moves need not wait with it.
func (mv *move) stalled() bool {
	return len(mv.config.Learners) > 0 && !slices.ContainsFunc(mv.config.Learners, func(r cluster.Replica) bool {
		return mv.p.nodes[r.Node] != nil
	})
}

// halfRepaired tells whether a damaged replica was taken out of the group and
// its successor is not there yet.
func (p *planner) halfRepaired(g *group) bool {
	return len(g.config.Voters) < p.m.ReplicationFactor && slices.ContainsFunc(g.reports, func(r report) bool {
		return r.State == cluster.ReplicaRefused
	})
}

// proceed adds the next step of what is under way, if it can be taken now.
func (mv *move) proceed() {
	if mv.leader == nil || mv.config.Joint() {
		return
	}
	if len(mv.config.Learners) > 0 {
		mv.tendLearners()
		return
	}
	if len(mv.missing) > 0 {
		if mv.started {
			mv.addLearner()
		}
		return
	}
	if len(mv.extra) > 0 {
		mv.removeExtra()
	}
}

// tendLearners removes learners that are of no use and promotes one that has
// caught up.
func (mv *move) tendLearners() {
	for _, learner := range mv.config.Learners {
		broken := mv.broken(learner)
		switch {
		case broken != "":
			mv.change(cluster.ChangeConfig{Remove: []uint64{learner.ID}}, fmt.Sprintf("the copy on %s is of no use: %s", mv.p.seatOf(learner.Node), broken))
			return
		case !slices.Contains(mv.missing, learner.Node):
			mv.change(cluster.ChangeConfig{Remove: []uint64{learner.ID}}, fmt.Sprintf("the copy on %s is not wanted any more", mv.p.seatOf(learner.Node)))
			return
		}
	}
	for _, learner := range mv.config.Learners {
		if mv.good(learner.ID) {
			mv.promote(learner)
			return
		}
	}
	seat, state := mv.p.seatOf(mv.config.Learners[0].Node), "is being filled"
	if mv.stalled() {
		state = "does not answer, and waits to be filled"
	}
	mv.p.wait("partition %d: %s %s", mv.partition, seat, state)
}

// promote makes a caught-up learner a voter and, in the same change, removes the
// voter whose place it takes.
func (mv *move) promote(learner cluster.Replica) {
	target := mv.p.seatOf(learner.Node)
	voters := append(slices.Clone(mv.config.Voters), learner)
	old := mv.worst(voters)
	if len(mv.config.Voters) < len(mv.want) && (old == nil || mv.broken(*old) == "") {
		old = nil // a copy more is wanted, not another in place of one
	}
	if old == nil {
		mv.change(cluster.ChangeConfig{Promote: []uint64{learner.ID}}, fmt.Sprintf("%s has caught up", target))
		return
	}
	if reason := mv.unsafeToRemove(*old, voters); reason != "" {
		mv.p.wait("partition %d: %s has caught up; the copy on %s stays for now: %s", mv.partition, target, mv.p.seatOf(old.Node), reason)
		return
	}
	if old.ID == mv.leader.ID {
		if mv.handOver() {
			return
		}
		mv.change(cluster.ChangeConfig{Promote: []uint64{learner.ID}}, fmt.Sprintf("%s has caught up and will take over from %s", target, mv.p.seatOf(old.Node)))
		return
	}
	mv.change(cluster.ChangeConfig{Promote: []uint64{learner.ID}, Remove: []uint64{old.ID}}, fmt.Sprintf("%s has caught up and takes the place of %s", target, mv.p.seatOf(old.Node)))
}

// removeExtra removes one voter that is too many.
func (mv *move) removeExtra() {
	old := mv.worst(mv.config.Voters)
	if old == nil {
		return
	}
	if reason := mv.unsafeToRemove(*old, mv.config.Voters); reason != "" {
		mv.p.wait("partition %d: the copy on %s is too many and stays for now: %s", mv.partition, mv.p.seatOf(old.Node), reason)
		return
	}
	if old.ID == mv.leader.ID {
		if !mv.handOver() {
			mv.p.wait("partition %d: nobody can take the leadership from %s yet", mv.partition, mv.p.seatOf(old.Node))
		}
		return
	}
	mv.change(cluster.ChangeConfig{Remove: []uint64{old.ID}}, fmt.Sprintf("the copy on %s is one too many", mv.p.seatOf(old.Node)))
}

// worst chooses, from the voters that are not wanted, the one to go first:
// broken ones, then the one that leaves zones spread best, then any but the
// leader.
func (mv *move) worst(voters []cluster.Replica) *cluster.Replica {
	var worst *cluster.Replica
	better := func(a, b cluster.Replica) bool {
		if ab, bb := mv.broken(a) != "", mv.broken(b) != ""; ab != bb {
			return ab
		}
		if as, bs := mv.p.zoneSpread(without(voters, a.ID)), mv.p.zoneSpread(without(voters, b.ID)); as != bs {
			return as > bs
		}
		return a.ID != mv.leader.ID && b.ID == mv.leader.ID
	}
	for _, r := range mv.extraOrBroken() {
		if worst == nil || better(r, *worst) {
			worst = &r
		}
	}
	return worst
}

// extraOrBroken returns the voters that may go: not wanted where they are, or
// broken while another node takes their place.
func (mv *move) extraOrBroken() (out []cluster.Replica) {
	for _, r := range mv.config.Voters {
		if !slices.Contains(mv.want, r.Node) || mv.broken(r) != "" {
			out = append(out, r)
		}
	}
	return out
}

// unsafeToRemove returns why the voter must stay for now, or an empty string.
// voters are those of the next configuration and the one to be removed. A good
// copy is only given up when all others are good; any copy only when a majority
// of the others is.
func (mv *move) unsafeToRemove(old cluster.Replica, voters []cluster.Replica) string {
	good, stay := 0, 0
	var bad []string
	for _, r := range voters {
		if r.ID == old.ID {
			continue
		}
		stay++
		if mv.good(r.ID) && mv.broken(r) == "" {
			good++
		} else {
			bad = append(bad, mv.p.seatOf(r.Node))
		}
	}
	switch {
	case good <= stay/2:
		return fmt.Sprintf("without it there would be no majority, since %s is not in order", list(bad))
	case len(bad) > 0 && mv.good(old.ID) && mv.broken(old) == "":
		return fmt.Sprintf("the copy on %s is not in order", list(bad))
	}
	return ""
}

// handOver moves the leadership to the good voter that should have it, among
// those that stay.
func (mv *move) handOver() bool {
	var to *cluster.Replica
	for _, r := range mv.config.Voters {
		if r.ID == mv.leader.ID || !slices.Contains(mv.want, r.Node) || !mv.mayLead(r) {
			continue
		}
		if to == nil || mv.p.leads(r.Node) < mv.p.leads(to.Node) {
			to = &r
		}
	}
	if to == nil {
		return false
	}
	mv.p.leads(to.Node) // counted before the hand-over is
	mv.p.led[to.Node]++
	mv.p.partitionStep(mv.partition, Step{
		Seat:   mv.leader.node.seat.Name,
		Leader: &cluster.TransferLeader{ClusterID: mv.p.m.ClusterID, Partition: mv.partition, To: to.ID},
		Note:   fmt.Sprintf("%s hands over to %s before its copy goes", mv.leader.node.seat.Name, mv.p.seatOf(to.Node)),
	})
	return true
}

// change adds a membership change by the leader, bound to the configuration that
// this plan saw.
func (mv *move) change(c cluster.ChangeConfig, note string) {
	c.ClusterID, c.Partition, c.ExpectedIndex = mv.p.m.ClusterID, mv.partition, mv.config.Index
	mv.p.partitionStep(mv.partition, Step{Seat: mv.leader.node.seat.Name, Change: &c, Note: note})
}

func without(list []cluster.Replica, id uint64) (nodes []cluster.NodeID) {
	for _, r := range list {
		if r.ID != id {
			nodes = append(nodes, r.Node)
		}
	}
	return nodes
}
