package transport

import (
	"bytes"
	"encoding/binary"
	"math"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

// anyMessage draws a message of any form, with every field set or not.
func anyMessage(t *rapid.T) Message {
	number := func(name string) *uint64 {
		return rapid.Ptr(rapid.OneOf(rapid.Uint64Range(0, 300), rapid.Uint64()), true).Draw(t, name)
	}
	data := func(name string) []byte {
		return rapid.OneOf(rapid.Just([]byte(nil)), rapid.SliceOfN(rapid.Byte(), 0, 300)).Draw(t, name)
	}
	m := &raftpb.Message{
		Type: rapid.Ptr(rapid.Map(rapid.Int32Range(0, 23), func(v int32) raftpb.MessageType { return raftpb.MessageType(v) }), true).Draw(t, "type"),
		To:   number("to"), From: number("from"), Term: number("term"), LogTerm: number("logTerm"), Index: number("index"),
		Commit: number("commit"), Vote: number("vote"), RejectHint: number("rejectHint"),
		Reject: rapid.Ptr(rapid.Bool(), true).Draw(t, "reject"), Context: data("context"),
	}
	for range rapid.IntRange(0, 40).Draw(t, "entries") {
		m.Entries = append(m.Entries, &raftpb.Entry{
			Term: number("entry term"), Index: number("entry index"), Data: data("entry data"),
			Type: rapid.Ptr(rapid.Map(rapid.Int32Range(0, 2), func(v int32) raftpb.EntryType { return raftpb.EntryType(v) }), true).Draw(t, "entry type"),
		})
	}
	if rapid.IntRange(0, 9).Draw(t, "more") == 0 {
		m.Snapshot = &raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{Index: number("snapshot index"), ConfState: &raftpb.ConfState{Voters: []uint64{1, 2}}}}
		m.Responses = []*raftpb.Message{{To: number("response to")}}
	}
	return Message{
		Partition: rapid.Uint32().Draw(t, "partition"), Raft: m,
		SentAt: rapid.Int64().Draw(t, "sentAt"), Echo: rapid.Int64().Draw(t, "echo"),
	}
}

func encodeAll(t require.TestingT, msgs []Message) []byte {
	var b []byte
	for i := range msgs {
		before := len(b)
		var err error
		b, err = appendRaft(b, &msgs[i])
		require.NoError(t, err)
		require.LessOrEqual(t, len(b)-before, raftSize(&msgs[i]), "raftSize is a bound")
	}
	return b
}

func requireSame(t require.TestingT, want, got []Message) {
	require.Len(t, got, len(want))
	for i := range want {
		require.True(t, proto.Equal(want[i].Raft, got[i].Raft), "message %d:\n%v\n%v", i, want[i].Raft, got[i].Raft)
		require.Equal(t, want[i].Partition, got[i].Partition)
		require.Equal(t, want[i].SentAt, got[i].SentAt)
		require.Equal(t, want[i].Echo, got[i].Echo)
	}
}

func TestMessagesComeOutAsTheyWentIn(t *testing.T) {
	var d raftDecoder // one for all, as in a stream
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.Custom(anyMessage), 0, 100).Draw(t, "messages")
		payload := encodeAll(t, want)
		got, _, err := d.decode(payload, len(want))
		require.NoError(t, err)
		requireSame(t, want, got)
	})
}

func TestMessagesWithoutAliasLeaveTheirFrameFree(t *testing.T) {
	want := []Message{heartbeat(1), heartbeat(2)}
	payload := encodeAll(t, want)
	var d raftDecoder
	got, aliased, err := d.decode(payload, 2)
	require.NoError(t, err)
	require.False(t, aliased)
	clear(payload)
	requireSame(t, want, got)

	_, aliased, err = d.decode(encodeAll(t, []Message{heartbeat(1), appendMessage(1, 1, 3)}), 2)
	require.NoError(t, err)
	require.True(t, aliased)
}

func TestEntriesCannotBeAppendedOverTheirNeighbours(t *testing.T) {
	msgs := []Message{appendMessage(1, 2, 8), appendMessage(5, 2, 8)}
	var d raftDecoder
	got, _, err := d.decode(encodeAll(t, msgs), 2)
	require.NoError(t, err)
	first := got[0].Raft.Entries
	_ = append(first, &raftpb.Entry{Data: []byte("list")})
	_ = append(first[1].Data, "a long text that would run into the next message"...)
	requireSame(t, msgs, got)
}

