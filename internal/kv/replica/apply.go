package replica

import (
	"fmt"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/command"
)

// apply executes committed entries in order. It tells whether it could.
func (r *Replica) apply(entries []*raftpb.Entry) bool {
	if r.outdated != "" {
		return false
	}
	for _, e := range entries {
		if e.GetIndex() != r.applied+1 {
			r.refuse(fmt.Errorf("entry %d was handed out after entry %d", e.GetIndex(), r.applied))
			return false
		}
		newTerm := e.GetTerm() != r.appliedTerm
		switch e.GetType() {
		case raftpb.EntryNormal:
			if len(e.GetData()) > 0 {
				if err := r.applyBatch(e); err != nil {
					err = fmt.Errorf("apply entry %d: %w", e.GetIndex(), err)
					if tooNew(err) {
						r.outdate(err)
					} else {
						r.refuse(err)
					}
					return false
				}
			}
		case raftpb.EntryConfChangeV2, raftpb.EntryConfChange:
			if err := r.applyConfChange(e); err != nil {
				r.refuse(fmt.Errorf("apply entry %d: %w", e.GetIndex(), err))
				return false
			}
		}
		r.applied, r.appliedTerm = e.GetIndex(), e.GetTerm()
		r.compact.bytes += int64(len(e.GetData()))
		if newTerm {
			r.settleBefore(e.GetTerm())
			r.host.Wake(r) // what has queued up can be proposed now
			r.renewLease()
			r.statusOld = true
			if r.leading && r.appliedTerm == r.raftTerm {
				r.announce() // only now can it serve
			}
		}
	}
	return true
}

// applyBatch executes the commands of one entry. All replicas do the same with
// the same result; the one that proposed it has callers to answer.
func (r *Replica) applyBatch(e *raftpb.Entry) error {
	batch, err := command.DecodeBatch(e.GetData())
	if err != nil {
		return err
	}
	var calls []*Request
	if batch.Proposer == r.id {
		// An earlier life of this replica counted from one as well, in earlier terms.
		if p := r.proposals.pending[batch.Seq]; p != nil && p.term == e.GetTerm() {
			delete(r.proposals.pending, batch.Seq)
			calls = p.calls
		}
	}
	st := r.store.Load()
	ctx := &r.context
	ctx.Store, ctx.Now = st, batch.Now
	r.newest.Store(max(batch.Now, r.newest.Load()))
	n := 0
	st.Lock()
	for {
		args, ok := batch.Next(r.args)
		if !ok {
			break
		}
		r.args = args
		reply := &r.discard
		if n < len(calls) && calls[n] != nil {
			reply = &calls[n].Call.Out
		}
		reply.Reset()
		if err = command.Apply(ctx, args, reply); err != nil {
			break
		}
		n++
	}
	st.Unlock()
	if err != nil {
		r.finishAll(calls, Unknown)
		return err
	}
	r.compact.operations += int64(n)
	for _, c := range calls {
		if c != nil {
			r.host.Finish(c, Done)
		}
	}
	r.host.Changed(r)
	return nil
}

// applyConfChange makes a committed configuration the current one, or refuses the
// change alike on every replica when it was made for another configuration.
func (r *Replica) applyConfChange(e *raftpb.Entry) error {
	var cc raftpb.ConfChangeV2
	if err := proto.Unmarshal(e.GetData(), &cc); err != nil {
		return fmt.Errorf("decode a configuration change: %w", err)
	}
	r.commits.changing = false
	ctx, err := acceptable(&r.config, &cc)
	if err != nil {
		r.logger.Warn("configuration change refused", "index", e.GetIndex(), "error", err)
		return nil
	}
	r.config = configOf(r.rn.ApplyConfChange(&cc), e.GetIndex(), &r.config, ctx.Nodes)
	r.settleMembers()
	before := r.state
	r.setState()
	r.logger.Info("configuration applied", "index", e.GetIndex(), "voters", r.config.Voters,
		"outgoing", r.config.Outgoing, "learners", r.config.Learners)
	if r.state == cluster.ReplicaRemoved && before != r.state {
		r.lease.revoke()
		r.stopLeading()
	}
	r.announce()
	return nil
}

// ChangeConfig starts a membership change; it is done when the status shows it.
// It returns cluster.ErrNotLeader, ErrConflict or ErrInvalid.
func (r *Replica) ChangeConfig(req *cluster.ChangeConfig) error {
	if !r.leading || !r.running() {
		return fmt.Errorf("partition %d: %w", r.partition, cluster.ErrNotLeader)
	}
	if r.appliedTerm != r.raftTerm {
		return fmt.Errorf("partition %d: the leader has just been elected: %w", r.partition, cluster.ErrConflict)
	}
	cc, err := confChange(&r.config, req)
	if err != nil {
		return err
	}
	r.commits.changing = true
	if err := r.rn.ProposeConfChange(cc); err != nil {
		return fmt.Errorf("partition %d: propose the change: %w: %w", r.partition, err, cluster.ErrConflict)
	}
	return nil
}

// TransferLeader starts to hand leadership to a voter.
func (r *Replica) TransferLeader(to uint64) error {
	switch {
	case !r.leading || !r.running():
		return fmt.Errorf("partition %d: %w", r.partition, cluster.ErrNotLeader)
	case !contains(r.config.Voters, to):
		return fmt.Errorf("partition %d: replica %d is no voter: %w", r.partition, to, cluster.ErrInvalid)
	case to == r.id:
		return nil
	}
	r.rn.TransferLeader(to)
	return nil
}

// HandOver starts to give leadership to the voter that is furthest ahead, other
// than those on the nodes that avoid names. It tells whether there was one.
func (r *Replica) HandOver(avoid func(cluster.NodeID) bool) bool {
	if !r.leading || !r.running() {
		return false
	}
	best, match := uint64(0), uint64(0)
	for _, p := range r.progress() {
		node := nodeOf(&r.config, p.ID)
		if p.ID != r.id && p.Active && contains(r.config.Voters, p.ID) && !avoid(node) && p.Match >= match {
			best, match = p.ID, p.Match
		}
	}
	if best == 0 {
		return false
	}
	r.rn.TransferLeader(best)
	return true
}
