package wal

import (
	"errors"
	"fmt"
	"path"
)

// recovering is the recovery of a log from its segment files.
type recovering struct {
	*Log
	*replay
	w     *writer
	files []recoveredFile
	cut   *Cut
	clean bool
}

// recoveredFile is a segment file with what can be read of its header.
type recoveredFile struct {
	*segment
	header *segmentHeader // nil if no copy can be read
}

// recover brings the writer to where the log ends.
func (l *Log) recover(w *writer, numbers []uint64) (*Recovery, error) {
	r := &recovering{Log: l, w: w, replay: newReplay(l, w.state)}
	if err := r.openFiles(numbers); err != nil {
		return nil, err
	}
	if err := r.run(); err != nil {
		return nil, err
	}
	return r.result(), nil
}

// openFiles opens all segments and reads their headers.
func (r *recovering) openFiles(numbers []uint64) error {
	for _, n := range numbers {
		f, err := r.opts.FS.OpenReadWrite(path.Join(r.opts.Dir, segmentName(n)))
		if err != nil {
			return fmt.Errorf("open segment %d: %w", n, err)
		}
		s := &segment{number: n, file: f}
		r.segments.add(s)
		if s.bytes, err = f.Size(); err != nil {
			return fmt.Errorf("open segment %d: %w", n, err)
		}
		start := make([]byte, min(s.bytes, recordsStart))
		if _, err := f.ReadAt(start, 0); err != nil && len(start) > 0 {
			return fmt.Errorf("read the header of segment %d: %w", n, err)
		}
		h, original, err := bestHeader(start, n)
		if err != nil {
			return fmt.Errorf("segment %d (%s) has %w", n, path.Join(r.opts.Dir, segmentName(n)), err)
		}
		if !original {
			r.damage = append(r.damage, Damage{Segment: n, Bytes: headerBytes, Reason: "the segment's header cannot be read"})
		}
		if h != nil {
			if r.opts.NodeID != "" && h.nodeID != r.opts.NodeID {
				return fmt.Errorf("the log in %s belongs to node %s, not to %s", r.opts.Dir, h.nodeID, r.opts.NodeID)
			}
			r.salt, r.opts.NodeID = h.salt, h.nodeID
		}
		r.files = append(r.files, recoveredFile{s, h})
	}
	for _, f := range r.files {
		if f.header != nil {
			return nil
		}
	}
	return fmt.Errorf("%w: the headers of all segments in %s (%d to %d) cannot be read; nothing in this log can be trusted",
		ErrCorrupt, r.opts.Dir, numbers[0], numbers[len(numbers)-1])
}

// run replays all segments, and makes the newest one ready to be written.
func (r *recovering) run() error {
	var buf []byte
	for i, f := range r.files {
		if i > 0 && f.number != r.files[i-1].number+1 {
			r.missing(r.files[i-1].number + 1)
		}
		var err error
		if buf, err = readFile(f.file, buf); err != nil {
			return fmt.Errorf("read segment %d: %w", f.number, err)
		}
		s := &segmentScan{number: f.number, data: buf, seed: seed(r.salt, f.number), header: f.header, newest: i == len(r.files)-1}
		if !s.newest && r.files[i+1].number == f.number+1 && r.files[i+1].header != nil {
			s.end = r.files[i+1].header.previousEnd
		}
		r.begin(s, i == 0)
		end := s.run(r.record, r.lost)
		if s.newest {
			return r.finish(s, f, end)
		}
		r.flush()
		if s.end > 0 {
			r.compareChain(r.files[i+1].header.previousChain)
		}
	}
	return nil
}

// finish makes the newest segment, whose records end at end, ready to go on with.
func (r *recovering) finish(s *segmentScan, f recoveredFile, end int64) error {
	end = r.cutIncomplete(end)
	promised := max(s.promise(end), recordsStart)
	r.clean = f.header != nil && f.header.closed && f.header.notedOffset == end
	r.end(end)
	if dirty := s.nonZeroEnd(end); dirty > end {
		r.cut = &Cut{Segment: f.number, Offset: end, Bytes: dirty - end}
		if _, err := f.file.WriteAt(make([]byte, dirty-end), end); err != nil {
			return fmt.Errorf("cut the torn tail of segment %d: %w", f.number, err)
		}
	}
	// What nobody promised is perhaps in the system's memory only: the process
	// ended before a sync, or because one failed, and the next sync would do
	// nothing for pages that count as clean. Written again, it is on the disk or
	// there is an error.
	if promised < end {
		if _, err := f.file.WriteAt(s.data[promised:end], promised); err != nil {
			return fmt.Errorf("write the tail of segment %d again: %w", f.number, err)
		}
	}
	if err := f.file.SyncData(); err != nil {
		return fmt.Errorf("sync segment %d: %w", f.number, err)
	}
	// The directory may know the newest name in memory only, for the same reason.
	if err := r.opts.FS.SyncDir(r.opts.Dir); err != nil {
		return fmt.Errorf("sync the log's directory: %w", err)
	}
	mustRoll := r.judge(Place{f.number, end}) || f.header == nil || r.damagedIn(f.number)
	w := r.w
	w.seg, w.header = f.segment, f.header
	w.newest.Store(uint32(f.number))
	w.seed, w.chain, w.end, w.synced, w.serial = s.seed, r.chain, end, end, r.serial
	if mustRoll {
		return r.roll(f, end)
	}
	w.header.closed = false
	return w.note()
}

func (r *recovering) damagedIn(segment uint64) bool {
	for _, d := range r.damage {
		if d.Segment == segment {
			return true
		}
	}
	return false
}

// roll goes on in a new segment, whose checkpoint says what is refused.
func (r *recovering) roll(f recoveredFile, end int64) error {
	name := path.Join(r.opts.Dir, preparedName(0))
	file, err := r.opts.FS.Create(name)
	if err != nil {
		return fmt.Errorf("create a segment: %w", err)
	}
	if err := file.Preallocate(r.opts.SegmentBytes); err != nil {
		return errors.Join(fmt.Errorf("create a segment: %w", err), file.Close())
	}
	h := &segmentHeader{segment: f.number + 1, salt: r.salt, nodeID: r.opts.NodeID,
		previousEnd: end, previousChain: r.chain, firstSerial: r.serial}
	if err := r.w.begin(&preparedFile{name: name, file: file, bytes: r.opts.SegmentBytes}, h); err != nil {
		return errors.Join(err, file.Close())
	}
	return nil
}

// result reports what was found.
func (r *recovering) result() *Recovery {
	rec := &Recovery{
		NodeID:     r.opts.NodeID,
		Replicas:   map[uint32]*Replica{},
		Refused:    map[uint32]Refusal{},
		Tombstones: map[uint32]uint64{},
		Meta:       r.state.meta,
		MetaStale:  r.state.metaStale,
		Cut:        r.cut,
		Clean:      r.clean,
		Damage:     r.damage,
	}
	for p, s := range r.state.replicas {
		if s.tombstone > 0 {
			rec.Tombstones[p] = s.tombstone
		}
		switch g := r.Group(p); {
		case s.refused != nil:
			rec.Refused[p] = *s.refused
		case s.replica != 0:
			rec.Replicas[p] = &Replica{
				Replica: s.replica, Create: s.create, HardState: s.hard, Snapshot: s.snapshot,
				First: g.FirstIndex(), Last: g.LastIndex(),
			}
		}
	}
	return rec
}
