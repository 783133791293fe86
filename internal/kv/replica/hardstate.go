package replica

import (
	"go.etcd.io/raft/v3/raftpb"

	"github.com/ringkv/ringkv/internal/kv/wal"
)

// # Configurations
//
// A change of members counts from when it is applied, and a replica that comes back
// applies only up to the commit index that its log knows. So after a loss of power it may
// have an older configuration than before, and that of a removed replica as well. Nobody
// is elected by that who should not be:
//
//   - A leader proposes a change when it has applied the one before (the library sees to
//     it; one that has just been elected applies all that it found first). So whoever has
//     the entry of change k+1 in its log was told in the same message that change k is
//     committed, and persist writes both at once. It starts with change k applied.
//   - A candidate with configuration j has no change j+2 in its log, or it would have more
//     than j. If j+2 is committed, a quorum of configuration j+1 has it. Every quorum of j
//     has a voter in common with that one: of two configurations in a row one is joint and
//     asks majorities of both, or they differ in one voter or in learners. That voter's
//     log is the newer one, and it denies its vote.
//   - So who is elected has applied the newest committed change or the one before, and by
//     the same voters in common it has all that is committed, and nobody else leads its
//     term.
//
// What an older configuration can do is to wait for a vote of a replica that was removed.
// That is why a change is reported to the coordinator, which removes by it, only when its
// commit is on stable storage (settleMembers), whatever Sync says.

// hardState is what the library wants remembered. A term or a vote is a promise and is
// written at once. How far the group has committed is none: whoever forgets it learns
// it again. So it rides on the next entries, or is written with a tick when there are
// none; with a write of its own every entry would cost the log two.
type hardState struct {
	newest wal.HardState
	owed   bool // newest has a commit index that is not written yet
}

// note takes over what a message for the log carries, and tells whether that must be
// written now.
func (h *hardState) note(m *raftpb.Message) (promise bool) {
	if m.Term == nil {
		return false
	}
	next := wal.HardState{Term: m.GetTerm(), Vote: m.GetVote(), Commit: m.GetCommit()}
	promise = next.Term != h.newest.Term || next.Vote != h.newest.Vote
	h.newest, h.owed = next, true
	return promise
}

// take returns what is to be written.
func (h *hardState) take() *wal.HardState {
	h.owed = false
	hard := h.newest
	return &hard
}

// settleMembers puts on stable storage that the newest configuration is committed, and
// then reports it.
func (r *Replica) settleMembers() {
	config := r.config
	r.host.Write(&wal.Write{Partition: r.partition, Replica: r.id, HardState: r.hard.take(), Pledge: true, Done: func() {
		r.host.Post(r, func() {
			if config.Index > r.reported.Index {
				r.reported, r.statusOld = config, true
			}
		})
	}})
}

// writeOwed writes a commit index that no entry has taken along.
func (r *Replica) writeOwed() {
	if r.hard.owed {
		r.host.Write(&wal.Write{Partition: r.partition, Replica: r.id, HardState: r.hard.take(), NoSync: true})
	}
}
