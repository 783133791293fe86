package wal

import (
	"errors"
	"fmt"
	"path"
	"runtime"
	"time"

	"github.com/ringkv/ringkv/internal/kv/vfs"
)

// writer is the log's one goroutine that writes. Everything in it is its own.
//
// A batch is what has queued up while the batch before was synced: one write, one
// fdatasync, then the Dones in order. There is no waiting for more.
type writer struct {
	*Log

	seg    *segment
	header *segmentHeader // of seg
	seed   uint32         // of seg
	chain  chain          // over seg's records
	end    int64          // where the next batch goes in seg
	synced int64          // how much of seg is synced
	next   uint32         // serial of the record at synced
	serial uint32         // of the next record
	state  *state         // after the last record

	buf     []byte     // the batch as bytes
	scratch []byte     // for a payload
	batch   []queued   // the batch as Writes, which buf holds the records of
	places  []location // of the batch's entries
	urgent  bool       // something in the batch wants a sync
	pledged bool       // and wants it with an Interval as well, and a note
	// termOpen: a term or vote was written that no note promises yet.
	termOpen bool
	durable  afterSync

	lastSync time.Time
	lastNote time.Time
	lastWork time.Time // of a manual log
	noted    bool      // the notes of seg say that everything is synced
}

// afterSync is what may be done once everything written is synced.
type afterSync struct {
	edits []settled
	files []string // snapshot files that nothing refers to any more
}

// settled is a write that dropped entries or brought a snapshot.
type settled struct {
	group              *Group
	edits, life, index uint64
}

// maxBatchBytes is when a batch is written although more is queued: the latency of
// the first in it matters more than one more sync.
const maxBatchBytes = 8 << 20

// run writes until the log is closed or fails.
func (w *writer) run() {
	err := w.loop()
	if err == nil {
		err = w.finish()
	}
	w.ended(err)
}

// ended notes why nothing is written any more, and tells the owner of a failure.
func (w *writer) ended(err error) {
	w.refuseAppends()
	failed := err != nil && !errors.Is(err, ErrClosed)
	if failed {
		w.failed.Store(&err)
	}
	close(w.stopped)
	if failed {
		w.opts.Logger.Error("the log cannot go on", "error", err)
		w.opts.Fatal(err)
	}
}

func (w *writer) loop() error {
	timer := time.NewTimer(w.opts.PromiseDelay)
	defer timer.Stop()
	var q []queued
	for {
		if q = w.take(q); len(q) > 0 {
			if err := w.write(q); err != nil {
				return err
			}
			clear(q)
			timer.Reset(w.pause())
			continue
		}
		select {
		case <-w.wake:
			runtime.Gosched() // as many as can run may share the sync
		case <-timer.C:
			if err := w.idle(); err != nil {
				return err
			}
			if d := w.pause(); d > 0 {
				timer.Reset(d)
			}
		case <-w.quit:
			if q = w.take(q); len(q) > 0 {
				return w.write(q)
			}
			return nil
		}
	}
}

// pause returns when idle wants to be called next; 0 for not before something was
// written.
func (w *writer) pause() time.Duration {
	switch {
	case w.synced < w.end && w.mode() != Always:
		return max(time.Duration(w.mode())-w.opts.Clock().Sub(w.lastSync), time.Millisecond)
	case w.synced < w.end || !w.noted:
		return w.opts.PromiseDelay
	}
	return 0
}

// idle syncs what is left to sync, and notes it.
func (w *writer) idle() error {
	if w.synced < w.end {
		return w.sync()
	}
	if w.noted {
		return nil
	}
	return w.note()
}

// finish leaves a log of which every byte is promised.
func (w *writer) finish() error {
	if w.synced < w.end {
		if err := w.sync(); err != nil {
			return err
		}
	}
	if !w.doubtful.Load() { // else the next start has to know
		w.header.status = statusClosed
	}
	return w.note()
}

