package wal

import (
	"errors"
	"fmt"
	"path"

	"github.com/ringkv/ringkv/internal/kv/vfs"
)

// recovering is the recovery of a log from its segment files. It first reads
// everything (run), and then changes what must be changed (repair).
type recovering struct {
	*Log
	*replay
	files []recoveredFile

	newest   *segmentScan
	end      int64 // where the newest segment's records end
	promised int64 // up to where they were synced, for certain
	mustRoll bool  // the newest segment must not be written any more
	cut      *Cut
	clean    bool
	doubtful bool
}

// recoveredFile is a segment file with what can be read of its header.
type recoveredFile struct {
	*segment
	header *segmentHeader // nil if no copy can be read
}

// recover brings the writer to where the log ends.
func (l *Log) recover(w *writer, numbers []uint64) (*Recovery, error) {
	r := &recovering{Log: l, replay: newReplay(l, w.state)}
	if err := r.openFiles(numbers, l.opts.FS.OpenReadWrite); err != nil {
		return nil, err
	}
	if err := r.run(); err != nil {
		return nil, err
	}
	if err := r.repair(w); err != nil {
		return nil, err
	}
	return r.result(), nil
}

// Verify reads a log, with all snapshot files, as Open would, but changes nothing.
// Of the options it uses FS, Dir, SnapshotDir and NodeID. It fails where Open would
// fail, also if the log is in use.
func Verify(o Options) (*Recovery, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	lock, err := o.FS.Lock(path.Join(o.Dir, lockName))
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	l := newLog(o)
	defer l.segments.close()
	numbers, _, err := l.listSegments()
	if err != nil {
		return nil, err
	}
	if len(numbers) == 0 {
		return nil, fmt.Errorf("there is no log in %s", o.Dir)
	}
	r := &recovering{Log: l, replay: newReplay(l, newState())}
	if err := r.openFiles(numbers, o.FS.Open); err != nil {
		return nil, err
	}
	if err := r.run(); err != nil {
		return nil, err
	}
	return r.result(), nil
}

