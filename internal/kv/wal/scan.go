package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/ringkv/ringkv/internal/kv/vfs"
)

// unreadable is the reason of a Damage where records should be.
const unreadable = "there is no readable record here"

// segmentScan reads the records of one segment's bytes, also behind damage.
type segmentScan struct {
	number uint64
	data   []byte
	seed   uint32
	header *segmentHeader // nil if no copy of it can be read
	newest bool
	// end is where the records end, as the next segment's header says; 0 if that
	// is not known.
	end       int64
	nextChain uint32 // what the next segment's header says of this one, if end is known

	promised int64 // everything before it was synced once; see promise
	scanned  bool  // promised takes the whole segment into account
}

// run visits all records in order. Where there should be one and is none, it calls
// lost with the bytes that cannot be read, and goes on behind them. It returns where
// the records end; what is behind that was never promised.
func (s *segmentScan) run(visit func(r *Record, crc uint32), lost func(from, to int64)) int64 {
	off := int64(recordsStart)
	var r Record
	for s.end == 0 || off < s.end {
		size, crc, ok := s.at(off, &r)
		if ok {
			s.promised = max(s.promised, r.Synced)
			visit(&r, crc)
			off += size
			continue
		}
		promised := s.promise(off)
		if off >= promised {
			return off
		}
		next := s.find(off+8, promised)
		lost(off, next)
		off = next
	}
	return off
}

// at decodes the record at an offset.
func (s *segmentScan) at(off int64, r *Record) (size int64, crc uint32, ok bool) {
	limit := int64(len(s.data))
	if s.end > 0 {
		limit = min(limit, s.end)
	}
	if off >= limit {
		return 0, 0, false
	}
	r.Place = Place{s.number, off}
	return decodeRecord(s.data[off:limit], s.seed, r)
}

// find returns the first offset below limit that holds a record, or limit.
func (s *segmentScan) find(off, limit int64) int64 {
	var r Record
	for ; off < min(limit, int64(len(s.data))); off += 8 {
		if off+8 <= int64(len(s.data)) && binary.LittleEndian.Uint64(s.data[off:]) == 0 {
			continue
		}
		if _, _, ok := s.at(off, &r); ok {
			return off
		}
	}
	return limit
}

// promise returns up to where everything was synced, according to anything that
// can be read, given that there is no record at an offset.
func (s *segmentScan) promise(bad int64) int64 {
	if s.scanned {
		return s.promised
	}
	s.scanned = true
	if s.header != nil {
		s.promised = max(s.promised, s.header.notedOffset, s.header.checkpointEnd)
	}
	if s.end > 0 {
		s.promised = s.end
		return s.promised
	}
	limit := int64(len(s.data))
	var r Record
	for off := s.find(bad+8, limit); off < limit; {
		size, _, ok := s.at(off, &r)
		if !ok {
			off = s.find(off+8, limit)
			continue
		}
		s.promised = max(s.promised, r.Synced)
		off += size
		if !s.newest { // sealed, so all of it was synced
			s.promised = max(s.promised, off)
		}
	}
	return s.promised
}

// nonZeroEnd returns the offset behind the last byte from an offset on that is not
// zero, or the offset.
func (s *segmentScan) nonZeroEnd(off int64) int64 {
	end := int64(len(s.data))
	for end-8 > off && binary.LittleEndian.Uint64(s.data[end-8:]) == 0 {
		end -= 8
	}
	for end > off && s.data[end-1] == 0 {
		end--
	}
	return end
}

// readFile reads a whole file, into buf if it is large enough. An error of the
// disk is returned as it is: it may be gone the next time, which nothing that
// could be done to the log in its place would be.
func readFile(f vfs.File, buf []byte) ([]byte, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if int64(cap(buf)) < size {
		buf = make([]byte, size)
	}
	buf = buf[:size]
	for off := int64(0); off < size; {
		n, err := f.ReadAt(buf[off:min(size, off+(4<<20))], off)
		off += int64(n)
		if err != nil && (!errors.Is(err, io.EOF) || n == 0) {
			return nil, fmt.Errorf("at offset %d: %w", off, err)
		}
	}
	return buf, nil
}

// bestHeader returns the newest readable copy of a segment's header, whether the
// original is among those that can be read, and an errVersion if any copy has
// another version. It returns nil if there is none.
func bestHeader(data []byte, number uint64) (best *segmentHeader, original bool, err error) {
	for _, off := range []int{0, noteOffset1, noteOffset2} {
		if len(data) < off+headerBytes {
			continue
		}
		h, err := decodeHeader(data[off : off+headerBytes])
		var version errVersion
		if errors.As(err, &version) {
			return nil, false, err
		}
		if err != nil || h.segment != number {
			continue
		}
		original = original || off == 0
		if best == nil || h.generation > best.generation {
			best = h
		}
	}
	return best, original, nil
}
