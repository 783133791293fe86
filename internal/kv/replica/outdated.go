package replica

import (
	"errors"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/ringkv/ringkv/internal/kv/command"
)

// A replica is outdated when it meets a committed entry that this build cannot
// execute: a later build has proposed it, and the cluster runs both, or went back to
// the earlier one. Nothing is damaged, so the replica is not refused, which would have
// it replaced by a copy with the same fate. It stands still at that entry until its
// volume is opened by a build that knows more. Meanwhile it
//
//   - executes nothing, answers nothing and takes no snapshot of its state,
//   - keeps what its leader sends and confirms it, as before: the log is whole,
//   - votes, but stands for no election, since it could not serve.
//
// A snapshot of a later state, which a leader sends when its log is shorter than that,
// takes it past the entry.
//
// So a group goes on as long as one voter that can execute its log is there to lead.

// outdate notes that an entry cannot be executed, and gives leadership up.
func (r *Replica) outdate(err error) {
	r.logger.Error("this build is too old for the log: run the kvnode that the other nodes run, or a newer one; the copy is whole and goes on then", "error", err)
	r.outdated = err.Error()
	r.lease.revoke()
	if r.leading {
		r.leading, r.raftLeader = false, 0
		r.stopLeading()
		if len(r.config.Voters) > 1 {
			// A message of a later term makes any leader follow, and this is one.
			r.step(&raftpb.Message{Type: raftpb.MsgHeartbeatResp.Enum(), From: new(r.id), To: new(r.id), Term: new(r.raftTerm + 1)})
		}
	}
	r.announce()
}

// catchUp ends it, because a snapshot came that has the entry in it.
func (r *Replica) catchUp() {
	for _, m := range r.unapplied {
		r.step(m)
	}
	r.outdated, r.unapplied = "", nil
}

// abstaining tells whether the replica stands for no election.
func (r *Replica) abstaining() bool { return r.outdated != "" || r.doubt.open.Load() }

// tooNew tells whether an entry could not be executed because a later build wrote it.
func tooNew(err error) bool {
	return errors.Is(err, command.ErrNotApplicable) || errors.Is(err, command.ErrLaterFormat)
}
