package replica

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path"
	"runtime"
	"slices"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/store"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

// compaction counts what has been applied since the last snapshot on disk.
type compaction struct {
	operations int64
	bytes      int64
	running    bool
	wanted     bool // the host needs the log's space
}

// Compact asks for a snapshot soon, because this partition holds old segments
// back.
func (r *Replica) Compact() { r.compact.wanted = true }

// maybeCompact writes the state to a snapshot file when enough has been applied,
// so that the log up to there can go. Writes go on meanwhile.
func (r *Replica) maybeCompact() {
	c := &r.compact
	enough := c.wanted || c.operations >= r.settings.CompactionOperations || c.bytes >= r.settings.CompactionBytes
	if c.running || !enough || r.applied < r.log.FirstIndex() || r.outdated != "" || !r.host.BeginCompaction() {
		return
	}
	meta, err := json.Marshal(r.config)
	if err != nil {
		r.host.EndCompaction()
		r.refuse(fmt.Errorf("encode the configuration: %w", err))
		return
	}
	ref := &wal.SnapshotRef{Term: r.appliedTerm, Index: r.applied, Meta: meta}
	snap := r.takeSnapshot()
	c.running, c.wanted, c.operations, c.bytes = true, false, 0, 0
	name := fmt.Sprintf("p%05d-r%d-%d.snap", r.partition, r.id, ref.Index)
	r.host.Background(func() {
		defer r.host.EndCompaction()
		defer snap.Release()
		rest := r.host.Pace()
		err := r.write(ref, name, func(w io.Writer) error { _, err := snap.WriteTo(pacedWriter{w, rest}); return err })
		r.host.Post(r, func() { r.compacted(ref, err) })
	})
}

// compacted points the log to a finished snapshot file.
func (r *Replica) compacted(ref *wal.SnapshotRef, err error) {
	if err != nil || !r.running() {
		r.compact.running = false
		if err != nil {
			r.logger.Error("compaction failed; it is tried again later", "error", err)
		}
		return
	}
	if newest := r.log.Snapshot(); newest != nil && newest.Index > ref.Index {
		// One came from the leader meanwhile: the log has no entries between the two.
		r.compact.running = false
		r.removeSnapshot(ref)
		return
	}
	r.host.Write(&wal.Write{
		Partition: r.partition, Replica: r.id, Snapshot: ref,
		Done: func() { r.host.Post(r, func() { r.compact.running = false }) },
	})
}

func (r *Replica) takeSnapshot() *store.Snapshot {
	st := r.store.Load()
	st.Lock()
	defer st.Unlock()
	return st.Snapshot()
}

// write makes a durable snapshot file and fills in what ref says of it.
func (r *Replica) write(ref *wal.SnapshotRef, name string, body func(io.Writer) error) error {
	f, err := wal.CreateSnapshotFile(r.fs, r.dir, name)
	if err != nil {
		return fmt.Errorf("create snapshot %s: %w", name, err)
	}
	if err := body(f); err != nil {
		f.Abort()
		return fmt.Errorf("write snapshot %s: %w", name, err)
	}
	size, crc, err := f.Commit()
	if err != nil {
		return fmt.Errorf("finish snapshot %s: %w", name, err)
	}
	ref.File, ref.Size, ref.CRC = name, size, crc
	return nil
}

// removeSnapshot deletes a snapshot file that the log does not name.
func (r *Replica) removeSnapshot(ref *wal.SnapshotRef) {
	r.host.Background(func() {
		if err := r.fs.Remove(path.Join(r.dir, ref.File)); err != nil {
			r.logger.Warn("a snapshot that is not needed could not be deleted; the next start does it", "error", err)
		}
	})
}

// load fills a store from a snapshot file. It calls rest between pieces.
func (r *Replica) load(st *store.Store, name string, rest func()) error {
	f, err := wal.OpenSnapshotFile(r.fs, r.dir, name)
	if err != nil {
		return fmt.Errorf("open snapshot %s: %w", name, err)
	}
	defer f.Close()
	if err := st.Restore(pacedReader{f, rest}); err != nil {
		return fmt.Errorf("load snapshot %s: %w", name, err)
	}
	return nil
}

