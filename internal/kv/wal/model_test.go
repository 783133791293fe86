package wal_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/vfs"
	"github.com/ringkv/ringkv/internal/kv/vfs/crashfs"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

// model is what a log must contain, kept in the simplest way.
type model struct {
	replicas   map[uint32]*modelReplica
	tombstones map[uint32]uint64
	meta       string
}

type modelReplica struct {
	id       uint64
	create   string
	hard     wal.HardState
	snapshot *wal.SnapshotRef
	entries  map[uint64]wal.Entry
	last     uint64
}

func newModel() *model {
	return &model{replicas: map[uint32]*modelReplica{}, tombstones: map[uint32]uint64{}}
}

func (r *modelReplica) snapshotIndex() uint64 {
	if r.snapshot == nil {
		return 0
	}
	return r.snapshot.Index
}

func (m *model) apply(w *wal.Write) {
	if w.Meta != nil {
		m.meta = string(w.Meta)
	}
	if w.Tombstone != 0 {
		m.tombstones[w.Partition] = max(m.tombstones[w.Partition], w.Tombstone)
		delete(m.replicas, w.Partition)
	}
	if w.Create != nil {
		m.replicas[w.Partition] = &modelReplica{id: w.Replica, create: string(w.Create), entries: map[uint64]wal.Entry{}}
	}
	r := m.replicas[w.Partition]
	if r == nil {
		return
	}
	if w.Snapshot != nil {
		r.snapshot = w.Snapshot
		if w.Snapshot.Received || w.Snapshot.Index > r.last {
			clear(r.entries)
			r.last = w.Snapshot.Index
		}
	}
	for _, e := range w.Entries {
		maps.DeleteFunc(r.entries, func(i uint64, _ wal.Entry) bool { return i >= e.Index })
		r.entries[e.Index], r.last = e, e.Index
	}
	if w.HardState != nil {
		r.hard = *w.HardState
	}
}

// difference says in which way a recovered log is not the model, or "". What is
// refused is left out.
func (m *model) difference(l *wal.Log, rec *wal.Recovery) string {
	if rec.MetaStale == nil && string(rec.Meta) != m.meta {
		return fmt.Sprintf("meta is %q, not %q", rec.Meta, m.meta)
	}
	for p := uint32(0); p < partitions; p++ {
		got, want := rec.Tombstones[p], m.tombstones[p]
		if rec.Damage != nil && rec.Replicas[p] != nil && got == rec.Replicas[p].Replica {
			continue // a lost tombstone is concluded from the replica that came after
		}
		if rec.Unaccounted > 0 && rec.Replicas[p] == nil && got < want {
			continue // the last that happened to a partition without a replica is lost
		}
		if _, refused := rec.Refused[p]; !refused && got != want {
			return fmt.Sprintf("partition %d: tombstone is %d, not %d", p, got, want)
		}
	}
	for p := range rec.Replicas {
		if m.replicas[p] == nil {
			return fmt.Sprintf("there is a replica of partition %d", p)
		}
	}
	for p, want := range m.replicas {
		if _, refused := rec.Refused[p]; refused {
			continue
		}
		got := rec.Replicas[p]
		if got == nil && rec.Unaccounted > 0 {
			continue // even its creation is lost
		}
		if got == nil {
			return fmt.Sprintf("there is no replica of partition %d", p)
		}
		if d := want.difference(l.Group(p), got); d != "" {
			return fmt.Sprintf("partition %d: %s", p, d)
		}
	}
	return ""
}

