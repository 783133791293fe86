package store

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
)

// ErrCorrupt is wrapped by errors of Restore that mean that the bytes are no
// snapshot, or not what was written.
var ErrCorrupt = errors.New("corrupt snapshot")

// ErrLaterFormat is wrapped by errors of Restore that mean that a later version of
// the program wrote the snapshot. It is not damaged.
var ErrLaterFormat = errors.New("use the kvnode that wrote it, or a newer one")

// Restore replaces the content, seed and revision by those of a snapshot, which
// must be all that the reader has. Everything is checked and no length is
// believed before the bytes are there. When it fails the store is as before.
//
// The new content is built aside, so both are in memory for a while. The caller
// must not hold the lock: it is taken only to exchange the two.
func (s *Store) Restore(r io.Reader) error {
	fresh, err := load(r)
	if err != nil {
		return fmt.Errorf("restore snapshot: %w", err)
	}
	s.Lock()
	defer s.Unlock()
	if s.index.shared > 0 {
		s.pinned += s.arena.held
	}
	epoch, shared := s.index.epoch, s.index.shared
	s.index, s.arena, s.compact, s.expiry = fresh.index, fresh.arena, fresh.compact, fresh.expiry
	s.index.epoch, s.index.shared = epoch, shared
	// Nothing of the new content is known to the snapshots that are in use.
	for n := range s.index.segments {
		s.index.segments[n].epoch = epoch
	}
	for n := range s.arena.chunks {
		s.arena.chunks[n].epoch = epoch
	}
	if s.history != nil {
		s.KeepHistory(s.history.limit)
	}
	s.seed, s.revision, s.gone, s.answers = fresh.seed, fresh.revision, fresh.gone, fresh.answers
	return nil
}

func load(src io.Reader) (*Store, error) {
	in := &summingReader{r: bufio.NewReaderSize(src, snapshotBuffered)}
	head, err := in.next(snapshotHeader)
	if err != nil {
		return nil, err
	}
	if string(head[:8]) != snapshotMagic {
		return nil, fmt.Errorf("it does not begin with %s: %w", snapshotMagic, ErrCorrupt)
	}
	format := binary.LittleEndian.Uint32(head[8:])
	switch {
	case format < 1:
		return nil, fmt.Errorf("it has format %d: %w", format, ErrCorrupt)
	case format > snapshotFormat:
		return nil, fmt.Errorf("it has format %d, this program reads up to %d: %w", format, snapshotFormat, ErrLaterFormat)
	}
	fresh := New(binary.LittleEndian.Uint64(head[16:]))
	fresh.revision = binary.LittleEndian.Uint64(head[24:])
	count := binary.LittleEndian.Uint64(head[32:])
	if err := fresh.loadGone(in, binary.LittleEndian.Uint32(head[12:])); err != nil {
		return nil, err
	}
	for n := uint64(0); n < count; n++ {
		if err := fresh.loadRecord(in); err != nil {
			return nil, fmt.Errorf("key %d of %d, at byte %d: %w", n+1, count, in.n, err)
		}
	}
	if format > formatWithoutAnswers {
		if err := fresh.answers.load(in); err != nil {
			return nil, err
		}
	}
	want := in.crc
	tail, err := in.next(4)
	if err != nil {
		return nil, err
	}
	if got := binary.LittleEndian.Uint32(tail); got != want {
		return nil, fmt.Errorf("checksum %08x, the content has %08x: %w", got, want, ErrCorrupt)
	}
	if _, err := in.r.ReadByte(); err != io.EOF {
		return nil, fmt.Errorf("bytes follow its end at %d: %w", in.n, ErrCorrupt)
	}
	return fresh, nil
}

func (s *Store) loadGone(in *summingReader, buckets uint32) error {
	if buckets == 0 {
		return nil
	}
	if buckets != goneBuckets {
		return fmt.Errorf("%d buckets of deleted keys, this version has %d: %w", buckets, goneBuckets, ErrCorrupt)
	}
	b, err := in.next(8 * goneBuckets)
	if err != nil {
		return err
	}
	for i := range s.gone {
		version := binary.LittleEndian.Uint64(b[8*i:])
		if version > s.revision {
			return fmt.Errorf("a deleted key has version %d in revision %d: %w", version, s.revision, ErrCorrupt)
		}
		s.gone[i] = version
	}
	return nil
}

func (s *Store) loadRecord(in *summingReader) error {
	h, err := in.next(snapshotRecord)
	if err != nil {
		return err
	}
	keyLen, valueLen := binary.LittleEndian.Uint32(h), binary.LittleEndian.Uint32(h[4:])
	version, expireAt := binary.LittleEndian.Uint64(h[8:]), binary.LittleEndian.Uint64(h[16:])
	switch {
	case keyLen > maxKeyBytes:
		return fmt.Errorf("key length %d: %w", keyLen, ErrCorrupt)
	case version == 0 || version > s.revision:
		return fmt.Errorf("version %d in revision %d: %w", version, s.revision, ErrCorrupt)
	case expireAt > math.MaxInt64:
		return fmt.Errorf("expiry time %d: %w", expireAt, ErrCorrupt)
	}
	kv, err := in.next(int(keyLen) + int(valueLen))
	if err != nil {
		return err
	}
	key, value := kv[:keyLen], kv[keyLen:]
	if _, there := s.Get(key); there {
		return fmt.Errorf("a key comes twice: %w", ErrCorrupt)
	}
	s.set(key, value, int64(expireAt), version)
	return nil
}

// load reads the answers and their number.
func (m *answers) load(in *summingReader) error {
	head, err := in.next(8)
	if err != nil {
		return err
	}
	count := binary.LittleEndian.Uint64(head)
	for n := uint64(0); n < count; n++ {
		h, err := in.next(answerHeader)
		if err != nil {
			return fmt.Errorf("answer %d of %d: %w", n+1, count, err)
		}
		a := storedAnswer(h)
		id, asked, expireAt, size := a.id(), a.fingerprint(), a.expireAt(), a.size()-answerHeader
		switch {
		case expireAt < 0:
			return fmt.Errorf("answer %d of %d expires at %d: %w", n+1, count, expireAt, ErrCorrupt)
		case size > MaxAnswerBytes || m.size+answerCost+size > AnswersBytes:
			return fmt.Errorf("answer %d of %d is longer than there is room for: %w", n+1, count, ErrCorrupt)
		}
		answer, err := in.next(size)
		if err != nil {
			return fmt.Errorf("answer %d of %d: %w", n+1, count, err)
		}
		m.add(id, asked, answer, expireAt)
	}
	return nil
}

// summingReader sums what is read.
type summingReader struct {
	r   *bufio.Reader
	n   int64
	crc uint32
	buf []byte
}

// next returns the next n bytes, valid until the next call. The buffer grows only
// as bytes arrive, so a damaged length costs no memory.
func (s *summingReader) next(n int) ([]byte, error) {
	s.buf = s.buf[:0]
	for len(s.buf) < n {
		from := len(s.buf)
		want := min(n, max(cap(s.buf), 2*from, snapshotBuffered))
		if want > cap(s.buf) {
			s.buf = append(make([]byte, 0, want), s.buf...)
		}
		s.buf = s.buf[:want]
		read, err := io.ReadFull(s.r, s.buf[from:])
		s.n += int64(read)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil, fmt.Errorf("it ends at byte %d: %w", s.n, ErrCorrupt)
		}
		if err != nil {
			return nil, err
		}
	}
	s.crc = crc32.Update(s.crc, castagnoli, s.buf)
	return s.buf, nil
}
