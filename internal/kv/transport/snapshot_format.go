package transport

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// The body of POST /peer/snapshot is the header, chunks, and an end that seals
// them. All numbers are little-endian.
//
//	+--------+--------+---------------------------+
//	| length |  crc   | SnapshotHeader as JSON    |
//	+--------+--------+---------------------------+
//	+--------+--------+---------------------------+
//	| length |  crc   | chunk                     |   any number of times
//	+--------+--------+---------------------------+
//	+--------+--------+-----------------+---------+
//	|   0    |  crc   | size            | total   |
//	+--------+--------+-----------------+---------+
//	   u32      u32     u64               u32
//
//	crc    CRC-32C of the JSON, of the chunk, or of size and total
//	size   bytes of all chunks
//	total  CRC-32C of all chunks together: none is missing, doubled or misplaced
const (
	snapshotPrefixBytes    = 8
	snapshotEndBytes       = 12
	maxSnapshotHeaderBytes = 1 << 20
	snapshotChunkBytes     = 64 << 10
)

// snapshotEncoder turns a header and a body into a snapshot stream.
type snapshotEncoder struct {
	body  io.Reader
	rest  []byte // of what has been encoded
	chunk []byte
	size  uint64
	total uint32
	ended bool
	// pace is called before a chunk of n bytes leaves.
	pace func(n int) error
}

func newSnapshotEncoder(h *SnapshotHeader, body io.Reader, pace func(n int) error) (*snapshotEncoder, error) {
	b, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encode the snapshot header: %w", err)
	}
	if len(b) > maxSnapshotHeaderBytes {
		return nil, fmt.Errorf("the snapshot header takes %d bytes: %w", len(b), ErrTooLarge)
	}
	e := &snapshotEncoder{body: body, chunk: make([]byte, snapshotPrefixBytes+snapshotChunkBytes), pace: pace}
	e.rest = append(appendPrefix(nil, b), b...)
	return e, nil
}

func appendPrefix(dst, b []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(b)))
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(b, castagnoli))
}

// Read implements io.Reader.
func (e *snapshotEncoder) Read(p []byte) (int, error) {
	if len(e.rest) == 0 {
		if e.ended {
			return 0, io.EOF
		}
		if err := e.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// next encodes a chunk, or the end.
func (e *snapshotEncoder) next() error {
	data := e.chunk[snapshotPrefixBytes:]
	n, err := io.ReadFull(e.body, data)
	switch {
	case err == io.EOF:
		end := binary.LittleEndian.AppendUint64(nil, e.size)
		end = binary.LittleEndian.AppendUint32(end, e.total)
		e.rest = binary.LittleEndian.AppendUint32(make([]byte, 4), crc32.Checksum(end, castagnoli))
		e.rest = append(e.rest, end...)
		e.ended = true
		return nil
	case err != nil && err != io.ErrUnexpectedEOF:
		return fmt.Errorf("read the snapshot to send: %w", err)
	}
	if err := e.pace(n); err != nil {
		return err
	}
	data = data[:n]
	e.size += uint64(n)
	e.total = crc32.Update(e.total, castagnoli, data)
	appendPrefix(e.chunk[:0], data)
	e.rest = e.chunk[:snapshotPrefixBytes+n]
	return nil
}

// snapshotDecoder takes a snapshot stream apart. Its Read returns only bytes that
// passed their checks.
type snapshotDecoder struct {
	r      io.Reader
	prefix [snapshotPrefixBytes]byte
	buf    []byte
	rest   []byte // of the current chunk
	size   uint64
	total  uint32
	err    error // io.EOF after a good end
}

// decodeSnapshotHeader reads the header and leaves r at the first chunk.
func decodeSnapshotHeader(r io.Reader) (*snapshotDecoder, SnapshotHeader, error) {
	d := &snapshotDecoder{r: r}
	var h SnapshotHeader
	length, crc, err := d.readPrefix()
	if err != nil {
		return nil, h, err
	}
	if length == 0 || length > maxSnapshotHeaderBytes {
		return nil, h, malformed("snapshot header of %d bytes", length)
	}
	b, err := io.ReadAll(io.LimitReader(r, int64(length)))
	switch {
	case err != nil:
		return nil, h, err
	case len(b) < int(length):
		return nil, h, io.ErrUnexpectedEOF
	case crc32.Checksum(b, castagnoli) != crc:
		return nil, h, malformed("the snapshot header does not match its checksum")
	}
	if err := json.Unmarshal(b, &h); err != nil {
		return nil, h, fmt.Errorf("%w: snapshot header: %w", errMalformed, err)
	}
	return d, h, nil
}

func (d *snapshotDecoder) readPrefix() (length, crc uint32, err error) {
	if _, err := io.ReadFull(d.r, d.prefix[:]); err != nil {
		return 0, 0, noEOF(err)
	}
	return binary.LittleEndian.Uint32(d.prefix[0:]), binary.LittleEndian.Uint32(d.prefix[4:]), nil
}

// noEOF turns the end of the bytes into an error: a stream ends with its end mark.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Read implements io.Reader. io.EOF means that the whole stream passed its checks.
func (d *snapshotDecoder) Read(p []byte) (int, error) {
	for len(d.rest) == 0 && d.err == nil {
		d.err = d.next()
	}
	if len(d.rest) == 0 {
		return 0, d.err
	}
	n := copy(p, d.rest)
	d.rest = d.rest[n:]
	return n, nil
}

// next reads a chunk, or the end: then it returns io.EOF.
func (d *snapshotDecoder) next() error {
	length, crc, err := d.readPrefix()
	if err != nil {
		return fmt.Errorf("snapshot stream after %d bytes: %w", d.size, err)
	}
	want := int(length)
	switch {
	case length == 0:
		want = snapshotEndBytes
	case length > snapshotChunkBytes:
		return malformed("snapshot chunk of %d bytes after %d bytes", length, d.size)
	}
	if cap(d.buf) < want {
		d.buf = make([]byte, max(want, snapshotChunkBytes))
	}
	b := d.buf[:want]
	if _, err := io.ReadFull(d.r, b); err != nil {
		return fmt.Errorf("snapshot stream after %d bytes: %w", d.size, noEOF(err))
	}
	if crc32.Checksum(b, castagnoli) != crc {
		return malformed("the snapshot does not match its checksum after %d bytes", d.size)
	}
	if length == 0 {
		return d.end(binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint32(b[8:]))
	}
	d.size += uint64(want)
	d.total = crc32.Update(d.total, castagnoli, b)
	d.rest = b
	return nil
}

func (d *snapshotDecoder) end(size uint64, total uint32) error {
	if size != d.size || total != d.total {
		return malformed("the snapshot has %d bytes with checksum %08x, its end says %d and %08x", d.size, d.total, size, total)
	}
	return io.EOF
}
