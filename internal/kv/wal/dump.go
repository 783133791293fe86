package wal

import (
	"fmt"
	"iter"

	"github.com/ringkv/ringkv/internal/kv/vfs"
)

// DumpItem is one thing that Dump found: a record, or a place without one.
type DumpItem struct {
	// Record is valid if Damage is nil. Its payload is valid until the next item.
	Record Record
	// Damage is a place that cannot be read, or (if Torn) what comes after the
	// last record.
	Damage *Damage
	Torn   bool
}

// Dump goes through all records of a log as they are on the disk, in order. It
// changes nothing and needs no lock; of a log in use it may see the newest records
// half written. After an error it ends.
func Dump(fs vfs.FS, dir string) iter.Seq2[DumpItem, error] {
	return func(yield func(DumpItem, error) bool) {
		if err := dump(fs, dir, func(i DumpItem) bool { return yield(i, nil) }); err != nil {
			yield(DumpItem{}, err)
		}
	}
}

func dump(fs vfs.FS, dir string, yield func(DumpItem) bool) error {
	l := newLog(Options{FS: fs, Dir: dir})
	defer l.segments.close()
	numbers, _, err := l.listSegments()
	if err != nil {
		return err
	}
	if len(numbers) == 0 {
		return fmt.Errorf("there is no log in %s", dir)
	}
	r := &recovering{Log: l, replay: newReplay(l, newState())}
	if err := r.openFiles(numbers, fs.Open); err != nil {
		return err
	}
	for i := range r.damage {
		if !yield(DumpItem{Damage: &r.damage[i]}) {
			return nil
		}
	}
	more := true
	return r.scanAll(func(s *segmentScan) bool {
		end := s.run(func(rec *Record, _ uint32) {
			more = more && yield(DumpItem{Record: *rec})
		}, func(from, to int64) {
			more = more && yield(DumpItem{Damage: &Damage{Segment: s.number, Offset: from, Bytes: to - from, Reason: unreadable}})
		})
		if dirty := s.nonZeroEnd(end); more && s.newest && dirty > end {
			more = yield(DumpItem{Torn: true, Damage: &Damage{Segment: s.number, Offset: end, Bytes: dirty - end,
				Reason: "a write that did not finish, or its remains"}})
		}
		return more
	})
}

// DumpSnapshot says what a snapshot record, or the snapshot in a checkpoint, refers
// to. It returns nil for other records, and for a checkpoint without a snapshot.
func (r *Record) DumpSnapshot() (*SnapshotRef, error) {
	switch {
	case r.Type == TypeSnapshot:
		return decodeSnapshotRef(r)
	case r.Type == TypeCheckpoint && r.Partition != NodePartition:
		s, err := decodeCheckpoint(r)
		if err != nil {
			return nil, err
		}
		return s.snapshot, nil
	}
	return nil, nil
}

// DumpHardState returns the hard state in a record, or nil if it has none.
func (r *Record) DumpHardState() (*HardState, error) {
	switch {
	case r.Type == TypeHardState:
		h, err := decodeHardState(r)
		return &h, err
	case r.Type == TypeCheckpoint && r.Partition != NodePartition:
		s, err := decodeCheckpoint(r)
		if err != nil {
			return nil, err
		}
		return &s.hard, nil
	}
	return nil, nil
}
