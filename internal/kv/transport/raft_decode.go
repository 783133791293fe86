package transport

import (
	"fmt"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// The library's messages and entries are protobuf structs whose numbers are
// pointers. Taken one by one, a message with an entry would cost a dozen
// allocations; so they are cut from slabs together with the numbers that they
// point to. A slab lives as long as anything cut from it, which is why slabs are
// small.

// messageBlock is a message and what its pointers can point to.
type messageBlock struct {
	message raftpb.Message
	typ     raftpb.MessageType
	reject  bool
	numbers [8]uint64
}

// entryBlock is an entry and what its pointers can point to.
type entryBlock struct {
	entry raftpb.Entry
	typ   raftpb.EntryType
	term  uint64
	index uint64
}

const slabLength = 64

// minRaftRecord is the size of the smallest record: no count can promise more
// records than its frame has room for.
const minRaftRecord = 5

// raftDecoder decodes the frames of one stream.
type raftDecoder struct {
	messages []messageBlock
	entries  []entryBlock
	pointers []*raftpb.Entry
}

// decode returns the messages of a frame. With aliased, their entries or contexts
// share the payload's memory.
func (d *raftDecoder) decode(payload []byte, count int) (msgs []Message, aliased bool, err error) {
	if count > len(payload)/minRaftRecord {
		return nil, false, malformed("%d Raft messages in %d bytes", count, len(payload))
	}
	msgs = make([]Message, count)
	c := cursor{b: payload}
	entriesLeft, protobufLeft := maxFrameEntries, maxFrameProtobuf
	for i := range msgs {
		m := &msgs[i]
		m.Partition = c.uvarint32()
		switch form := c.u8(); {
		case c.bad:
		case form == formCompact:
			aliased = d.compact(&c, m, count-i, &entriesLeft) || aliased
		case form == formProtobuf:
			if err := decodeProtobuf(&c, m, &protobufLeft); err != nil {
				return nil, false, err
			}
		default:
			return nil, false, malformed("Raft message %d has unknown form %d", i, form)
		}
		if c.bad {
			return nil, false, malformed("Raft message %d of %d", i, count)
		}
	}
	if len(c.b) > 0 {
		return nil, false, malformed("%d bytes after %d Raft messages", len(c.b), count)
	}
	return msgs, aliased, nil
}

func decodeProtobuf(c *cursor, m *Message, left *int) error {
	m.SentAt, m.Echo = int64(c.uvarint()), int64(c.uvarint())
	b := c.bytes()
	if c.bad || len(b) > *left {
		c.fail()
		return nil // the caller sees it
	}
	*left -= len(b)
	m.Raft = new(raftpb.Message)
	if err := proto.Unmarshal(b, m.Raft); err != nil {
		return fmt.Errorf("%w: Raft message in protobuf: %w", errMalformed, err)
	}
	return nil
}

// compact decodes a message, and tells whether it shares the payload's memory.
// left is how many messages are still to come, this one included.
func (d *raftDecoder) compact(c *cursor, m *Message, left int, entriesLeft *int) bool {
	if len(d.messages) == 0 {
		d.messages = make([]messageBlock, min(left, slabLength))
	}
	b := &d.messages[0]
	d.messages = d.messages[1:]
	r := &b.message
	m.Raft = r
	b.typ = raftpb.MessageType(c.u8())
	r.Type = &b.typ
	fields := c.u16()
	if fields&^knownFields != 0 || fields&(fieldReject|fieldRejectValue) == fieldRejectValue {
		c.fail()
		return false
	}
	number := func(i int, bit uint16) *uint64 {
		if fields&bit == 0 {
			return nil
		}
		b.numbers[i] = c.uvarint()
		return &b.numbers[i]
	}
	r.To = number(0, fieldTo)
	r.From = number(1, fieldFrom)
	r.Term = number(2, fieldTerm)
	r.LogTerm = number(3, fieldLogTerm)
	r.Index = number(4, fieldIndex)
	r.Commit = number(5, fieldCommit)
	r.Vote = number(6, fieldVote)
	r.RejectHint = number(7, fieldRejectHint)
	if fields&fieldReject != 0 {
		b.reject = fields&fieldRejectValue != 0
		r.Reject = &b.reject
	}
	if fields&fieldContext != 0 {
		r.Context = c.bytes()
	}
	if fields&fieldEntries != 0 {
		r.Entries = d.entryList(c, left, entriesLeft)
	}
	if fields&fieldSentAt != 0 {
		m.SentAt = int64(c.uvarint())
	}
	if fields&fieldEcho != 0 {
		m.Echo = int64(c.uvarint())
	}
	return fields&(fieldContext|fieldEntries) != 0
}

// entryList decodes the entries of a message, the first of so many messages.
func (d *raftDecoder) entryList(c *cursor, messages int, left *int) []*raftpb.Entry {
	n := c.uvarint()
	if n == 0 || n > uint64(len(c.b)) || n > uint64(*left) { // an entry has a byte at least
		c.fail()
		return nil
	}
	*left -= int(n)
	list := d.pointerList(int(n))
	for i := range list {
		if len(d.entries) == 0 {
			d.entries = make([]entryBlock, min(max(int(n)-i, messages), slabLength))
		}
		list[i] = d.entries[0].decode(c)
		d.entries = d.entries[1:]
		if c.bad {
			return nil
		}
	}
	return list
}

func (d *raftDecoder) pointerList(n int) []*raftpb.Entry {
	if n > slabLength/4 {
		return make([]*raftpb.Entry, n)
	}
	if n > len(d.pointers) {
		d.pointers = make([]*raftpb.Entry, slabLength)
	}
	list := d.pointers[:n:n]
	d.pointers = d.pointers[n:]
	return list
}

func (b *entryBlock) decode(c *cursor) *raftpb.Entry {
	e := &b.entry
	set := c.u8()
	if set&^knownEntryFields != 0 {
		c.fail()
		return nil
	}
	if set&entryTerm != 0 {
		b.term = c.uvarint()
		e.Term = &b.term
	}
	if set&entryIndex != 0 {
		b.index = c.uvarint()
		e.Index = &b.index
	}
	if set&entryType != 0 {
		b.typ = raftpb.EntryType(c.u8())
		e.Type = &b.typ
	}
	if set&entryData != 0 {
		e.Data = c.bytes()
	}
	return e
}
