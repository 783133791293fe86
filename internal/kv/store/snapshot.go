package store

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
)

// The snapshot format, little endian:
//
//	+----------+--------+--------+------+----------+-------+
//	| RKVSTATE | format |  gone  | seed | revision | count |   header, 40 bytes
//	+----------+--------+--------+------+----------+-------+
//	| version |                                              gone times
//	+---------+
//	| keyLen | valueLen | version | expireAt | key | value |   count times
//	+--------+----------+---------+----------+-----+-------+
//	| answers |                                              their number
//	+----+----+--------+----------+--------+--------+
//	| id | fingerprint | expireAt | length | answer |        answers times, oldest first
//	+----+-------------+----------+--------+--------+
//	| crc32c |                                               of all before it
//	+--------+
//
// format, gone, keyLen, valueLen, length and crc32c are 4 bytes, id and fingerprint 16,
// the others 8. gone is the number of buckets that deleted keys are remembered in, or 0
// if there was none yet.
//
// Format 2 lacks the answers and their number. It is written when there are none, so that
// nodes of earlier versions can read it. Format 1 is format 2 with 0 as gone.
const (
	snapshotMagic        = "RKVSTATE"
	snapshotFormat       = 3
	formatWithoutAnswers = 2
	snapshotHeader       = 40
	snapshotRecord       = 24
	snapshotBuffered     = 64 << 10
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Snapshot is the content of a store at one moment. It stays as it is while the
// store changes. It must be released.
type Snapshot struct {
	store    *Store
	segments [][]entry
	chunks   [][]byte
	seed     uint64
	revision uint64
	count    int
	gone     gone
	answers  []answerChunk
	answered int // how many answers there are
}

// Snapshot freezes the content. It copies neither keys nor entries, only the lists
// of segments (24 bytes for about 150 keys) and of chunks; what is changed later
// is copied then. It needs the lock for writing.
func (s *Store) Snapshot() *Snapshot {
	p := &Snapshot{
		store:    s,
		segments: make([][]entry, 0, len(s.index.segments)),
		chunks:   make([][]byte, len(s.arena.chunks)),
		seed:     s.seed,
		revision: s.revision,
		count:    s.index.count,
		gone:     s.gone,
		answers:  slices.Clone(s.answers.chunks),
		answered: s.answers.count,
	}
	for n := range s.index.segments {
		if g := &s.index.segments[n]; g.count > 0 {
			p.segments = append(p.segments, g.slots)
		}
	}
	for n := range s.arena.chunks {
		p.chunks[n] = s.arena.chunks[n].data
	}
	s.index.epoch++
	s.index.shared++
	s.compact.victim = 0 // its chunk is held now
	return p
}

// Len returns the number of keys in the snapshot.
func (p *Snapshot) Len() int { return p.count }

// Revision returns the revision that the store had.
func (p *Snapshot) Revision() uint64 { return p.revision }

// Release gives up what the snapshot holds in memory. It takes the store's lock,
// so the caller must not hold it. Only the first call does something.
func (p *Snapshot) Release() {
	if p.store == nil {
		return
	}
	s := p.store
	s.Lock()
	defer s.Unlock()
	s.index.shared--
	if s.index.shared == 0 {
		s.pinned = 0
	}
	s.compact.notBefore = 0
	*p = Snapshot{}
}

// WriteTo writes the snapshot out. It needs no lock and may be called until
// Release. It returns the number of bytes written and the writer's error.
func (p *Snapshot) WriteTo(w io.Writer) (int64, error) {
	sum := &summingWriter{w: w}
	b := bufio.NewWriterSize(sum, snapshotBuffered)

	buckets := p.gone[:]
	if p.gone == (gone{}) {
		buckets = nil
	}
	head := make([]byte, 0, snapshotHeader+8*len(buckets))
	head = append(head, snapshotMagic...)
	format := uint32(snapshotFormat)
	if p.answered == 0 {
		format = formatWithoutAnswers
	}
	head = binary.LittleEndian.AppendUint32(head, format)
	head = binary.LittleEndian.AppendUint32(head, uint32(len(buckets)))
	head = binary.LittleEndian.AppendUint64(head, p.seed)
	head = binary.LittleEndian.AppendUint64(head, p.revision)
	head = binary.LittleEndian.AppendUint64(head, uint64(p.count))
	for _, version := range buckets {
		head = binary.LittleEndian.AppendUint64(head, version)
	}
	b.Write(head) // errors stick to b and come out of Flush

	for _, slots := range p.segments {
		for _, e := range slots {
			if e != 0 {
				l := e.location()
				writeRecord(b, record(p.chunks[l.chunk()][l.offset():]))
			}
		}
		if sum.err != nil {
			break
		}
	}
	if p.answered > 0 {
		b.Write(binary.LittleEndian.AppendUint64(nil, uint64(p.answered)))
		for _, c := range p.answers {
			b.Write(c.buf[c.head:])
		}
	}
	if err := b.Flush(); err != nil {
		return sum.n, fmt.Errorf("write snapshot: %w", err)
	}
	if _, err := sum.Write(binary.LittleEndian.AppendUint32(nil, sum.crc)); err != nil {
		return sum.n, fmt.Errorf("write snapshot: %w", err)
	}
	return sum.n, nil
}

func writeRecord(b *bufio.Writer, r record) {
	var h [snapshotRecord]byte
	it := r.item()
	binary.LittleEndian.PutUint32(h[0:], uint32(r.keyLen()))
	binary.LittleEndian.PutUint32(h[4:], uint32(len(it.Value)))
	binary.LittleEndian.PutUint64(h[8:], it.Version)
	binary.LittleEndian.PutUint64(h[16:], uint64(it.ExpireAt))
	b.Write(h[:])
	b.Write(r.key())
	b.Write(it.Value)
}

// summingWriter counts and sums what passes.
type summingWriter struct {
	w   io.Writer
	n   int64
	crc uint32
	err error
}

func (s *summingWriter) Write(b []byte) (int, error) {
	n, err := s.w.Write(b)
	s.n += int64(n)
	s.crc = crc32.Update(s.crc, castagnoli, b[:n])
	s.err = err
	return n, err
}
