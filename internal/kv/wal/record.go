package wal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// A record starts at an offset that is a multiple of 8 and looks like this, all
// numbers little-endian:
//
//	 0       4       8   9   10  11  12              16
//	+-------+-------+---+---+---+---+---------------+
//	| crc32c|length |typ|flg|knd| 0 |   partition   |
//	+-------+-------+---+---+---+---+---------------+
//	| 16  term (8 bytes)                            |
//	+-----------------------------------------------+
//	| 24  index (8 bytes)                           |
//	+-----------------------------------------------+
//	| 32  syncedOffset (8 bytes)                    |
//	+-----------------------+-----------------------+
//	| 40  serial            | 44  sequence          |
//	+-----------------------+-----------------------+
//	| 48  payload (length bytes), zeros to the next |
//	|     multiple of 8                             |
//	+-----------------------------------------------+
//
// crc32c (Castagnoli) covers the bytes from length to the end of the payload. It
// starts from the segment's seed, which is made of the log's random salt and the
// segment's number: a record is valid in one segment of one log only, so neither
// recycled bytes nor bytes that a client chose can pass for a record.
//
// flg: bit 0 is set on the last record of a Write. The records of a Write follow
// each other, and count only if the last one is there.
//
// syncedOffset promises that all bytes of this segment before it were synced when
// this record was written. What is unreadable before it did not fail to be written:
// it was lost.
//
// serial numbers all records of the log, sequence those of the partition (a
// checkpoint carries the sequence of the partition's last record, and uses none up).
// Both wrap around. A hole in the serials says how many records are missing, holes
// in the sequences whose they were.
const recordHeader = 48

const flagLast = 1

// RecordType says what a record is.
type RecordType uint8

// The record types. What the fields and the payload mean is in payload.go.
const (
	TypeEntry RecordType = 1 + iota
	TypeHardState
	TypeSnapshot
	TypeCreate
	TypeTombstone
	TypeMeta
	TypeCheckpoint
)

// String returns the type's name as kvctl prints it.
func (t RecordType) String() string {
	names := [...]string{TypeEntry: "entry", TypeHardState: "hardstate", TypeSnapshot: "snapshot", TypeCreate: "create",
		TypeTombstone: "tombstone", TypeMeta: "meta", TypeCheckpoint: "checkpoint"}
	if t >= TypeEntry && int(t) < len(names) {
		return names[t]
	}
	return fmt.Sprintf("type %d", uint8(t))
}

// NodePartition stands in the partition field of records of the node itself.
const NodePartition = ^uint32(0)

// Record is one record as it is on the disk.
type Record struct {
	Place // where its header starts

	Type      RecordType
	Kind      uint8 // of an entry
	Last      bool  // of its Write
	Partition uint32
	Term      uint64
	Index     uint64
	Synced    int64
	Serial    uint32
	Sequence  uint32
	Payload   []byte
}

// recordBytes returns how many bytes a record with so many bytes of payload takes.
func recordBytes(payload int) int64 { return recordHeader + (int64(payload)+7)&^7 }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// beginRecord makes room for a header at the end of buf; the payload is appended
// after it.
func beginRecord(buf []byte) []byte {
	return append(buf, make([]byte, recordHeader)...)
}

// endRecord fills in the header at buf[start:], for which everything behind it is
// the payload, pads, and returns the buffer and the record's CRC.
func endRecord(buf []byte, start int, seed uint32, r *Record) ([]byte, uint32) {
	h := buf[start:]
	binary.LittleEndian.PutUint32(h[4:], uint32(len(h)-recordHeader))
	h[8] = byte(r.Type)
	h[9] = 0
	if r.Last {
		h[9] = flagLast
	}
	h[10] = r.Kind
	binary.LittleEndian.PutUint32(h[12:], r.Partition)
	binary.LittleEndian.PutUint64(h[16:], r.Term)
	binary.LittleEndian.PutUint64(h[24:], r.Index)
	binary.LittleEndian.PutUint64(h[32:], uint64(r.Synced))
	binary.LittleEndian.PutUint32(h[40:], r.Serial)
	binary.LittleEndian.PutUint32(h[44:], r.Sequence)
	crc := crc32.Update(seed, castagnoli, h[4:])
	binary.LittleEndian.PutUint32(h, crc)
	for len(buf)&7 != 0 { // a buffer starts at a multiple of 8
		buf = append(buf, 0)
	}
	return buf, crc
}

// decodeRecord reads the record at the start of p into r, whose Place is left
// alone and whose Payload points into p. It returns the record's size with its
// padding, which need not be in p, and its CRC; or false if there is no valid record.
func decodeRecord(p []byte, seed uint32, r *Record) (size int64, crc uint32, ok bool) {
	if len(p) < recordHeader {
		return 0, 0, false
	}
	length := binary.LittleEndian.Uint32(p[4:])
	if length > MaxRecordBytes || int(length) > len(p)-recordHeader {
		return 0, 0, false
	}
	r.Type = RecordType(p[8])
	if r.Type < TypeEntry || r.Type > TypeCheckpoint || p[9]&^flagLast != 0 || p[11] != 0 {
		return 0, 0, false
	}
	crc = binary.LittleEndian.Uint32(p)
	if crc != crc32.Update(seed, castagnoli, p[4:recordHeader+length]) {
		return 0, 0, false
	}
	r.Last = p[9]&flagLast != 0
	r.Kind = p[10]
	r.Partition = binary.LittleEndian.Uint32(p[12:])
	r.Term = binary.LittleEndian.Uint64(p[16:])
	r.Index = binary.LittleEndian.Uint64(p[24:])
	r.Synced = int64(binary.LittleEndian.Uint64(p[32:]))
	r.Serial = binary.LittleEndian.Uint32(p[40:])
	r.Sequence = binary.LittleEndian.Uint32(p[44:])
	r.Payload = p[recordHeader : recordHeader+length : recordHeader+length]
	return recordBytes(int(length)), crc, true
}
