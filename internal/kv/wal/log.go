package wal

import (
	"io"
	"sync"
	"sync/atomic"

	"github.com/ringkv/ringkv/internal/kv/vfs"
)

// Log is an open log. Its methods may be called concurrently; writes of one
// partition must be appended in order.
type Log struct {
	opts      Options
	lock      io.Closer
	salt      uint64 // in every record's CRC
	segments  segments
	newest    atomic.Uint32 // number of the segment that is written
	tailBytes atomic.Int64  // memory that the groups' tails hold

	groupsMu sync.RWMutex
	groups   map[uint32]*Group

	queueMu sync.Mutex
	queue   []queued // appended and not yet taken by the writer
	closed  bool     // no more is taken

	wake    chan struct{} // something is in the queue
	quit    chan struct{} // closed by Close
	stopped chan struct{} // closed when the writer is gone
	failed  atomic.Pointer[error]

	syncMode atomic.Int64 // a Sync
	doubtful atomic.Bool  // see Replica.Doubtful

	closing  sync.Once
	closeErr error

	keeper *keeper
	stats  stats
	writer *writer // of a manual log; otherwise only the writer's goroutine knows it
}

// queued is a Write on its way to the writer.
type queued struct {
	*Write
	group *Group // nil for a write of the node alone
	life  uint64
	edits uint64 // the group's, if this write dropped entries; otherwise 0
}

// SetSync changes when the log syncs, from the next batch on.
func (l *Log) SetSync(s Sync) { l.syncMode.Store(int64(s)) }

// mode returns when the log syncs.
func (l *Log) mode() Sync { return Sync(l.syncMode.Load()) }

// EndDoubt says that no replica can have lost anything by what was cut from the log's
// end (Replica.Doubtful). The log forgets the doubt with its next note.
func (l *Log) EndDoubt() { l.doubtful.Store(false) }

// Doubtful tells whether EndDoubt is still to be called.
func (l *Log) Doubtful() bool { return l.doubtful.Load() }

// Group returns a partition's view of the log. It is the same one every time.
func (l *Log) Group(partition uint32) *Group {
	l.groupsMu.RLock()
	g := l.groups[partition]
	l.groupsMu.RUnlock()
	if g != nil {
		return g
	}
	l.groupsMu.Lock()
	defer l.groupsMu.Unlock()
	if g = l.groups[partition]; g == nil {
		g = newGroup(l, partition)
		l.groups[partition] = g
	}
	return g
}

// allGroups returns the groups that exist, in no order.
func (l *Log) allGroups() []*Group {
	l.groupsMu.RLock()
	defer l.groupsMu.RUnlock()
	gs := make([]*Group, 0, len(l.groups))
	for _, g := range l.groups {
		gs = append(gs, g)
	}
	return gs
}

// Append queues writes to be made durable and returns at once. All of one call
// are written together, unless they need more than one segment. After a failure
// or Close it does nothing, and no Done runs.
//
// It panics if entries would leave a hole in a partition's log, or if a payload is
// larger than MaxRecordBytes.
func (l *Log) Append(ws ...*Write) {
	l.queueMu.Lock()
	if l.closed {
		l.queueMu.Unlock()
		return
	}
	first := len(l.queue) == 0
	for _, w := range ws {
		if q, ok := l.admit(w); ok {
			l.queue = append(l.queue, q)
		}
	}
	l.queueMu.Unlock()
	if first && l.opts.Manual != nil {
		l.opts.Manual(l.work)
	} else if first {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// admit shows a write to its group's readers.
func (l *Log) admit(w *Write) (queued, bool) {
	if !w.concernsPartition() {
		return queued{Write: w}, true
	}
	g := l.Group(w.Partition)
	g.mu.Lock()
	defer g.mu.Unlock()
	before := g.edits
	if !g.admit(w) {
		l.opts.Logger.Warn("dropped a write for a replica that does not live here",
			"partition", w.Partition, "replica", w.Replica, "living", g.replica, "smallestAllowed", g.tombstone)
		return queued{}, false
	}
	g.append(w.Entries)
	q := queued{Write: w, group: g, life: g.life}
	if g.edits != before {
		q.edits = g.edits
	}
	return q, true
}

// take empties the queue, and gives it spare to fill next.
func (l *Log) take(spare []queued) []queued {
	l.queueMu.Lock()
	defer l.queueMu.Unlock()
	q := l.queue
	l.queue = spare[:0]
	return q
}

// refuseAppends makes all later calls of Append do nothing.
func (l *Log) refuseAppends() {
	l.queueMu.Lock()
	defer l.queueMu.Unlock()
	l.closed = true
}

// Close writes what was appended before, runs its Dones, notes how far the log is
// synced, and releases the directory. It returns the error that ended the log, if
// one did. It must not be called by a Done. Calling it again returns the same.
func (l *Log) Close() error {
	l.closing.Do(func() {
		l.refuseAppends()
		close(l.quit)
		if l.writer != nil {
			l.workToTheEnd()
		}
		<-l.stopped
		l.keeper.stop()
		l.segments.close()
		l.closeErr = l.lock.Close()
		if failure := l.failed.Load(); failure != nil {
			l.closeErr = *failure
		}
	})
	return l.closeErr
}

// SnapshotDir returns the directory of the snapshot files.
func (l *Log) SnapshotDir() string { return l.opts.SnapshotDir }

// FS returns the file system that the log is on.
func (l *Log) FS() vfs.FS { return l.opts.FS }
