package wal

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Open opens the log in a directory, and makes it if it is missing. It replays
// everything, repairs a torn tail, and reports in Recovery what is there and what
// is not trusted. It returns an error if another process holds the directory, if
// the log belongs to another node or has a format version that this program does
// not read, if a write or sync fails, or if not even one segment's header can be
// read.
func Open(o Options) (*Log, *Recovery, error) {
	if err := o.complete(); err != nil {
		return nil, nil, err
	}
	for _, dir := range []string{o.Dir, o.SnapshotDir} {
		if err := o.FS.MkdirAll(dir); err != nil {
			return nil, nil, fmt.Errorf("make the log's directory: %w", err)
		}
		if err := o.FS.SyncDir(path.Dir(path.Clean(dir))); err != nil {
			return nil, nil, fmt.Errorf("make the log's directory: %w", err)
		}
	}
	lock, err := o.FS.Lock(path.Join(o.Dir, lockName))
	if err != nil {
		return nil, nil, err
	}
	l := newLog(o)
	l.lock = lock
	rec, err := l.open()
	if err != nil {
		l.segments.close()
		return nil, nil, errors.Join(err, lock.Close())
	}
	return l, rec, nil
}

const lockName = "LOCK"

func newLog(o Options) *Log {
	l := &Log{
		opts:    o,
		groups:  map[uint32]*Group{},
		wake:    make(chan struct{}, 1),
		quit:    make(chan struct{}),
		stopped: make(chan struct{}),
	}
	l.SetSync(o.Sync)
	l.keeper = newKeeper(l)
	return l
}

func (l *Log) open() (*Recovery, error) {
	numbers, leftovers, err := l.listSegments()
	if err != nil {
		return nil, err
	}
	for _, name := range leftovers {
		if err := l.opts.FS.Remove(path.Join(l.opts.Dir, name)); err != nil {
			return nil, fmt.Errorf("remove what a crash left: %w", err)
		}
	}
	w := &writer{Log: l, state: newState(), serial: 1}
	var rec *Recovery
	if len(numbers) == 0 {
		rec, err = l.create(w)
	} else {
		rec, err = l.recover(w, numbers)
	}
	if err != nil {
		return nil, err
	}
	if err := l.removeUnknownSnapshots(w.state); err != nil {
		return nil, err
	}
	if l.opts.Manual != nil {
		l.writer = w
		close(l.keeper.done)
		l.opts.Manual(l.work)
		return rec, nil
	}
	go w.run()
	go l.keeper.run()
	return rec, nil
}

// listSegments returns the numbers of the segments in order, and the names of
// files that are of no use any more.
func (l *Log) listSegments() (numbers []uint64, leftovers []string, err error) {
	names, err := l.opts.FS.List(l.opts.Dir)
	if err != nil {
		return nil, nil, fmt.Errorf("list the log: %w", err)
	}
	for _, name := range names {
		if n := parseSegmentName(name); n != 0 {
			numbers = append(numbers, n)
		} else if strings.HasSuffix(name, temporarySuffix) || name == ballastName {
			leftovers = append(leftovers, name)
		}
	}
	slices.Sort(numbers)
	return numbers, leftovers, nil
}

// create makes the first segment.
func (l *Log) create(w *writer) (*Recovery, error) {
	if l.opts.NodeID == "" {
		return nil, fmt.Errorf("there is no log in %s, and no node ID to make one for", l.opts.Dir)
	}
	var salt [8]byte
	if _, err := rand.Read(salt[:]); err != nil {
		return nil, fmt.Errorf("make a salt: %w", err)
	}
	l.salt = binary.LittleEndian.Uint64(salt[:])
	name := path.Join(l.opts.Dir, preparedName(0))
	f, err := l.opts.FS.Create(name)
	if err != nil {
		return nil, fmt.Errorf("create the log: %w", err)
	}
	if err := f.Preallocate(l.opts.SegmentBytes); err != nil {
		return nil, errors.Join(fmt.Errorf("create the log: %w", err), f.Close())
	}
	h := &segmentHeader{segment: 1, salt: l.salt, nodeID: l.opts.NodeID}
	if err := w.begin(&preparedFile{name: name, file: f, bytes: l.opts.SegmentBytes}, h); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Recovery{
		NodeID: l.opts.NodeID, New: true, Clean: true,
		Replicas: map[uint32]*Replica{}, Refused: map[uint32]Refusal{}, Tombstones: map[uint32]uint64{},
	}, nil
}

// removeUnknownSnapshots deletes the snapshot files that nothing refers to.
func (l *Log) removeUnknownSnapshots(s *state) error {
	known := map[string]bool{}
	for _, r := range s.replicas {
		if r.snapshot != nil {
			known[r.snapshot.File] = true
		}
	}
	names, err := l.opts.FS.List(l.opts.SnapshotDir)
	if err != nil {
		return fmt.Errorf("list the snapshots: %w", err)
	}
	for _, name := range names {
		if known[name] {
			continue
		}
		if err := l.opts.FS.Remove(path.Join(l.opts.SnapshotDir, name)); err != nil {
			return fmt.Errorf("remove a snapshot that nothing refers to: %w", err)
		}
	}
	return nil
}