// write makes queued Writes durable, in as few batches as possible.
func (w *writer) write(q []queued) error {
	for i := range q {
		size := writeBytes(q[i].Write)
		switch {
		case w.end+int64(len(w.buf))+size > w.opts.SegmentBytes && w.end+int64(len(w.buf)) > w.header.checkpointEnd:
			if err := w.flush(); err != nil {
				return err
			}
			if err := w.roll(); err != nil {
				if errors.Is(err, errNoRoom) {
					w.putBack(q[i:])
				}
				return err
			}
		case len(w.buf) > 0 && int64(len(w.buf))+size > maxBatchBytes:
			if err := w.flush(); err != nil {
				return err
			}
		}
		if w.end+int64(len(w.buf))+size > maxOffset {
			return fmt.Errorf("wal: a write of %d bytes does not fit into a segment", size)
		}
		w.encode(&q[i])
	}
	return w.flush()
}

// flush writes the batch, syncs it if it wants that, and runs its Dones.
func (w *writer) flush() error {
	if len(w.batch) == 0 {
		return nil
	}
	if len(w.buf) > 0 { // else: Writes of nothing, which wait for those before
		if _, err := w.seg.file.WriteAt(w.buf, w.end); err != nil {
			return fmt.Errorf("write %d bytes at %s: %w", len(w.buf), w.place(w.end), err)
		}
		w.end += int64(len(w.buf))
		w.stats.batches.Add(1)
		w.stats.bytes.Add(uint64(len(w.buf)))
		w.noted = false
		w.publish()
		if w.end >= w.opts.SegmentBytes/4 {
			w.keeper.want()
		}
	}
	if w.wantsSync() {
		if err := w.sync(); err != nil {
			return err
		}
	}
	if w.pledged && w.synced == w.end {
		// Promised before anybody relies on it, so that it cannot rot into something
		// that was never finished. It is rare enough for a second sync.
		if err := w.note(); err != nil {
			return err
		}
		w.termOpen = false
	}
	w.stats.writes.Add(uint64(len(w.batch)))
	for i := range w.batch {
		if done := w.batch[i].Done; done != nil {
			done()
		}
	}
	clear(w.batch)
	w.batch, w.places, w.urgent, w.pledged = w.batch[:0], w.places[:0], false, false
	if w.buf = w.buf[:0]; cap(w.buf) > 2*maxBatchBytes {
		w.buf = nil
	}
	return nil
}

func (w *writer) wantsSync() bool {
	switch mode := w.mode(); {
	case w.synced == w.end:
		return false
	case mode == Always:
		return w.urgent
	default:
		return w.pledged || w.opts.Clock().Sub(w.lastSync) >= time.Duration(mode)
	}
}

// publish tells the groups where their entries are, and keeps the memory that the
// entries take within its bound.
func (w *writer) publish() {
	places := w.places
	for i := range w.batch {
		if q := &w.batch[i]; len(q.Entries) > 0 {
			q.group.written(q.life, q.Entries, places[:len(q.Entries)])
			places = places[len(q.Entries):]
		}
	}
	for w.tailBytes.Load() > w.opts.TailBytes {
		before := w.tailBytes.Load()
		for _, g := range w.allGroups() {
			g.evict()
		}
		if w.tailBytes.Load() >= before {
			return // all of it is still to be written
		}
	}
}

// sync makes everything written durable. A failure is final: see the package
// comment.
func (w *writer) sync() error {
	start := w.opts.Clock()
	if start.Sub(w.lastNote) >= w.opts.PromiseDelay {
		if err := w.writeNote(start); err != nil {
			return err
		}
	}
	if err := w.seg.file.SyncData(); err != nil {
		return fmt.Errorf("sync %s: %w", w.place(w.end), err)
	}
	w.lastSync = w.opts.Clock()
	w.stats.synced(w.lastSync.Sub(start))
	w.synced, w.next = w.end, w.serial
	d := &w.durable
	if len(d.edits) == 0 && len(d.files) == 0 {
		return nil
	}
	for _, e := range d.edits {
		e.group.settled(e.edits, e.life, e.index)
	}
	w.keeper.collect(d.files)
	clear(d.edits)
	d.edits, d.files = d.edits[:0], nil
	return nil
}

