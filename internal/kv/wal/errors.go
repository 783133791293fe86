package wal

import (
	"errors"
	"fmt"
)

var (
	// ErrCompacted means that an entry is older than the first index.
	ErrCompacted = errors.New("wal: entry is compacted")
	// ErrUnavailable means that an entry is newer than the last index.
	ErrUnavailable = errors.New("wal: entry is not there yet")
	// ErrCorrupt means that bytes on the disk are not what was written.
	ErrCorrupt = errors.New("wal: damaged")
	// ErrClosed means that the log is closed or has failed.
	ErrClosed = errors.New("wal: closed")
)

// Place is a position in the log.
type Place struct {
	Segment uint64
	Offset  int64
}

// String names the place as messages do.
func (p Place) String() string { return fmt.Sprintf("segment %d, offset %d", p.Segment, p.Offset) }

func corruptAt(p Place, format string, args ...any) error {
	return fmt.Errorf("%w at %s: %s", ErrCorrupt, p, fmt.Sprintf(format, args...))
}
