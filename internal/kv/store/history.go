package store

import "encoding/binary"

// history keeps the newest changes of a store, for readers that follow it. It is bounded
// by bytes and lives in memory only: what the log has since the last snapshot comes back
// with a restart. Changes are in chunks, and the oldest chunk goes as a whole:
//
//	+------+--------+----------+----------+-----+-------+
//	| kind | keyLen | valueLen | expireAt | key | value |   per change; lengths and
//	+------+--------+----------+----------+-----+-------+   expireAt are unsigned varints
//
// Revisions have no gaps, so that of a change follows from its chunk's first.
type history struct {
	limit  int // bytes
	bytes  int // of all chunks
	chunks []historyChunk
	spare  []byte
}

type historyChunk struct {
	first uint64 // revision of its first change
	buf   []byte
}

const historyChunkBytes = 16 << 10

// ChangeKind says what a change did.
type ChangeKind uint8

// The kinds of changes.
const (
	ChangeSet    ChangeKind = iota + 1 // a key got a value
	ChangeDelete                       // a key was deleted
	ChangeExpire                       // a key was deleted because its time was over
	ChangeClear                        // all keys were deleted
)

// Change is one change of a store.
type Change struct {
	Kind     ChangeKind
	Revision uint64
	// Key and Value lie in the store's memory: read only, and only while the lock is
	// held.
	Key, Value []byte
	ExpireAt   int64
	// Omitted: the value was too long to be kept.
	Omitted bool
}

const valueOmitted = 0x80

// KeepHistory makes the store keep up to so many bytes of changes; 0: none. What it has
// kept goes. It needs the lock for writing.
func (s *Store) KeepHistory(bytes int) {
	s.history = nil
	if bytes > 0 {
		s.history = &history{limit: bytes}
	}
}

// Oldest returns the revision of the oldest change that is kept: the next one, if there
// is none. It needs the lock for reading.
func (s *Store) Oldest() uint64 {
	if s.history == nil || len(s.history.chunks) == 0 {
		return s.revision + 1
	}
	return s.history.chunks[0].first
}

// Changes calls fn for the changes after a revision, in their order, until it returns
// false. It returns false if the first of them is not kept any more. It needs the lock
// for reading. fn must not change the store.
func (s *Store) Changes(after uint64, fn func(Change) bool) bool {
	if after+1 < s.Oldest() {
		return false
	}
	if after >= s.revision {
		return true
	}
	chunks := s.history.chunks
	n := len(chunks) - 1
	for chunks[n].first > after+1 {
		n--
	}
	for ; n < len(chunks); n++ {
		revision := chunks[n].first
		for rest := chunks[n].buf; len(rest) > 0; revision++ {
			var c Change
			c, rest = nextChange(rest)
			if c.Revision = revision; revision > after && !fn(c) {
				return true
			}
		}
	}
	return true
}

func nextChange(b []byte) (c Change, rest []byte) {
	c.Kind, c.Omitted = ChangeKind(b[0]&^valueOmitted), b[0]&valueOmitted != 0
	b = b[1:]
	next := func() uint64 {
		v, size := binary.Uvarint(b)
		b = b[size:]
		return v
	}
	keyLen, valueLen := next(), next()
	c.ExpireAt = int64(next())
	c.Key, b = b[:keyLen:keyLen], b[keyLen:]
	c.Value, b = b[:valueLen:valueLen], b[valueLen:]
	return c, b
}

// note keeps a change, which gets the given revision.
func (h *history) note(kind ChangeKind, revision uint64, key, value []byte, expireAt int64) {
	flags := byte(kind)
	if len(value) > h.limit/4 {
		flags, value = flags|valueOmitted, nil
	}
	size := 1 + 3*binary.MaxVarintLen64 + len(key) + len(value)
	last := len(h.chunks) - 1
	if last < 0 || cap(h.chunks[last].buf)-len(h.chunks[last].buf) < size {
		h.grow(revision, size)
		last = len(h.chunks) - 1
	}
	b := append(h.chunks[last].buf, flags)
	b = binary.AppendUvarint(b, uint64(len(key)))
	b = binary.AppendUvarint(b, uint64(len(value)))
	b = binary.AppendUvarint(b, uint64(expireAt))
	b = append(b, key...)
	h.chunks[last].buf = append(b, value...)
}

// grow adds a chunk, and drops old ones beyond the limit.
func (h *history) grow(first uint64, size int) {
	size = max(size, historyChunkBytes)
	for len(h.chunks) > 0 && h.bytes+size > h.limit {
		old := h.chunks[0].buf
		h.bytes -= cap(old)
		if cap(old) == historyChunkBytes {
			h.spare = old
		}
		copy(h.chunks, h.chunks[1:])
		h.chunks[len(h.chunks)-1] = historyChunk{}
		h.chunks = h.chunks[:len(h.chunks)-1]
	}
	buf := h.spare
	if h.spare = nil; buf == nil || cap(buf) < size {
		buf = make([]byte, 0, size)
	}
	h.chunks = append(h.chunks, historyChunk{first: first, buf: buf[:0]})
	h.bytes += cap(buf)
}

// held returns the bytes that the history takes.
func (h *history) held() int64 {
	if h == nil {
		return 0
	}
	return int64(h.bytes + cap(h.spare))
}

// noteChange is called before every change, when the revision has been raised.
func (s *Store) noteChange(kind ChangeKind, key, value []byte, expireAt int64) {
	if s.history != nil {
		s.history.note(kind, s.revision, key, value, expireAt)
	}
}