// note says in the segment's header page how far it is synced, so that even the
// last batch is promised by something.
func (w *writer) note() error {
	if err := w.writeNote(w.opts.Clock()); err != nil {
		return err
	}
	if err := w.seg.file.SyncData(); err != nil {
		return fmt.Errorf("sync the note of segment %d: %w", w.header.segment, err)
	}
	w.noted = true
	return nil
}

// writeNote writes a note without a sync of its own. There is never more than one
// that is not synced, so that the other one is whole.
func (w *writer) writeNote(now time.Time) error {
	w.header.notedOffset, w.header.notedSerial = w.synced, w.next
	if w.header.status != statusClosed {
		w.header.status = w.openStatus()
	}
	w.lastNote = now
	return writeNote(w.seg.file, w.header)
}

// openStatus returns what the header of a segment says that is written.
func (w *writer) openStatus() segmentStatus {
	if w.doubtful.Load() {
		return statusDoubtful
	}
	return statusOpen
}

func writeNote(f vfs.File, h *segmentHeader) error {
	h.generation++
	off := int64(noteOffset1)
	if h.generation%2 == 0 {
		off = noteOffset2
	}
	if _, err := f.WriteAt(h.encode(), off); err != nil {
		return fmt.Errorf("write the note of segment %d: %w", h.segment, err)
	}
	return nil
}

// roll goes on in a new segment.
func (w *writer) roll() error {
	if w.synced < w.end {
		if err := w.sync(); err != nil {
			return err
		}
	}
	next, err := w.keeper.next(w.quit)
	// ErrClosed: the volume is full, and stays so while we are to close.
	if err != nil {
		return err
	}
	old, oldSegment := w.header, w.seg
	h := &segmentHeader{
		segment: old.segment + 1, salt: old.salt, nodeID: old.nodeID,
		previousEnd: w.end, previousChain: w.chain.sum, firstSerial: w.serial,
	}
	old.notedOffset, old.notedSerial, old.status = w.end, w.serial, statusContinued
	if err := w.begin(next, h); err != nil {
		return err
	}
	if err := writeNote(oldSegment.file, old); err != nil {
		return err
	}
	w.keeper.seal(oldSegment)
	return nil
}

// begin writes the header and the checkpoint of a segment into a file that is all
// zeros, and gives the file its name.
func (w *writer) begin(next *preparedFile, h *segmentHeader) error {
	w.header, w.seed = h, seed(h.salt, h.segment)
	w.chain.sum, w.end, w.synced, w.buf = w.seed, recordsStart, recordsStart, w.buf[:0]
	w.checkpoint()
	h.status = w.openStatus()
	h.checkpointEnd = w.end + int64(len(w.buf))
	block := make([]byte, recordsStart)
	copy(block, h.encode())
	for _, part := range []struct {
		p   []byte
		off int64
	}{{block, 0}, {w.buf, recordsStart}} {
		if _, err := next.file.WriteAt(part.p, part.off); err != nil {
			return fmt.Errorf("write the beginning of segment %d: %w", h.segment, err)
		}
	}
	if err := next.file.SyncData(); err != nil {
		return fmt.Errorf("sync the beginning of segment %d: %w", h.segment, err)
	}
	name := path.Join(w.opts.Dir, segmentName(h.segment))
	if err := w.opts.FS.Rename(next.name, name); err != nil {
		return fmt.Errorf("name segment %d: %w", h.segment, err)
	}
	if err := w.opts.FS.SyncDir(w.opts.Dir); err != nil {
		return fmt.Errorf("name segment %d: %w", h.segment, err)
	}
	w.end = h.checkpointEnd
	w.synced, w.next = w.end, w.serial
	w.buf = w.buf[:0]
	w.noted = true // the checkpoint is promised by checkpointEnd
	w.seg = &segment{number: h.segment, file: next.file, bytes: max(next.bytes, w.end)}
	w.segments.add(w.seg)
	w.newest.Store(uint32(w.seg.number))
	w.keeper.collect(nil)
	return nil
}

func (w *writer) place(off int64) Place { return Place{Segment: w.header.segment, Offset: off} }
