package wal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

// A segment is a file named by its number in 16 hexadecimal digits and ".wal":
//
//	0        4096     8192     12288                 end        SegmentBytes
//	+--------+--------+--------+------------+--------+----------+
//	| header | note   | note   | checkpoint | records| zeros    |
//	+--------+--------+--------+------------+--------+----------+
//
// The header is written once. The notes are copies of it that also say how far the
// segment was synced; they are written in turn, so that one of them is whole at
// any time. All three are one block:
//
//	  0  magic "RINGKVWL"
//	  8  version u32 (1)             12  generation u32 (0 in the header)
//	 16  segment u64                 24  salt u64
//	 32  previousEnd u64             40  previousChain u32   44  firstSerial u32
//	 48  checkpointEnd u64           56  checkpointCount u32 60  noted serial u32
//	 64  noted offset u64
//	 72  status u8                   73  length of node ID u8    74  node ID
//	...  zeros
//	508  crc32c u32 of bytes 0 to 507
//
// status is 1 in the note of a log that was closed in order: nothing follows the
// noted offset. It is 2 in a note that was written after the next segment was there
// for good: if that is missing, it was lost. It is 3 as long as the log's owner has not
// made sure that what was cut from its end is nobody's loss. previousEnd is where the records of the segment before end, and previousChain the
// CRC of their CRCs: a segment exists under its name only when the one before was
// synced to its end. A checkpoint of all small state follows (state.go), written
// and synced together with the header before the file got its name; then records.
//
// Magic, version and the CRC stay where they are in all versions to come.
const (
	headerBytes  = 512
	noteOffset1  = 4096
	noteOffset2  = 8192
	recordsStart = 12288

	formatVersion = 1
	maxNodeID     = 128
)

var magic = [8]byte{'R', 'I', 'N', 'G', 'K', 'V', 'W', 'L'}

type segmentHeader struct {
	segment         uint64
	salt            uint64
	previousEnd     int64 // 0: there is none
	previousChain   uint32
	firstSerial     uint32
	checkpointEnd   int64
	checkpointCount uint32
	nodeID          string

	generation  uint32
	notedSerial uint32 // of the record at notedOffset, when it is written
	notedOffset int64
	status      segmentStatus
}

type segmentStatus uint8

const (
	statusOpen segmentStatus = iota
	statusClosed
	statusContinued
	statusDoubtful
)

func (h *segmentHeader) encode() []byte {
	p := make([]byte, headerBytes)
	copy(p, magic[:])
	le := binary.LittleEndian
	le.PutUint32(p[8:], formatVersion)
	le.PutUint32(p[12:], h.generation)
	le.PutUint64(p[16:], h.segment)
	le.PutUint64(p[24:], h.salt)
	le.PutUint64(p[32:], uint64(h.previousEnd))
	le.PutUint32(p[40:], h.previousChain)
	le.PutUint32(p[44:], h.firstSerial)
	le.PutUint64(p[48:], uint64(h.checkpointEnd))
	le.PutUint32(p[56:], h.checkpointCount)
	le.PutUint32(p[60:], h.notedSerial)
	le.PutUint64(p[64:], uint64(h.notedOffset))
	p[72] = byte(h.status)
	p[73] = byte(len(h.nodeID))
	copy(p[74:], h.nodeID)
	le.PutUint32(p[508:], crc32.Checksum(p[:508], castagnoli))
	return p
}

// errVersion is a block of a format that this code does not read.
type errVersion uint32

func (v errVersion) Error() string {
	return fmt.Sprintf("format version %d; this program reads version %d: use the program that wrote it, or a newer one", uint32(v), formatVersion)
}

// decodeHeader returns an errVersion for an intact block of another version, and
// ErrCorrupt for anything else that it cannot read.
func decodeHeader(p []byte) (*segmentHeader, error) {
	le := binary.LittleEndian
	if len(p) < headerBytes || [8]byte(p[:8]) != magic || le.Uint32(p[508:]) != crc32.Checksum(p[:508], castagnoli) {
		return nil, ErrCorrupt
	}
	if v := le.Uint32(p[8:]); v != formatVersion {
		return nil, errVersion(v)
	}
	n := int(p[73])
	if n > maxNodeID {
		return nil, ErrCorrupt
	}
	h := &segmentHeader{
		generation:      le.Uint32(p[12:]),
		segment:         le.Uint64(p[16:]),
		salt:            le.Uint64(p[24:]),
		previousEnd:     int64(le.Uint64(p[32:])),
		previousChain:   le.Uint32(p[40:]),
		firstSerial:     le.Uint32(p[44:]),
		checkpointEnd:   int64(le.Uint64(p[48:])),
		checkpointCount: le.Uint32(p[56:]),
		notedSerial:     le.Uint32(p[60:]),
		notedOffset:     int64(le.Uint64(p[64:])),
		status:          segmentStatus(p[72]),
		nodeID:          string(p[74 : 74+n]),
	}
	if h.checkpointEnd < recordsStart || h.checkpointEnd > maxOffset ||
		uint64(h.previousEnd) > maxOffset || uint64(h.notedOffset) > maxOffset {
		return nil, ErrCorrupt
	}
	return h, nil
}

// seed is where the CRCs of a segment's records start.
func seed(salt, segment uint64) uint32 {
	var p [16]byte
	binary.LittleEndian.PutUint64(p[:], salt)
	binary.LittleEndian.PutUint64(p[8:], segment)
	return crc32.Checksum(p[:], castagnoli)
}

// chain is a CRC of CRCs.
type chain struct {
	sum  uint32
	last [4]byte // here, because it would be allocated every time otherwise
}

func (c *chain) add(crc uint32) {
	binary.LittleEndian.PutUint32(c.last[:], crc)
	c.sum = crc32.Update(c.sum, castagnoli, c.last[:])
}

const segmentSuffix = ".wal"

func segmentName(n uint64) string { return fmt.Sprintf("%016x%s", n, segmentSuffix) }

// parseSegmentName returns 0 for a name that is no segment's.
func parseSegmentName(name string) uint64 {
	digits, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok || len(digits) != 16 {
		return 0
	}
	n, err := strconv.ParseUint(digits, 16, 64)
	if err != nil || segmentName(n) != name {
		return 0
	}
	return n
}
