package replica

import (
	"go.etcd.io/raft/v3/raftpb"

	"github.com/ringkv/ringkv/internal/kv/wal"
)

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

// writeOwed writes a commit index that no entry has taken along.
func (r *Replica) writeOwed() {
	if r.hard.owed {
		r.host.Write(&wal.Write{Partition: r.partition, Replica: r.id, HardState: r.hard.take(), NoSync: true})
	}
}
