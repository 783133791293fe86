package wal

import (
	"encoding/binary"
	"fmt"
)

// What the fields of a record and its payload hold, by type. Fields that are not
// named are 0.
//
//	entry       term, index, kind: the entry's     payload: the entry's data
//	create      index: replica ID                  payload: the caller's
//	tombstone   index: smallest allowed replica ID
//	meta        partition: NodePartition           payload: the caller's
//	hardstate   term                               payload: vote u64, commit u64
//	snapshot    term, index                        payload:
//
//	      +------------+---------+---------+-------------------+--------------+
//	      | received u8| size i64| crc u32 | length u16, file  | meta         |
//	      +------------+---------+---------+-------------------+--------------+
//
//	checkpoint  partition, term and index of its last entry     payload:
//
//	      +------------+--------------+------------------------------+
//	      | replica u64| tombstone u64| term u64, vote u64, commit u64|
//	      +------------+--------------+------------------------------+
//	      | create: present u8, length u32, bytes                     |
//	      +-----------------------------------------------------------+
//	      | snapshot: present u8, term u64, index u64, length u32,    |
//	      |           payload of a snapshot record                    |
//	      +-----------------------------------------------------------+
//	      | refused: present u8, segment u64, offset u64, reason      |
//	      +-----------------------------------------------------------+
//
// The checkpoint of NodePartition has the payload of meta, and kind 1 if a newer
// one was lost; term and index are then the segment and offset of the damage.

func appendHardState(b []byte, h HardState) []byte {
	b = binary.LittleEndian.AppendUint64(b, h.Vote)
	return binary.LittleEndian.AppendUint64(b, h.Commit)
}

func decodeHardState(r *Record) (HardState, error) {
	d := decoder{b: r.Payload}
	h := HardState{Term: r.Term, Vote: d.u64(), Commit: d.u64()}
	return h, d.finish(r)
}

func appendSnapshotRef(b []byte, s *SnapshotRef) []byte {
	received := byte(0)
	if s.Received {
		received = 1
	}
	b = append(b, received)
	b = binary.LittleEndian.AppendUint64(b, uint64(s.Size))
	b = binary.LittleEndian.AppendUint32(b, s.CRC)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(s.File)))
	b = append(b, s.File...)
	return append(b, s.Meta...)
}

func decodeSnapshotRef(r *Record) (*SnapshotRef, error) {
	d := decoder{b: r.Payload}
	s := &SnapshotRef{Term: r.Term, Index: r.Index, Received: d.u8() != 0, Size: int64(d.u64()), CRC: d.u32()}
	s.File = string(d.bytes(int(d.u16())))
	s.Meta = clone(d.b)
	d.b = nil
	if s.Index > maxIndex {
		d.short = true
	}
	return s, d.finish(r)
}

func appendCheckpoint(b []byte, s *replicaState) []byte {
	le := binary.LittleEndian
	b = le.AppendUint64(b, s.replica)
	b = le.AppendUint64(b, s.tombstone)
	b = le.AppendUint64(b, s.hard.Term)
	b = appendHardState(b, s.hard)
	b = append(b, present(s.create != nil))
	b = le.AppendUint32(b, uint32(len(s.create)))
	b = append(b, s.create...)
	b = append(b, present(s.snapshot != nil))
	if s.snapshot != nil {
		b = le.AppendUint64(b, s.snapshot.Term)
		b = le.AppendUint64(b, s.snapshot.Index)
		at := len(b)
		b = appendSnapshotRef(append(b, 0, 0, 0, 0), s.snapshot)
		le.PutUint32(b[at:], uint32(len(b)-at-4))
	}
	b = append(b, present(s.refused != nil))
	if s.refused != nil {
		b = le.AppendUint64(b, s.refused.Segment)
		b = le.AppendUint64(b, uint64(s.refused.Offset))
		b = append(b, s.refused.Reason...)
	}
	return b
}

func decodeCheckpoint(r *Record) (*replicaState, error) {
	d := decoder{b: r.Payload}
	s := &replicaState{sequence: r.Sequence, last: r.Index, lastTerm: r.Term}
	s.replica, s.tombstone = d.u64(), d.u64()
	s.hard = HardState{Term: d.u64(), Vote: d.u64(), Commit: d.u64()}
	hasCreate := d.u8() != 0
	if create := d.bytes(int(d.u32())); hasCreate {
		s.create = clone(create)
	}
	if d.u8() != 0 {
		inner := Record{Place: r.Place, Type: TypeSnapshot, Term: d.u64(), Index: d.u64()}
		inner.Payload = d.bytes(int(d.u32()))
		var err error
		if s.snapshot, err = decodeSnapshotRef(&inner); err != nil {
			return nil, err
		}
	}
	if d.u8() != 0 {
		s.refused = &Refusal{Replica: s.replica, Segment: d.u64(), Offset: int64(d.u64()), Reason: string(d.b)}
		d.b = nil
	}
	if s.last > maxIndex {
		d.short = true
	}
	return s, d.finish(r)
}

// maxIndex keeps arithmetic with indexes from wrapping around.
const maxIndex = 1 << 62

func present(yes bool) byte {
	if yes {
		return 1
	}
	return 0
}

// clone never returns nil, so that an empty payload differs from none.
func clone(b []byte) []byte { return append(make([]byte, 0, len(b)), b...) }

// decoder takes fields off the front of b; what is not there reads as zero and is
// remembered.
type decoder struct {
	b     []byte
	short bool
}

func (d *decoder) bytes(n int) []byte {
	if n < 0 || n > len(d.b) {
		d.short, d.b = true, nil
		return nil
	}
	p := d.b[:n:n]
	d.b = d.b[n:]
	return p
}

func (d *decoder) fixed(n int) []byte {
	if p := d.bytes(n); p != nil {
		return p
	}
	return make([]byte, 8)
}

func (d *decoder) u8() byte    { return d.fixed(1)[0] }
func (d *decoder) u16() uint16 { return binary.LittleEndian.Uint16(d.fixed(2)) }
func (d *decoder) u32() uint32 { return binary.LittleEndian.Uint32(d.fixed(4)) }
func (d *decoder) u64() uint64 { return binary.LittleEndian.Uint64(d.fixed(8)) }

// finish returns an error if r's payload was not exactly what was read.
func (d *decoder) finish(r *Record) error {
	if d.short || len(d.b) > 0 {
		return fmt.Errorf("%w at %s: %s record of partition %d has a payload of %d bytes that makes no sense",
			ErrCorrupt, r.Place, r.Type, r.Partition, len(r.Payload))
	}
	return nil
}
