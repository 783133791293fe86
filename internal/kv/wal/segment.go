package wal

import (
	"sync"

	"github.com/ringkv/ringkv/internal/kv/vfs"
)

// segment is a file of the log that exists under its name. The newest is the one
// that is written; all can be read.
type segment struct {
	number uint64
	file   vfs.File
	bytes  int64 // what it occupies on the volume

	mu      sync.Mutex
	readers int
	gone    bool // deleted; the last reader closes the file
}

// release ends a use that segments.acquire began.
func (s *segment) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readers--
	if s.gone && s.readers == 0 {
		_ = s.file.Close() // only read through
	}
}

// segments are the files of the log, in order.
type segments struct {
	mu   sync.RWMutex
	list []*segment
}

func (ss *segments) add(s *segment) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.list = append(ss.list, s)
}

// acquire returns a segment for reading, or nil if it is deleted.
func (ss *segments) acquire(number uint64) *segment {
	ss.mu.RLock()
	defer ss.mu.RUnlock()
	for _, s := range ss.list {
		if s.number == number {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.readers++
			return s
		}
	}
	return nil
}

// snapshot returns the segments as they are now.
func (ss *segments) snapshot() []*segment {
	ss.mu.RLock()
	defer ss.mu.RUnlock()
	return append([]*segment(nil), ss.list...)
}

// removeOldest takes the oldest segment out of the list.
func (ss *segments) removeOldest() {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	s := ss.list[0]
	ss.list = append([]*segment(nil), ss.list[1:]...)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = true
	if s.readers == 0 {
		_ = s.file.Close() // only read through
	}
}

// bytes returns what all segments occupy.
func (ss *segments) bytes() int64 {
	ss.mu.RLock()
	defer ss.mu.RUnlock()
	var n int64
	for _, s := range ss.list {
		n += s.bytes
	}
	return n
}

func (ss *segments) close() {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	for _, s := range ss.list {
		s.mu.Lock()
		s.gone = true
		if s.readers == 0 {
			_ = s.file.Close() // everything that matters is synced
		}
		s.mu.Unlock()
	}
	ss.list = nil
}
