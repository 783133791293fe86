package wal

import (
	"errors"
	"fmt"
	"path"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/ringkv/ringkv/internal/kv/vfs"
)

// keeper does what must not make the writer wait: it prepares the next segment,
// deletes what nothing needs, and watches the free space (space.go).
type keeper struct {
	*Log

	kick     chan struct{}
	prepared chan *preparedFile // at most one
	wanted   atomic.Bool        // a file should be prepared
	quitting chan struct{}
	done     chan struct{}

	mu      sync.Mutex
	garbage []string   // snapshot files to delete
	sealed  []*segment // with a last note that is not synced

	full    atomic.Bool
	ballast bool // the ballast is in place
	usage   atomic.Pointer[vfs.Usage]
	stuck   bool // deleting failed; what else could be deleted stays
	files   int  // prepared so far; the next one must not have the name of one that has no other yet
}

// preparedFile is a file that is all zeros, synced, and waits for its name.
type preparedFile struct {
	name  string
	file  vfs.File
	bytes int64
	err   error // instead of a file
}

const (
	zeroChunk     = 1 << 20
	spaceInterval = 5 * time.Second // how often the free space is looked at when nothing happens
	fullRetry     = 200 * time.Millisecond
)

func preparedName(n int) string { return fmt.Sprintf("next-%d%s", n, temporarySuffix) }

func newKeeper(l *Log) *keeper {
	return &keeper{
		Log:      l,
		kick:     make(chan struct{}, 1),
		prepared: make(chan *preparedFile, 1),
		quitting: make(chan struct{}),
		done:     make(chan struct{}),
	}
}

// wakeUp makes the keeper look at everything again.
func (k *keeper) wakeUp() {
	select {
	case k.kick <- struct{}{}:
	default:
	}
}

// collect takes snapshot files that nothing refers to any more, and looks for
// segments that nothing needs.
func (k *keeper) collect(files []string) {
	k.mu.Lock()
	k.garbage = append(k.garbage, files...)
	k.mu.Unlock()
	k.wakeUp()
}

// want has the next file prepared. A log that is hardly used does not need it.
func (k *keeper) want() {
	if !k.wanted.Swap(true) {
		k.wakeUp()
	}
}

// seal syncs the last note of a segment that is not written any more.
func (k *keeper) seal(s *segment) {
	k.mu.Lock()
	k.sealed = append(k.sealed, s)
	k.mu.Unlock()
	k.wakeUp()
}

func (k *keeper) syncSealed() {
	k.mu.Lock()
	sealed := k.sealed
	k.sealed = nil
	k.mu.Unlock()
	for _, s := range sealed {
		if err := s.file.SyncData(); err != nil { // what matters was synced before
			k.opts.Logger.Error("the note that a segment is continued is not durable", "segment", s.number, "error", err)
		}
	}
}

// next returns the prepared file, and waits for it if need be. When the volume is
// full that lasts until it is not, or until quit is closed.
func (k *keeper) next(quit <-chan struct{}) (*preparedFile, error) {
	k.want()
	if k.opts.Manual != nil {
		return k.nextNow()
	}
	for {
		select {
		case p := <-k.prepared:
			k.wanted.Store(false)
			return p, p.err
		case <-quit:
		}
		if k.full.Load() {
			return nil, ErrClosed
		}
		select {
		case p := <-k.prepared:
			return p, p.err
		case <-time.After(fullRetry):
		}
	}
}

// run works until stop.
func (k *keeper) run() {
	defer close(k.done)
	ticker := time.NewTicker(spaceInterval)
	defer ticker.Stop()
	for {
		var retry <-chan time.Time
		if !k.round() {
			retry = time.After(fullRetry)
		}
		select {
		case <-k.kick:
		case <-ticker.C:
		case <-retry:
		case <-k.quitting:
			k.syncSealed() // so that a log that was closed in order is promised to its end
			return
		}
	}
}

