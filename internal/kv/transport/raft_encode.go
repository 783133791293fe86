package transport

import (
	"encoding/binary"
	"math"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// A Raft message is one record:
//
//	+-----------+------+------+--------+------------------------------------+
//	| partition | 0    | type | fields | the fields that are set, in order  |
//	+-----------+------+------+--------+------------------------------------+
//	  uvarint     u8     u8     u16
//
// fields has one bit for each field that is set; the two highest bits are 0:
//
//	bit  0 to          uvarint        bit  7 rejectHint  uvarint
//	     1 from        uvarint             8 reject      (no bytes)
//	     2 term        uvarint             9 its value   (no bytes)
//	     3 logTerm     uvarint            10 context     uvarint length, bytes
//	     4 index       uvarint            11 entries     uvarint count, entries
//	     5 commit      uvarint            12 sentAt      uvarint
//	     6 vote        uvarint            13 echo        uvarint
//
// An entry has a byte that says what is set, then that:
//
//	+-----+---------+---------+---------+------------------------+
//	| set | term    | index   | type    | data                   |
//	+-----+---------+---------+---------+------------------------+
//	  u8    uvarint   uvarint   u8        uvarint length, bytes
//	        bit 0     bit 1     bit 2     bit 3
//
// Messages that carry more than that (a snapshot, responses) are rare and go as
// protobuf:
//
//	+-----------+------+---------+---------+------------------------+
//	| partition | 1    | sentAt  | echo    | raftpb.Message         |
//	+-----------+------+---------+---------+------------------------+
//	  uvarint     u8     uvarint   uvarint   uvarint length, bytes
//
// Set and unset are kept apart because the library's messages do so: a message
// comes out as it went in, except for protobuf fields that the library does not
// know.
const (
	formCompact  = 0
	formProtobuf = 1
)

const (
	fieldTo uint16 = 1 << iota
	fieldFrom
	fieldTerm
	fieldLogTerm
	fieldIndex
	fieldCommit
	fieldVote
	fieldRejectHint
	fieldReject
	fieldRejectValue
	fieldContext
	fieldEntries
	fieldSentAt
	fieldEcho

	knownFields = fieldEcho<<1 - 1
)

const (
	entryTerm uint8 = 1 << iota
	entryIndex
	entryType
	entryData

	knownEntryFields = entryData<<1 - 1
)

// maxFrameEntries bounds the entries of one frame, because each costs the
// receiver more memory than its bytes on the wire. The library's limit of bytes
// for one message keeps far below.
const maxFrameEntries = 1 << 18

// A few bytes of protobuf can make a large message of messages, so these bound
// that of one message and of one frame. A frame that is not closed takes one more.
const (
	maxProtobufBytes = 256 << 10
	maxFrameProtobuf = maxProtobufBytes + targetFrameBytes
)

// raftSize returns a bound of the bytes that a message takes as a record, exact
// but for the numbers.
func raftSize(m *Message) int {
	if !isCompact(m.Raft) {
		return 32 + proto.Size(m.Raft)
	}
	n := 128 + len(m.Raft.Context)
	for _, e := range m.Raft.Entries {
		n += 34 + len(e.Data)
	}
	return n
}

// isCompact tells whether a message has nothing but what the compact form holds.
func isCompact(m *raftpb.Message) bool {
	if m.Type == nil || *m.Type < 0 || *m.Type > math.MaxUint8 || m.Snapshot != nil || len(m.Responses) > 0 {
		return false
	}
	for _, e := range m.Entries {
		if e == nil || e.Type != nil && (*e.Type < 0 || *e.Type > math.MaxUint8) {
			return false
		}
	}
	return true
}

// appendRaft appends the record of a message.
func appendRaft(dst []byte, m *Message) ([]byte, error) {
	dst = binary.AppendUvarint(dst, uint64(m.Partition))
	if isCompact(m.Raft) {
		return appendCompact(append(dst, formCompact), m), nil
	}
	dst = append(dst, formProtobuf)
	dst = binary.AppendUvarint(dst, uint64(m.SentAt))
	dst = binary.AppendUvarint(dst, uint64(m.Echo))
	dst = binary.AppendUvarint(dst, uint64(proto.Size(m.Raft)))
	return proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(dst, m.Raft)
}

func appendCompact(dst []byte, m *Message) []byte {
	r := m.Raft
	dst = append(dst, uint8(*r.Type), 0, 0)
	at := len(dst) - 2
	var fields uint16
	number := func(v *uint64, bit uint16) {
		if v != nil {
			fields |= bit
			dst = binary.AppendUvarint(dst, *v)
		}
	}
	number(r.To, fieldTo)
	number(r.From, fieldFrom)
	number(r.Term, fieldTerm)
	number(r.LogTerm, fieldLogTerm)
	number(r.Index, fieldIndex)
	number(r.Commit, fieldCommit)
	number(r.Vote, fieldVote)
	number(r.RejectHint, fieldRejectHint)
	if r.Reject != nil {
		fields |= fieldReject
		if *r.Reject {
			fields |= fieldRejectValue
		}
	}
	if r.Context != nil {
		fields |= fieldContext
		dst = appendBytes(dst, r.Context)
	}
	if len(r.Entries) > 0 {
		fields |= fieldEntries
		dst = appendEntries(dst, r.Entries)
	}
	if m.SentAt != 0 {
		fields |= fieldSentAt
		dst = binary.AppendUvarint(dst, uint64(m.SentAt))
	}
	if m.Echo != 0 {
		fields |= fieldEcho
		dst = binary.AppendUvarint(dst, uint64(m.Echo))
	}
	binary.LittleEndian.PutUint16(dst[at:], fields)
	return dst
}

func appendEntries(dst []byte, entries []*raftpb.Entry) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(entries)))
	for _, e := range entries {
		at := len(dst)
		var set uint8
		dst = append(dst, 0)
		if e.Term != nil {
			set |= entryTerm
			dst = binary.AppendUvarint(dst, *e.Term)
		}
		if e.Index != nil {
			set |= entryIndex
			dst = binary.AppendUvarint(dst, *e.Index)
		}
		if e.Type != nil {
			set |= entryType
			dst = append(dst, uint8(*e.Type))
		}
		if e.Data != nil {
			set |= entryData
			dst = appendBytes(dst, e.Data)
		}
		dst[at] = set
	}
	return dst
}