// sendSnapshot streams the applied state to a replica that is too far behind for
// the log. The message that the library made only says that one is needed.
func (r *Replica) sendSnapshot(to cluster.NodeID, m *raftpb.Message) {
	h := SnapshotHeader{
		Partition: r.partition, From: r.id, To: m.GetTo(),
		RaftTerm: m.GetTerm(), Term: r.appliedTerm, Index: r.applied, Config: r.config,
	}
	snap := r.takeSnapshot()
	body := newSnapshotBody(snap)
	r.logger.Info("sending a snapshot", "to", h.To, "node", to.Short(), "index", h.Index)
	r.host.SendSnapshot(to, h, body, func(err error) {
		r.host.Post(r, func() {
			if !r.running() {
				return
			}
			status := raft.SnapshotFinish
			if err != nil {
				r.logger.Warn("sending a snapshot failed; it is tried again", "to", h.To, "error", err)
				status = raft.SnapshotFailure
			}
			r.rn.ReportSnapshot(h.To, status)
		})
	})
}

// incomingSnapshot is a received and checked state that waits for the library to
// accept it.
type incomingSnapshot struct {
	header SnapshotHeader
	ref    *wal.SnapshotRef
	store  *store.Store
}

// ReceiveSnapshot stores a snapshot stream and offers it to the group. It blocks
// while the stream lasts, on any goroutine, and returns when the state is on
// stable storage and the group has been told.
func (r *Replica) ReceiveSnapshot(from cluster.NodeID, h SnapshotHeader, body io.Reader) error {
	meta, err := json.Marshal(h.Config)
	if err != nil {
		return err
	}
	in := &incomingSnapshot{
		header: h,
		ref:    &wal.SnapshotRef{Term: h.Term, Index: h.Index, Received: true, Meta: meta},
		store:  r.newStore(),
	}
	// The time keeps names of an earlier life apart: the log may start with such a file,
	// and the one that comes now may have to go.
	name := fmt.Sprintf("p%05d-r%d-%d-received-%d.snap", r.partition, r.id, h.Index, uint64(r.clock.WallMillis())<<8+r.received.Add(1))
	// It keeps to the sender's rate already: it only must not hold a processor.
	rest := runtime.Gosched
	if err := r.write(in.ref, name, func(w io.Writer) error { _, err := io.Copy(pacedWriter{w, rest}, body); return err }); err != nil {
		return err
	}
	if err := r.load(in.store, name, rest); err != nil {
		return err
	}
	r.host.Post(r, func() { r.offer(from, in) })
	return nil
}

// offer steps the snapshot message, now that its state is here.
func (r *Replica) offer(from cluster.NodeID, in *incomingSnapshot) {
	if !r.running() || r.state == cluster.ReplicaRemoved {
		return
	}
	h := &in.header
	if h.RaftTerm >= r.raftTerm {
		if err := r.contradicts(h.Index, h.Term); err != nil {
			r.refuse(err)
			return
		}
	}
	r.seen[h.From] = from
	r.incoming[h.Index] = in
	r.step(&raftpb.Message{
		Type: raftpb.MsgSnap.Enum(), From: new(h.From), To: new(h.To), Term: new(h.RaftTerm),
		Snapshot: &raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{
			ConfState: confState(&h.Config), Index: new(h.Index), Term: new(h.Term),
		}},
	})
}

// takeIncoming returns the state of a snapshot that the library has accepted.
func (r *Replica) takeIncoming(s *raftpb.Snapshot) *incomingSnapshot {
	index := s.GetMetadata().GetIndex()
	in := r.incoming[index]
	delete(r.incoming, index)
	return in
}

// dropIncoming deletes the snapshots that the library did not take: it asks for
// one that it accepts in the round in which it was offered.
func (r *Replica) dropIncoming() {
	if len(r.incoming) == 0 {
		return
	}
	for _, index := range slices.Sorted(maps.Keys(r.incoming)) {
		in := r.incoming[index]
		delete(r.incoming, index)
		r.removeSnapshot(in.ref)
	}
}

// install replaces the state by a snapshot that is now the start of the log.
func (r *Replica) install(in *incomingSnapshot) {
	h := &in.header
	r.catchUp()
	r.store.Store(in.store)
	r.applied, r.appliedTerm, r.config, r.reported = h.Index, h.Term, h.Config, h.Config
	r.compact.operations, r.compact.bytes = 0, 0
	r.setState()
	r.settleInside(h.Term)
	r.logger.Info("snapshot installed", "index", h.Index, "term", h.Term)
	r.announce()
}
