package wal

import (
	"errors"
	"fmt"
	"log/slog"
	"path"
	"time"

	"github.com/ringkv/ringkv/internal/kv/vfs"
)

// Sync says when the log calls fdatasync. The zero value is Always.
type Sync time.Duration

// Always syncs every batch before its Dones run.
const Always Sync = 0

// Interval syncs at most once in d, which is at least a millisecond. Done then
// runs when a write has reached the operating system: a crash of the process loses
// nothing, a crash of the machine loses up to the last d of acknowledged writes.
// Terms, votes, replicas that come and go, pledges and Meta are synced at once all the
// same.
func Interval(d time.Duration) Sync { return Sync(max(d, time.Millisecond)) }

// Options configure Open.
type Options struct {
	// FS is the file system; nil means the operating system's.
	FS vfs.FS
	// Dir holds the log. It is made if missing, and locked while the log is open.
	Dir string
	// SnapshotDir holds the snapshot files and nothing else: unknown files in it
	// are removed by Open. "" means Dir/snapshots.
	SnapshotDir string
	// NodeID is the owner's, at most 128 bytes. A log of another node is refused.
	// "" accepts the ID in the log and fails if there is no log yet.
	NodeID string

	// SegmentBytes is the size of a segment file; 0 means 64 MiB. At least 32 KiB,
	// at most 1 GiB. A Write that is larger makes a larger segment.
	SegmentBytes int64
	// RetainBytes of old segments stay although nothing needs them, so that a
	// follower that is a little behind can have entries instead of a snapshot;
	// 0 means SegmentBytes, negative means none.
	RetainBytes int64
	// TailBytes of recent entries are kept in memory; 0 means 8 MiB. Older ones are
	// read from the files.
	TailBytes int64
	// ReserveBytes is the size of the ballast: room that is given back when the
	// volume is full, so that the log can still be compacted. 0 means none.
	ReserveBytes int64

	// Sync says when to fsync.
	Sync Sync
	// PromiseDelay is how long the log is idle before it notes, outside of the
	// log's tail, how far it is synced; 0 means 100 ms.
	PromiseDelay time.Duration

	// Clock tells the time; nil means time.Now.
	Clock func() time.Time
	// Manual, if not nil, makes the log start no goroutine: Manual is called when
	// there is something to do, and takes the function that does it, which
	// returns after how long it should be called again; 0 means not before
	// Manual is. It is for simulations, where one goroutine runs many logs.
	Manual func(work func() time.Duration)

	// Logger gets what an operator should know; nil means slog.Default().
	Logger *slog.Logger
	// Fatal is called once, from the writer's goroutine, when the log cannot go
	// on. It should end the process. nil means panic.
	Fatal func(error)
}

// MaxRecordBytes is the largest payload of a record.
const MaxRecordBytes = 1 << 30

const (
	minSegmentBytes = 32 << 10
	maxSegmentBytes = 1 << 30
)

func (o *Options) complete() error {
	if o.FS == nil {
		o.FS = vfs.OS{}
	}
	if o.Dir == "" {
		return errors.New("no directory given for the log")
	}
	if o.SnapshotDir == "" {
		o.SnapshotDir = path.Join(o.Dir, "snapshots")
	}
	if len(o.NodeID) > maxNodeID {
		return fmt.Errorf("node ID %q is longer than %d bytes", o.NodeID, maxNodeID)
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = 64 << 20
	}
	if o.SegmentBytes < minSegmentBytes || o.SegmentBytes > maxSegmentBytes {
		return fmt.Errorf("segment size %d is not within %d and %d bytes", o.SegmentBytes, minSegmentBytes, maxSegmentBytes)
	}
	if o.RetainBytes == 0 {
		o.RetainBytes = o.SegmentBytes
	}
	if o.TailBytes == 0 {
		o.TailBytes = 8 << 20
	}
	if o.PromiseDelay == 0 {
		o.PromiseDelay = 100 * time.Millisecond
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Fatal == nil {
		o.Fatal = func(err error) { panic(err) }
	}
	return nil
}
