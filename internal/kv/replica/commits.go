package replica

import (
	"maps"
	"slices"

	"go.etcd.io/raft/v3/raftpb"
)

// commits holds messages back that tell a follower nothing but how far the group has
// committed. The next entries say it as well, so under load such a message never
// leaves; without it an entry costs every follower a second round, and the leader a
// second answer. It leaves with the next tick if no entries came.
//
// A follower so applies up to a tick later, which only those see who read from any
// replica.
type commits struct {
	held map[uint64]*raftpb.Message // by receiver
	// changing: a change of the members is under way. Who leaves learns of it only
	// from a message that is sent before the change is applied.
	changing bool
}

// hold tells whether an append message is kept for the next tick.
func (r *Replica) hold(m *raftpb.Message) bool {
	c := &r.commits
	if len(m.GetEntries()) > 0 || !r.leading || r.appliedTerm != r.raftTerm || c.changing || r.config.Joint() {
		delete(c.held, m.GetTo()) // this one says it
		return false
	}
	if c.held == nil {
		c.held = map[uint64]*raftpb.Message{}
	}
	c.held[m.GetTo()] = m
	return true
}

// sendCommits sends what was held back.
func (r *Replica) sendCommits() {
	if len(r.commits.held) == 0 {
		return
	}
	for _, to := range slices.Sorted(maps.Keys(r.commits.held)) {
		r.deliver(r.commits.held[to])
	}
	clear(r.commits.held)
}
