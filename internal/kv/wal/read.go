package wal

import (
	"errors"
	"fmt"
	"io"
)

// entryOverhead is what an entry counts for besides its data when Entries limits
// an answer, in bytes.
const entryOverhead = 16

// Entries returns the entries with indexes from lo to hi-1, or fewer of them from
// lo on so that they do not exceed maxBytes, but at least one. The slice is the
// caller's, the data is not. It returns ErrCompacted if lo is below FirstIndex,
// ErrUnavailable if hi is above LastIndex+1, and an error that wraps ErrCorrupt if
// the disk does not give back what was written.
func (g *Group) Entries(lo, hi, maxBytes uint64) ([]Entry, error) {
	if lo >= hi {
		return nil, nil
	}
	g.mu.RLock()
	if lo < g.first {
		g.mu.RUnlock()
		return nil, ErrCompacted
	}
	if hi > g.last()+1 {
		g.mu.RUnlock()
		return nil, ErrUnavailable
	}
	var size uint64
	fits := func(data int) bool {
		size += uint64(data) + entryOverhead
		return size <= maxBytes
	}
	var fromFile []fileEntry
	next := lo
	more := true
	for ; more && next < min(hi, g.tailFirst); next++ {
		at := *g.filed.at(int(next - g.first))
		if more = fits(int(at.length)) || next == lo; more {
			fromFile = append(fromFile, fileEntry{at: at, index: next, term: g.term(next)})
		}
	}
	var fromMemory []tailEntry
	if more && next < hi {
		n := 0
		for i := int(next - g.tailFirst); next+uint64(n) < hi && (fits(len(g.tail.at(i).Data)) || next+uint64(n) == lo); i++ {
			n++
		}
		fromMemory = g.tail.view()[next-g.tailFirst : next-g.tailFirst+uint64(n)]
	}
	out := make([]Entry, 0, len(fromFile)+len(fromMemory))
	out = out[:len(fromFile)]
	for i := range fromMemory {
		out = append(out, fromMemory[i].Entry)
	}
	held, err := g.hold(fromFile)
	g.mu.RUnlock()
	if err != nil {
		return nil, err
	}
	defer func() {
		for _, s := range held {
			s.release()
		}
	}()
	if err := g.readFiles(out, fromFile, held); err != nil {
		return nil, err
	}
	return out, nil
}

// fileEntry is an entry to be read from a segment file.
type fileEntry struct {
	at          location
	index, term uint64
}

// hold keeps the segments of es from being closed, by number.
func (g *Group) hold(es []fileEntry) (map[uint32]*segment, error) {
	if len(es) == 0 {
		return nil, nil
	}
	held := map[uint32]*segment{}
	for i := range es {
		n := es[i].at.segment
		if held[n] != nil {
			continue
		}
		s := g.log.segments.acquire(uint64(n))
		if s == nil {
			for _, s := range held {
				s.release()
			}
			return nil, fmt.Errorf("entry %d of partition %d is in segment %d: %w", es[i].index, g.partition, n, ErrClosed)
		}
		held[n] = s
	}
	return held, nil
}

const (
	readAhead = 1 << 20  // most bytes of a file to read at once
	readGap   = 16 << 10 // most bytes between two entries to read for nothing
)

// readFiles fills out with the entries es.
func (g *Group) readFiles(out []Entry, es []fileEntry, held map[uint32]*segment) error {
	for len(es) > 0 {
		start := es[0].at
		end := int64(start.offset) + recordHeader + int64(start.length)
		n := 1
		for ; n < len(es); n++ {
			at := es[n].at
			next := int64(at.offset) + recordHeader + int64(at.length)
			if at.segment != start.segment || int64(at.offset)-end > readGap || next-int64(start.offset) > readAhead {
				break
			}
			end = next
		}
		p := make([]byte, end-int64(start.offset))
		if k, err := held[start.segment].file.ReadAt(p, int64(start.offset)); err != nil && (k < len(p) || !errors.Is(err, io.EOF)) {
			return fmt.Errorf("read entry %d of partition %d: %w", es[0].index, g.partition, err)
		}
		s := seed(g.log.salt, uint64(start.segment))
		for i := range es[:n] {
			e := &es[i]
			r := Record{Place: Place{uint64(e.at.segment), int64(e.at.offset)}}
			_, _, ok := decodeRecord(p[e.at.offset-start.offset:], s, &r)
			if !ok || r.Type != TypeEntry || r.Partition != g.partition || r.Index != e.index || r.Term != e.term {
				return corruptAt(r.Place, "entry %d of partition %d is not what was written", e.index, g.partition)
			}
			out[i] = Entry{Term: r.Term, Index: r.Index, Kind: r.Kind, Data: r.Payload}
		}
		out, es = out[n:], es[n:]
	}
	return nil
}
