package replica

import (
	"errors"
	"fmt"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/ringkv/ringkv/internal/kv/wal"
)

// storage shows the library the stable part of the log. The library calls it on
// the owner's goroutine only.
type storage struct {
	r    *Replica
	hard *raftpb.HardState // as found at the start
}

var _ raft.Storage = (*storage)(nil)

// InitialState implements raft.Storage.
func (s *storage) InitialState() (*raftpb.HardState, *raftpb.ConfState, error) {
	return s.hard, confState(&s.r.config), nil
}

// Entries implements raft.Storage.
func (s *storage) Entries(lo, hi, maxSize uint64) ([]*raftpb.Entry, error) {
	es, err := s.r.log.Entries(lo, hi, maxSize)
	if err != nil {
		return nil, s.translate(err)
	}
	return raftEntries(es), nil
}

// Term implements raft.Storage.
func (s *storage) Term(i uint64) (uint64, error) {
	t, err := s.r.log.Term(i)
	return t, s.translate(err)
}

// LastIndex implements raft.Storage.
func (s *storage) LastIndex() (uint64, error) { return s.r.log.LastIndex(), nil }

// FirstIndex implements raft.Storage.
func (s *storage) FirstIndex() (uint64, error) { return s.r.log.FirstIndex(), nil }

// Snapshot implements raft.Storage. The library only needs to know which state a
// snapshot would carry: the applied one, which is taken when the message leaves.
func (s *storage) Snapshot() (*raftpb.Snapshot, error) {
	return s.r.snapshotMetadata(), nil
}

func (s *storage) translate(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, wal.ErrCompacted):
		return raft.ErrCompacted
	case errors.Is(err, wal.ErrUnavailable):
		return raft.ErrUnavailable
	}
	// The library panics on any other error, and so should we end: the log
	// cannot be read. Give it the error that makes it wait instead, and let the
	// host take this replica out.
	s.r.refuse(fmt.Errorf("read the log: %w", err))
	return raft.ErrUnavailable
}

// raftEntries makes the library's form of log entries. All of one call share
// three allocations.
func raftEntries(es []wal.Entry) []*raftpb.Entry {
	type slab struct {
		entry       raftpb.Entry
		term, index uint64
		kind        raftpb.EntryType
	}
	slabs := make([]slab, len(es))
	out := make([]*raftpb.Entry, len(es))
	for i := range es {
		b := &slabs[i]
		b.term, b.index, b.kind = es[i].Term, es[i].Index, raftpb.EntryType(es[i].Kind)
		b.entry.Term, b.entry.Index, b.entry.Type, b.entry.Data = &b.term, &b.index, &b.kind, es[i].Data
		out[i] = &b.entry
	}
	return out
}

// walEntries makes the log's form of the library's entries.
func walEntries(es []*raftpb.Entry) []wal.Entry {
	out := make([]wal.Entry, len(es))
	for i, e := range es {
		out[i] = wal.Entry{Term: e.GetTerm(), Index: e.GetIndex(), Kind: uint8(e.GetType()), Data: e.GetData()}
	}
	return out
}