// openFiles opens all segments and reads their headers.
func (r *recovering) openFiles(numbers []uint64, open func(string) (vfs.File, error)) error {
	for _, n := range numbers {
		f, err := open(path.Join(r.opts.Dir, segmentName(n)))
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
		if h != nil && !original {
			r.damage = append(r.damage, Damage{Segment: n, Bytes: headerBytes, Reason: "the segment's header can be read from a copy only"})
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

// run replays all segments and judges the replicas.
func (r *recovering) run() error {
	oldest := true
	return r.scanAll(func(s *segmentScan) bool {
		if !oldest && s.number != r.scan.number+1 {
			r.missing(r.scan.number + 1)
		}
		r.begin(s, oldest)
		oldest = false
		end := s.run(r.record, r.lost)
		if s.newest {
			r.finish(s, end)
			return true
		}
		r.flush()
		if s.end > 0 {
			r.compareChain(s.nextChain)
		}
		return true
	})
}

// scanAll reads one segment after the other until visit returns false. What was
// read of the last one stays valid.
func (r *recovering) scanAll(visit func(*segmentScan) bool) error {
	var buf []byte
	for i, f := range r.files {
		var err error
		if buf, err = readFile(f.file, buf); err != nil {
			return fmt.Errorf("read segment %d: %w", f.number, err)
		}
		s := &segmentScan{number: f.number, data: buf, seed: seed(r.salt, f.number), header: f.header, newest: i == len(r.files)-1}
		if !s.newest && r.files[i+1].number == f.number+1 && r.files[i+1].header != nil {
			s.end, s.nextChain = r.files[i+1].header.previousEnd, r.files[i+1].header.previousChain
		}
		if !visit(s) {
			return nil
		}
	}
	return nil
}

// finish takes note of how the newest segment ends.
func (r *recovering) finish(s *segmentScan, end int64) {
	r.newest = s
	r.end = r.cutIncomplete(end)
	r.promised = max(s.promise(r.end), recordsStart)
	r.clean = s.header != nil && s.header.status == statusClosed && s.header.notedOffset == r.end
	r.account.end(r.end)
	if dirty := s.nonZeroEnd(r.end); dirty > r.end {
		r.cut = &Cut{Segment: s.number, Offset: r.end, Bytes: dirty - r.end}
	}
	r.doubtful = r.cut != nil || s.header != nil && s.header.status == statusDoubtful
	continued := s.header != nil && s.header.status == statusContinued
	if continued {
		r.missing(s.number + 1)
		r.lostSum += unknownLoss
	}
	r.mustRoll = r.judge(Place{s.number, r.end}) || continued || s.header == nil || r.damagedIn(s.number)
}

func (r *recovering) damagedIn(segment uint64) bool {
	for _, d := range r.damage {
		if d.Segment == segment {
			return true
		}
	}
	return false
}

// repair makes the end of the log fit to go on from, and hands it to the writer.
func (r *recovering) repair(w *writer) error {
	f := r.files[len(r.files)-1]
	r.Log.doubtful.Store(r.doubtful)
	if r.cut != nil {
		if err := r.noteDoubt(f); err != nil {
			return err
		}
		if _, err := f.file.WriteAt(make([]byte, r.cut.Bytes), r.end); err != nil {
			return fmt.Errorf("cut the torn tail of segment %d: %w", f.number, err)
		}
	}
	// What nobody promised is perhaps in the system's memory only: the process
	// ended before a sync, or because one failed, and the next sync would do
	// nothing for pages that count as clean. Written again, it is on the disk or
	// there is an error.
	if tail := r.newest.data; r.promised < min(r.end, int64(len(tail))) {
		if _, err := f.file.WriteAt(tail[r.promised:min(r.end, int64(len(tail)))], r.promised); err != nil {
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
	w.seg, w.header = f.segment, f.header
	w.newest.Store(uint32(f.number))
	w.seed, w.chain, w.end, w.synced = r.newest.seed, r.chain, r.end, r.end
	w.serial, w.next = r.serial, r.serial
	if r.mustRoll {
		return r.roll(w)
	}
	w.header.status = w.openStatus()
	return w.note()
}

// noteDoubt notes that something is going to be cut, before nothing shows it any more.
// A segment that is continued elsewhere, or whose header is lost, needs no note:
// everybody who could have lost something is refused.
func (r *recovering) noteDoubt(f recoveredFile) error {
	if f.header == nil || f.header.status == statusContinued {
		return nil
	}
	f.header.status = statusDoubtful
	if err := writeNote(f.file, f.header); err != nil {
		return err
	}
	if err := f.file.SyncData(); err != nil {
		return fmt.Errorf("sync the note of segment %d: %w", f.number, err)
	}
	return nil
}

// roll goes on in a new segment, whose checkpoint says what is refused.
func (r *recovering) roll(w *writer) error {
	name := path.Join(r.opts.Dir, preparedName(0))
	file, err := r.opts.FS.Create(name)
	if err != nil {
		return fmt.Errorf("create a segment: %w", err)
	}
	if err := file.Preallocate(r.opts.SegmentBytes); err != nil {
		return errors.Join(fmt.Errorf("create a segment: %w", err), file.Close())
	}
	h := &segmentHeader{segment: r.newest.number + 1, salt: r.salt, nodeID: r.opts.NodeID,
		previousEnd: r.end, previousChain: r.chain.sum, firstSerial: r.serial}
	if err := w.begin(&preparedFile{name: name, file: file, bytes: r.opts.SegmentBytes}, h); err != nil {
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

		Unaccounted: max(0, r.lostSum-r.foundSum),
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
				Replica: s.replica, Create: s.create, HardState: s.resume(), Snapshot: s.snapshot,
				First: g.FirstIndex(), Last: g.LastIndex(), Doubtful: r.doubtful,
			}
		}
	}
	return rec
}
