package replica

import (
	"errors"
	"fmt"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/ringkv/ringkv/internal/kv/wal"
)

// A leader's log has everything that is committed, unless a majority has forgotten what
// it confirmed: a power loss of all nodes under sync: Interval may do that. A copy that
// has not forgotten then has committed entries that the group goes on without. The library
// would end the process where it sees such an entry, at every start anew, and where it
// does not look it would confirm to the leader what it does not have. So the copy is
// refused, and made anew from the others.

// contradiction returns an error if an append of a leader differs from what this replica
// knows to be committed.
func (r *Replica) contradiction(m *raftpb.Message) error {
	if m.GetTerm() < r.raftTerm || m.GetIndex() > r.hard.newest.Commit {
		return nil // of a former leader, or all of it comes behind
	}
	if err := r.contradicts(m.GetIndex(), m.GetLogTerm()); err != nil {
		return err
	}
	for _, e := range m.GetEntries() {
		if err := r.contradicts(e.GetIndex(), e.GetTerm()); err != nil {
			return err
		}
	}
	return nil
}

// contradicts returns an error if another entry than one of that term is committed here.
func (r *Replica) contradicts(index, term uint64) error {
	commit := r.hard.newest.Commit
	if index > commit {
		return nil
	}
	have, err := r.log.Term(index)
	switch {
	case errors.Is(err, wal.ErrCompacted):
		// Terms do not fall along a log.
		if have, err = r.log.Term(commit); err != nil || term <= have {
			return nil
		}
	case err != nil || have == term:
		return nil
	}
	return fmt.Errorf("entry %d of term %d is not what is committed here (term %d, up to entry %d): "+
		"a majority has lost what it had confirmed, as a power loss can do with sync: Interval", index, term, have, commit)
}
