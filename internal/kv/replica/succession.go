package replica

import (
	"go.etcd.io/raft/v3/raftpb"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// turnTicks is for how many ticks a voter stands for election in its turn. The others
// may have heard the leader a little later than it, and refuse until their promise has
// run out as well.
const turnTicks = 3

// succession replaces a leader to which the connection broke as soon as the voters'
// promise to it has run out: a process that died is replaced sooner than one that is
// only slow. The voters take turns, so that they do not split the vote; but one that
// hears somebody stand whose log is shorter than its own does not wait for its turn,
// for only itself can win. When a new term has begun, or all have had their turns, the
// election timeout sees to the rest.
type succession struct {
	heard uint64 // when the leader was last heard, in ticks
	lost  uint64 // the leader to which the connection broke since; 0 for none
	term  uint64 // that was then
	ahead bool   // of a log that somebody stood with
}

// heardLeader notes that the leader of this term or a later one lives.
func (r *Replica) heardLeader(term uint64) {
	if term >= r.raftTerm {
		r.succession = succession{heard: r.ticks}
	}
}

// leaderUnreachable notes that the connection to a node broke, if the leader is there.
func (r *Replica) leaderUnreachable(node cluster.NodeID) {
	if r.raftLeader != 0 && nodeOf(&r.config, r.raftLeader) == node {
		r.succession.lost, r.succession.term = r.raftLeader, r.raftTerm
	}
}

// heardCandidate notes with what log another voter would like to stand for election.
func (r *Replica) heardCandidate(m *raftpb.Message) {
	if r.succession.lost == 0 {
		return
	}
	last := r.log.LastIndex()
	term, err := r.log.Term(last)
	if err == nil && !(position{m.GetLogTerm(), m.GetIndex()}).reaches(position{term, last}) {
		r.succession.ahead = true
		r.succeed()
	}
}

// succeed stands for election if it is time to replace a lost leader.
func (r *Replica) succeed() {
	s := &r.succession
	promise := uint64(r.timing.ElectionTicks) + 1
	if s.lost == 0 || s.term != r.raftTerm || r.ticks-s.heard < promise || r.doubt.open.Load() || !contains(r.config.Voters, r.id) {
		return
	}
	waited := r.ticks - s.heard - promise
	turn, turns := r.turn()
	if waited >= 2*turns*turnTicks || !s.ahead && waited/turnTicks%turns != turn {
		return
	}
	_ = r.rn.Campaign() // if it may not now, the election timeout sees to it
}

// tickLibrary lets time pass for the library, but not while voters take their turns: its
// election timeout would come between them, and two that stand at once split the vote.
// By then it has counted as many ticks as its own promise to the leader lasts.
func (r *Replica) tickLibrary() {
	s := &r.succession
	_, turns := r.turn()
	since := r.ticks - s.heard
	promise := uint64(r.timing.ElectionTicks)
	if s.lost != 0 && s.term == r.raftTerm && !r.leading && since > promise && since <= promise+turns*turnTicks {
		return
	}
	r.rn.Tick()
}

// turn returns this voter's place among those that the lost leader leaves, and their
// number.
func (r *Replica) turn() (turn, turns uint64) {
	for _, v := range r.config.Voters {
		if v.ID == r.succession.lost {
			continue
		}
		turns++
		if v.ID < r.id {
			turn++
		}
	}
	return turn, turns
}