// round looks at everything once. It returns false if there was no room for a
// file that is wanted.
func (k *keeper) round() bool {
	k.syncSealed()
	k.removeGarbage()
	k.removeSegments()
	k.checkSpace()
	if k.wanted.Load() && len(k.prepared) == 0 {
		p := k.prepare()
		if p == nil {
			return false
		}
		k.prepared <- p
	}
	return true
}

// stop ends the keeper, and is called when the writer is gone.
func (k *keeper) stop() {
	close(k.quitting)
	<-k.done
	select {
	case p := <-k.prepared:
		if p.file != nil {
			_ = p.file.Close() // it holds nothing
			_ = k.opts.FS.Remove(p.name)
		}
	default:
	}
}

// prepare makes the next segment's file. It returns nil if there is no room now.
func (k *keeper) prepare() *preparedFile {
	k.files++
	p := &preparedFile{name: path.Join(k.opts.Dir, preparedName(k.files)), bytes: k.opts.SegmentBytes}
	err := k.fill(p)
	if err == nil {
		return p
	}
	if p.file != nil {
		_ = p.file.Close() // it holds nothing
		_ = k.opts.FS.Remove(p.name)
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		k.outOfSpace()
		return nil
	}
	return &preparedFile{err: fmt.Errorf("prepare a segment: %w", err)}
}

// fill writes the zeros. A file whose blocks are only reserved would make every
// first write to a block change metadata, which costs a sync several times as much.
// It syncs piece by piece so that the writer's syncs do not wait for all of it.
func (k *keeper) fill(p *preparedFile) error {
	var err error
	if p.file, err = k.opts.FS.Create(p.name); err != nil {
		return err
	}
	if err := p.file.Preallocate(p.bytes); err != nil {
		return err
	}
	zeros := make([]byte, min(zeroChunk, p.bytes))
	for off := int64(0); off < p.bytes; off += int64(len(zeros)) {
		if _, err := p.file.WriteAt(zeros[:min(p.bytes-off, int64(len(zeros)))], off); err != nil {
			return err
		}
		if err := p.file.SyncData(); err != nil {
			return err
		}
	}
	return nil
}

// removeGarbage deletes snapshot files. Their names need not be gone for good:
// Open deletes what nothing refers to.
func (k *keeper) removeGarbage() {
	k.mu.Lock()
	files := k.garbage
	k.garbage = nil
	k.mu.Unlock()
	for _, f := range files {
		if err := k.opts.FS.Remove(path.Join(k.opts.SnapshotDir, f)); err != nil {
			k.opts.Logger.Warn("a superseded snapshot could not be deleted", "file", f, "error", err)
		}
	}
}

// removeSegments deletes segments from the oldest on, as far as no replica needs
// an entry in them. Each is gone for good before the next one goes, so that what a
// crash leaves has no hole.
func (k *keeper) removeSegments() {
	list := k.segments.snapshot()
	oldest := uint64(list[len(list)-1].number)
	for _, g := range k.allGroups() {
		if s, _, ok := g.needs(); ok {
			oldest = min(oldest, uint64(s))
		}
	}
	sealed := k.segments.bytes() - list[len(list)-1].bytes
	for _, s := range list {
		if s.number >= oldest || k.stuck {
			return
		}
		sealed -= s.bytes
		if sealed < k.opts.RetainBytes && !k.full.Load() {
			return
		}
		for _, g := range k.allGroups() {
			g.release(uint32(s.number))
		}
		k.segments.removeOldest()
		err := k.opts.FS.Remove(path.Join(k.opts.Dir, segmentName(s.number)))
		if err == nil {
			err = k.opts.FS.SyncDir(k.opts.Dir)
		}
		if err != nil {
			k.stuck = true
			k.opts.Logger.Error("a segment could not be deleted; no more will be until the node restarts",
				"segment", s.number, "error", err)
		}
	}
}