func (r *modelReplica) difference(g *wal.Group, got *wal.Replica) string {
	switch {
	case got.Replica != r.id || string(got.Create) != r.create:
		return fmt.Sprintf("replica %d %q, not %d %q", got.Replica, got.Create, r.id, r.create)
	case got.HardState != r.hard:
		return fmt.Sprintf("hard state %v, not %v", got.HardState, r.hard)
	case got.Last != max(r.last, r.snapshotIndex()) || g.LastIndex() != got.Last || g.FirstIndex() < got.First:
		return fmt.Sprintf("entries %d to %d (readable %d to %d), not to %d behind snapshot %d",
			got.First, got.Last, g.FirstIndex(), g.LastIndex(), r.last, r.snapshotIndex())
	case got.First > r.snapshotIndex()+1:
		return fmt.Sprintf("first entry %d behind snapshot %d", got.First, r.snapshotIndex())
	case (got.Snapshot == nil) != (r.snapshot == nil):
		return "one has a snapshot"
	case r.snapshot != nil && (got.Snapshot.Index != r.snapshot.Index || got.Snapshot.Term != r.snapshot.Term ||
		got.Snapshot.File != r.snapshot.File || !bytes.Equal(got.Snapshot.Meta, r.snapshot.Meta)):
		return fmt.Sprintf("snapshot %v, not %v", got.Snapshot, r.snapshot)
	}
	first := g.FirstIndex()
	es, err := g.Entries(first, got.Last+1, 1<<40)
	for errors.Is(err, wal.ErrCompacted) { // a segment went in between
		first = g.FirstIndex()
		es, err = g.Entries(first, got.Last+1, 1<<40)
	}
	if err != nil {
		return err.Error()
	}
	for i, e := range es {
		want, ok := r.entries[e.Index]
		if e.Index != first+uint64(i) || !ok || e.Term != want.Term || e.Kind != want.Kind || !bytes.Equal(e.Data, want.Data) {
			return fmt.Sprintf("entry %d is %d/%.20q, not %d/%.20q", first+uint64(i), e.Term, e.Data, want.Term, want.Data)
		}
		if term, err := g.Term(e.Index); err == nil && term != want.Term || err != nil && !errors.Is(err, wal.ErrCompacted) {
			return fmt.Sprintf("term of entry %d is %d (%v), not %d", e.Index, term, err, want.Term)
		}
	}
	if uint64(len(es)) != got.Last+1-first || first > r.snapshotIndex()+1 {
		return fmt.Sprintf("%d entries from %d to %d", len(es), first, got.Last)
	}
	return ""
}

// history is what was appended to a log, and how much of it was acknowledged as
// durable.
type history struct {
	writes []*wal.Write
	acked  int // all before it are
}

// prefix returns how many writes of the history a log contains; the test fails if
// that is none, or fewer than were acknowledged.
func (h *history) prefix(t testing.TB, l *wal.Log, rec *wal.Recovery) int {
	t.Helper()
	m := newModel()
	var differences []string
	for i, w := range slices.Concat([]*wal.Write{{}}, h.writes) {
		m.apply(w)
		if i < h.acked {
			continue
		}
		d := m.difference(l, rec)
		if d == "" {
			return i
		}
		differences = append(differences, fmt.Sprintf("after %d of %d writes (acknowledged %d): %s", i, len(h.writes), h.acked, d))
	}
	require.Failf(t, "the log is no prefix of what was appended", "%s\n%+v", differences, rec)
	return 0
}

// requireWhole fails if anything was found that no crash can cause.
func requireWhole(t testing.TB, rec *wal.Recovery) {
	t.Helper()
	require.Empty(t, rec.Refused)
	require.Empty(t, rec.Damage)
	require.Zero(t, rec.Unaccounted)
	require.Nil(t, rec.MetaStale)
}

func snapshotFile(fs *crashfs.FS, name string, content []byte) (*wal.SnapshotRef, error) {
	return snapshotFileIn(fs, "/log/snapshots", name, content)
}

func snapshotFileIn(fs vfs.FS, dir, name string, content []byte) (*wal.SnapshotRef, error) {
	w, err := wal.CreateSnapshotFile(fs, dir, name)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		w.Abort()
		return nil, err
	}
	size, crc, err := w.Commit()
	return &wal.SnapshotRef{File: name, Size: size, CRC: crc}, err
}
