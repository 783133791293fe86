package transport

import (
	"encoding/binary"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// A forwarded command is one record:
//
//	 0      8
//	+------+-----------+-------+-------+-----------+-------+----------------------+
//	|  id  | partition | flags | proto | timeoutMs | count | count x argument     |
//	+------+-----------+-------+-------+-----------+-------+----------------------+
//	  u64    uvarint     u8      u8      uvarint     uvarint  uvarint length, bytes
//
//	flags  bit 0 write, bit 1 any replica may answer, bit 2 no write of the partition
//	       is under way before it; the rest 0
//	count  at least 1
//
// And its reply:
//
//	 0      8        9
//	+------+--------+-----------------------+-----------------------+
//	|  id  | status | hint                  | reply                 |
//	+------+--------+-----------------------+-----------------------+
//	  u64    u8       uvarint length, bytes   uvarint length, bytes
//
//	status  1 executed, 2 not the leader, 3 not executed, 4 unknown
//	hint    the ID of the node that leads, or nothing
const (
	flagWrite   = 1 << 0
	flagReadAny = 1 << 1
	flagFirst   = 1 << 2

	minRequestRecord = 13
	minReplyRecord   = 11

	maxHintBytes = 64
	// maxFrameArgs bounds the arguments of all requests in a frame: each costs
	// the receiver more memory than its bytes on the wire.
	maxFrameArgs = 1 << 20
)

// requestSize returns a bound of the bytes that a request takes as a record.
func requestSize(r *ForwardRequest) int {
	n := 40
	for _, a := range r.Args {
		n += 10 + len(a)
	}
	return n
}

func appendRequest(dst []byte, r *ForwardRequest) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, r.ID)
	dst = binary.AppendUvarint(dst, uint64(r.Partition))
	var flags uint8
	if r.Write {
		flags |= flagWrite
	}
	if r.ReadAny {
		flags |= flagReadAny
	}
	if r.First {
		flags |= flagFirst
	}
	dst = append(dst, flags, r.Proto)
	dst = binary.AppendUvarint(dst, uint64(r.TimeoutMs))
	dst = binary.AppendUvarint(dst, uint64(len(r.Args)))
	for _, a := range r.Args {
		dst = appendBytes(dst, a)
	}
	return dst
}

// decodeRequests returns the requests of a frame. Their arguments share the
// payload's memory.
func decodeRequests(payload []byte, count int) ([]ForwardRequest, error) {
	if count > len(payload)/minRequestRecord {
		return nil, malformed("%d requests in %d bytes", count, len(payload))
	}
	requests := make([]ForwardRequest, count)
	c := cursor{b: payload}
	var args [][]byte // a slab
	left := maxFrameArgs
	for i := range requests {
		r := &requests[i]
		r.ID = c.u64()
		r.Partition = c.uvarint32()
		flags := c.u8()
		r.Write, r.ReadAny, r.First = flags&flagWrite != 0, flags&flagReadAny != 0, flags&flagFirst != 0
		r.Proto = c.u8()
		r.TimeoutMs = c.uvarint32()
		n := c.uvarint()
		if c.bad || flags&^(flagWrite|flagReadAny|flagFirst) != 0 || n == 0 || n > uint64(len(c.b)) || n > uint64(left) {
			return nil, malformed("request %d of %d", i, count)
		}
		left -= int(n)
		if int(n) > len(args) {
			args = make([][]byte, max(int(n), min(count-i, slabLength)*3))
		}
		r.Args, args = args[:n:n], args[n:]
		for j := range r.Args {
			r.Args[j] = c.bytes()
		}
		if c.bad {
			return nil, malformed("request %d of %d", i, count)
		}
	}
	if len(c.b) > 0 {
		return nil, malformed("%d bytes after %d requests", len(c.b), count)
	}
	return requests, nil
}

// replySize returns a bound of the bytes that a reply takes as a record.
func replySize(r *ForwardReply) int { return 32 + len(r.Hint) + len(r.Reply) }

func appendReply(dst []byte, r *ForwardReply) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, r.ID)
	dst = append(dst, uint8(r.Status))
	dst = binary.AppendUvarint(dst, uint64(len(r.Hint)))
	dst = append(dst, r.Hint...)
	return appendBytes(dst, r.Reply)
}

// decodeReplies returns the replies of a frame, which share the payload's memory.
func decodeReplies(payload []byte, count int) ([]ForwardReply, error) {
	if count > len(payload)/minReplyRecord {
		return nil, malformed("%d replies in %d bytes", count, len(payload))
	}
	replies := make([]ForwardReply, count)
	c := cursor{b: payload}
	for i := range replies {
		r := &replies[i]
		r.ID = c.u64()
		r.Status = ForwardStatus(c.u8())
		hint := c.bytes()
		if c.bad || r.Status < ForwardOK || r.Status > ForwardUnknown || len(hint) > maxHintBytes {
			return nil, malformed("reply %d of %d", i, count)
		}
		r.Hint = cluster.NodeID(hint)
		r.Reply = c.bytes()
		if c.bad {
			return nil, malformed("reply %d of %d", i, count)
		}
	}
	if len(c.b) > 0 {
		return nil, malformed("%d bytes after %d replies", len(c.b), count)
	}
	return replies, nil
}
