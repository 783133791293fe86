package replica

import (
	"encoding/json"
	"fmt"
	"io"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

// ForceSoleVoter makes this replica its group's only voter although a quorum is
// gone. It goes around consensus: whoever asks must know that this replica has
// every acknowledged write, as each of two voters does (a commit needs both), and
// that the other voters stay away. Entries that were not known to be committed are
// kept and will be: their callers were told that the outcome is unknown.
//
// The new configuration counts as made after the end of the log, so a change that
// is still in the log no longer fits and is refused. It is on stable storage before
// the replica campaigns.
func (r *Replica) ForceSoleVoter(req *cluster.SoleVoter) error {
	switch {
	case !r.running() || r.id != req.ID:
		return fmt.Errorf("partition %d replica %d: %w", r.partition, req.ID, cluster.ErrNotFound)
	case r.raftLeader != 0:
		return fmt.Errorf("partition %d has a leader: %w", r.partition, cluster.ErrConflict)
	case r.config.Index != req.ExpectedIndex:
		return fmt.Errorf("partition %d: configuration is at index %d, not %d: %w",
			r.partition, r.config.Index, req.ExpectedIndex, cluster.ErrConflict)
	case !contains(r.config.Voters, r.id):
		return fmt.Errorf("partition %d: replica %d is no voter: %w", r.partition, r.id, cluster.ErrInvalid)
	case r.outdated != "":
		return fmt.Errorf("partition %d: replica %d waits for a newer build: %s: %w", r.partition, r.id, r.outdated, cluster.ErrConflict)
	case r.frozen || r.compact.running:
		return fmt.Errorf("partition %d: busy writing a snapshot: %w", r.partition, cluster.ErrConflict)
	}
	config := cluster.Config{
		Index:         r.log.LastIndex() + 1,
		Voters:        []cluster.Replica{{ID: r.id, Node: r.node}},
		NextReplicaID: r.config.NextReplicaID,
	}
	meta, err := json.Marshal(config)
	if err != nil {
		return err
	}
	r.logger.Warn("made the only voter: the quorum is gone for good", "was", r.config.Voters)
	r.frozen = true
	ref := &wal.SnapshotRef{Term: r.appliedTerm, Index: r.applied, Meta: meta}
	snap := r.takeSnapshot()
	name := fmt.Sprintf("p%05d-r%d-%d-sole.snap", r.partition, r.id, ref.Index)
	r.host.Background(func() {
		defer snap.Release()
		err := r.write(ref, name, func(w io.Writer) error { _, err := snap.WriteTo(w); return err })
		r.host.Post(r, func() { r.goOnAlone(ref, config, err) })
	})
	return nil
}

// goOnAlone points the log to the new configuration and then starts the group
// again from it.
func (r *Replica) goOnAlone(ref *wal.SnapshotRef, config cluster.Config, err error) {
	if !r.running() {
		return
	}
	if err != nil {
		r.logger.Error("could not become the only voter", "error", err)
		r.frozen = false
		return
	}
	r.host.Write(&wal.Write{Partition: r.partition, Replica: r.id, Snapshot: ref, Done: func() {
		r.host.Post(r, func() {
			if !r.running() {
				return
			}
			hard := r.rn.BasicStatus().HardState
			r.config, r.reported = config, config
			r.endDoubt() // what this copy does not have, nobody has
			r.proposals.unsynced = 0
			r.generation++ // what the old group still waits for is void
			if err := r.startRaft(&raftpb.HardState{Term: new(hard.GetTerm()), Vote: new(hard.GetVote()), Commit: new(hard.GetCommit())}); err != nil {
				r.refuse(err)
				return
			}
			r.frozen = false
			r.setState()
			r.announce()
			_ = r.rn.Campaign() // the next election timeout would do it as well
		})
	}})
}
