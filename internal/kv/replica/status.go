package replica

import (
	"slices"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/tracker"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// Status returns what the replica reported at the end of its last round.
func (r *Replica) Status() cluster.ReplicaStatus {
	r.published.Lock()
	s := r.published.status
	r.published.Unlock()
	st := r.store.Load()
	st.RLock()
	s.Keys, s.Bytes = uint64(st.Len()), uint64(st.Bytes())
	st.RUnlock()
	return s
}

// Leader returns the replica ID of the leader that this replica knows, or 0.
func (r *Replica) Leader() uint64 { return r.leader.Load() }

// Leadership returns what this replica knows of its group's leader, whose node is
// "" if there is none, and whether it is itself the leader and can serve.
func (r *Replica) Leadership() (cluster.Leadership, bool) {
	r.published.Lock()
	defer r.published.Unlock()
	return r.published.leadership, r.published.leading
}

// publish makes the state visible to other goroutines.
func (r *Replica) publish() {
	r.statusOld = false
	s := cluster.ReplicaStatus{
		Partition:    r.partition,
		ID:           r.id,
		State:        r.state,
		Reason:       r.reason,
		AppliedIndex: r.applied,
		Config:       r.reported,
		Doubtful:     r.Doubtful(),
		Outdated:     r.outdated,
	}
	if r.running() {
		b := r.rn.BasicStatus()
		s.Role = r.role(b.RaftState)
		s.Term, s.CommitIndex, s.Leader = b.GetTerm(), b.GetCommit(), r.raftLeader
		s.FirstIndex, s.LastIndex = r.log.FirstIndex(), r.log.LastIndex()
		if r.leading && r.appliedTerm == r.raftTerm {
			s.Progress = r.progress()
		}
	}
	p := &r.published
	p.Lock()
	defer p.Unlock()
	p.status = s
	p.readable = r.running() && r.config.Index != 0 && r.outdated == ""
	p.leading = r.leading && r.appliedTerm == r.raftTerm
	p.leadership = cluster.Leadership{
		Partition: r.partition,
		Term:      r.raftTerm,
		ConfIndex: r.config.Index,
		Leader:    cluster.Replica{ID: r.raftLeader, Node: nodeOf(&r.config, r.raftLeader)},
		Voters:    r.config.Voters,
	}
}

func (r *Replica) role(s raft.StateType) cluster.Role {
	switch {
	case s == raft.StateLeader && r.outdated == "":
		return cluster.RoleLeader
	case contains(r.config.Learners, r.id):
		return cluster.RoleLearner
	case s == raft.StateCandidate || s == raft.StatePreCandidate:
		return cluster.RoleCandidate
	default:
		return cluster.RoleFollower
	}
}

// progress is the leader's view of its group, sorted by replica ID. The library's
// own CheckQuorum makes a leader without a quorum step down, so a leader's view is
// never older than an election timeout.
func (r *Replica) progress() []cluster.Progress {
	var out []cluster.Progress
	since := r.clock.Monotonic() - int64(r.timing.ElectionTicks)*r.timing.Tick.Nanoseconds()
	r.rn.WithProgress(func(id uint64, _ raft.ProgressType, p tracker.Progress) {
		answered, ok := r.acked[id]
		out = append(out, cluster.Progress{
			ID:       id,
			Match:    p.Match,
			Active:   id == r.id || ok && answered > since,
			Snapshot: p.State == tracker.StateSnapshot,
		})
	})
	slices.SortFunc(out, func(a, b cluster.Progress) int { return int(a.ID) - int(b.ID) })
	return out
}