func TestRaftPayloadsThatAreRefused(t *testing.T) {
	good := encodeAll(t, []Message{appendMessage(1, 1, 8)})
	compact := []byte{5, formCompact, byte(raftpb.MsgApp)}
	for name, c := range map[string]struct {
		payload []byte
		count   int
	}{
		"more records than bytes":     {good, len(good)},
		"a record too few":            {append(bytes.Clone(good), good...), 1},
		"a record too many":           {append(bytes.Clone(good), 0, 0, 0), 2},
		"partition beyond 32 bits":    {append(binary.AppendUvarint(nil, 1<<32), 0, 8, 0, 0), 1},
		"endless number":              {bytes.Repeat([]byte{0xff}, 30), 1},
		"unknown form":                {[]byte{1, 2, 3, 0, 0}, 1},
		"unknown field":               {append(bytes.Clone(compact), 0, 0x40, 0, 0), 1},
		"value of an unset reject":    {append(bytes.Clone(compact), 0, 2), 1},
		"entries, but none":           {append(bytes.Clone(compact), 0, 8, 0), 1},
		"more entries than bytes":     {append(bytes.Clone(compact), 0, 8, 9, 0, 0), 1},
		"entry with an unknown field": {append(bytes.Clone(compact), 0, 8, 1, 0x10), 1},
		"data longer than the frame":  {append(bytes.Clone(compact), 0, 8, 1, entryData, 200, 1, 0), 1},
		"context of 2^63 bytes":       {binary.AppendUvarint(append(bytes.Clone(compact), 0, 4), math.MaxInt64+1), 1},
		"protobuf that is none":       {[]byte{1, formProtobuf, 0, 0, 3, 0xff, 0xff, 0xff}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var d raftDecoder
			_, _, err := d.decode(c.payload, c.count)
			require.ErrorIs(t, err, errMalformed)
		})
	}
}

// What a frame costs in memory stays in proportion, whatever its bytes claim.
func TestHostilePayloadsCostBoundedMemory(t *testing.T) {
	smallest := []byte{0, formCompact, 0, 0, 0}
	manyEntries := append([]byte{0, formCompact, 3, 0, 8}, binary.AppendUvarint(nil, 8<<20)...)
	manyEntries = append(manyEntries, make([]byte, 8<<20)...)
	entries := append([]byte{0, formCompact, 3, 0, 8}, binary.AppendUvarint(nil, maxFrameEntries)...)
	entries = append(entries, make([]byte, maxFrameEntries)...)
	nested := bytes.Repeat([]byte{14<<3 | 2, 0}, 4<<20) // responses, all empty
	protobuf := appendBytes([]byte{0, formProtobuf, 0, 0}, nested)
	args := append([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0}, binary.AppendUvarint(nil, 16<<20)...)
	args = append(args, make([]byte, 16<<20)...)
	var d raftDecoder
	for name, decode := range map[string]func(){
		"many messages":         func() { _, _, _ = d.decode(bytes.Repeat(smallest, maxFrameRecords), maxFrameRecords) },
		"the most entries":      func() { _, _, _ = d.decode(entries, 1) },
		"more entries than may": func() { _, _, _ = d.decode(manyEntries, 1) },
		"nested protobuf":       func() { _, _, _ = d.decode(protobuf, 1) },
		"many arguments":        func() { _, _ = decodeRequests(args, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			decode()
			runtime.ReadMemStats(&after)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20))
		})
	}
}

func FuzzRaftDecoder(f *testing.F) {
	f.Add(encodeAll(f, []Message{heartbeat(1), appendMessage(4, 2, 5)}), 2)
	f.Add(encodeAll(f, []Message{{Partition: 3, Raft: &raftpb.Message{Snapshot: &raftpb.Snapshot{Data: []byte("x")}}}}), 1)
	f.Fuzz(func(t *testing.T, payload []byte, count int) {
		if count < 0 || count > maxFrameRecords {
			return // refused with the header
		}
		var d raftDecoder
		msgs, _, err := d.decode(payload, count)
		if err != nil {
			return
		}
		again, _, err := d.decode(encodeAll(t, msgs), len(msgs))
		require.NoError(t, err)
		requireSame(t, msgs, again)
	})
}

// Whatever the library's own encoding can say survives ours.
func FuzzRaftMessage(f *testing.F) {
	for _, m := range []Message{heartbeat(1), appendMessage(4, 2, 5)} {
		b, err := proto.Marshal(m.Raft)
		require.NoError(f, err)
		f.Add(uint32(1), int64(2), int64(0), b)
	}
	f.Fuzz(func(t *testing.T, partition uint32, sentAt, echo int64, message []byte) {
		m := Message{Partition: partition, SentAt: sentAt, Echo: echo, Raft: new(raftpb.Message)}
		if len(message) > maxProtobufBytes || (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(message, m.Raft) != nil {
			return
		}
		var d raftDecoder
		got, _, err := d.decode(encodeAll(t, []Message{m}), 1)
		require.NoError(t, err)
		requireSame(t, []Message{m}, got)
	})
}
