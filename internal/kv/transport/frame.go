package transport

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// A stream is a run of frames. All fixed-width numbers are little-endian.
//
//	 0        4        8    9          12       16       20
//	+--------+--------+----+----------+--------+--------+---------------+
//	| length | count  |type| 0  0  0  |  crc   |  hcrc  | payload       |
//	+--------+--------+----+----------+--------+--------+---------------+
//	   u32      u32     u8    u8 x 3     u32      u32     length bytes
//
//	length  of the payload, at most frameType.maxBytes
//	count   of the records in the payload
//	crc     CRC-32C of the payload
//	hcrc    CRC-32C of the 16 bytes before it: a damaged length is seen before
//	        anything waits for that many bytes
//
// Types and their records:
//
//	1 beat      no records: the sender lives
//	2 raft      Raft messages            (raft_encode.go)
//	3 requests  forwarded commands       (forward_codec.go)
//	4 replies   answers to them          (forward_codec.go)
//	5 leading   news of leaders          (leading_codec.go)
type frameType uint8

const (
	frameBeat     frameType = 1
	frameRaft     frameType = 2
	frameRequests frameType = 3
	frameReplies  frameType = 4
	frameLeading  frameType = 5
	frameTypes              = 6 // one more than the highest
)

const (
	frameHeaderBytes = 20
	// targetFrameBytes closes a frame; the record that passes it is the last.
	// Larger frames would save nothing, and the receiver can start only when a
	// frame is complete.
	targetFrameBytes = 256 << 10
	// MaxRecordBytes is the largest message, request or reply.
	MaxRecordBytes = 128 << 20
	maxFrameBytes  = MaxRecordBytes + targetFrameBytes
	// maxLeadingBytes is the largest frame of news, which cost the receiver many
	// times their bytes.
	maxLeadingBytes = 1 << 20
	// maxFrameRecords bounds count. The sender closes a frame long before.
	maxFrameRecords = 1 << 16
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)

	errMalformed = errors.New("malformed")
)

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errMalformed, fmt.Sprintf(format, args...))
}

// sealFrame fills in the header of a frame: b starts with room for it.
func sealFrame(b []byte, typ frameType, count int) {
	h, payload := b[:frameHeaderBytes], b[frameHeaderBytes:]
	binary.LittleEndian.PutUint32(h[0:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(h[4:], uint32(count))
	binary.LittleEndian.PutUint32(h[8:], uint32(typ)) // and three zeros
	binary.LittleEndian.PutUint32(h[12:], crc32.Checksum(payload, castagnoli))
	binary.LittleEndian.PutUint32(h[16:], crc32.Checksum(h[:16], castagnoli))
}

// maxBytes returns the largest payload of a frame of that type.
func (t frameType) maxBytes() uint32 {
	switch t {
	case frameBeat:
		return 0
	case frameLeading:
		return maxLeadingBytes
	}
	return maxFrameBytes
}

// frameHeader is a header that passed its checks.
type frameHeader struct {
	length, count int
	typ           frameType
	crc           uint32
}

func parseFrameHeader(h []byte) (frameHeader, error) {
	if got, want := crc32.Checksum(h[:16], castagnoli), binary.LittleEndian.Uint32(h[16:]); got != want {
		return frameHeader{}, malformed("frame header has checksum %08x, says %08x", got, want)
	}
	f := frameHeader{typ: frameType(h[8]), crc: binary.LittleEndian.Uint32(h[12:])}
	length, count := binary.LittleEndian.Uint32(h[0:]), binary.LittleEndian.Uint32(h[4:])
	switch {
	case h[9]|h[10]|h[11] != 0 || f.typ == 0 || f.typ >= frameTypes:
		return frameHeader{}, malformed("frame of unknown type %d", binary.LittleEndian.Uint32(h[8:]))
	case length > f.typ.maxBytes():
		return frameHeader{}, malformed("frame of type %d with %d bytes: more than %d", f.typ, length, f.typ.maxBytes())
	case count > maxFrameRecords || count > length:
		return frameHeader{}, malformed("frame of %d bytes with %d records", length, count)
	}
	f.length, f.count = int(length), int(count)
	return f, nil
}

// frameReader takes a stream apart.
type frameReader struct {
	r      *bufio.Reader
	header []byte // frameHeaderBytes
	spare  []byte // a payload buffer that nothing refers to
}

func newFrameReader(r *bufio.Reader) *frameReader {
	return &frameReader{r: r, header: make([]byte, frameHeaderBytes)}
}

// firstAllocation bounds what a length costs before its bytes are there.
const firstAllocation = 1 << 20

// next returns the next frame. The payload is the caller's until it is given to
// recycle. io.EOF means that the stream ended between two frames.
func (fr *frameReader) next() (frameHeader, []byte, error) {
	if _, err := io.ReadFull(fr.r, fr.header); err != nil {
		return frameHeader{}, nil, err
	}
	f, err := parseFrameHeader(fr.header)
	if err != nil {
		return frameHeader{}, nil, err
	}
	payload, err := fr.payload(f.length)
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return frameHeader{}, nil, err
	}
	if got := crc32.Checksum(payload, castagnoli); got != f.crc {
		return frameHeader{}, nil, malformed("frame of %d bytes has checksum %08x, says %08x", f.length, got, f.crc)
	}
	return f, payload, nil
}

// payload reads n bytes. Memory grows with what arrives, not with what a header
// claims.
func (fr *frameReader) payload(n int) ([]byte, error) {
	b := fr.spare
	fr.spare = nil
	if cap(b) < min(n, firstAllocation) {
		b = make([]byte, min(n, firstAllocation))
	}
	b = b[:min(n, cap(b))]
	for done := 0; ; {
		if _, err := io.ReadFull(fr.r, b[done:]); err != nil {
			return nil, err
		}
		if done = len(b); done == n {
			return b, nil
		}
		grown := make([]byte, min(n, 2*done))
		copy(grown, b)
		b = grown
	}
}

// recycle gives a payload back that nothing refers to any more.
func (fr *frameReader) recycle(b []byte) {
	if cap(b) <= targetFrameBytes && cap(b) > cap(fr.spare) {
		fr.spare = b
	}
}
