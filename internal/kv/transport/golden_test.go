package transport

import (
	"bufio"
	"bytes"
	"io"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/vfs/golden"
)

// The golden traffic: every kind of record, every field set in one of them.
var (
	goldenMessages = []Message{
		heartbeat(3),
		{Partition: 9, Echo: 77, Raft: &raftpb.Message{Type: raftpb.MsgHeartbeatResp.Enum(), To: new(uint64(1)), From: new(uint64(2)), Term: new(uint64(7))}},
		appendMessage(4, 3, 5),
		{Partition: 16383, Raft: &raftpb.Message{Type: raftpb.MsgAppResp.Enum(), To: new(uint64(1)), From: new(uint64(2)), Term: new(uint64(math.MaxUint64)),
			Index: new(uint64(8)), LogTerm: new(uint64(5)), Reject: new(true), RejectHint: new(uint64(6)), Context: []byte("context")}},
		{Partition: 2, Raft: &raftpb.Message{Type: raftpb.MsgVote.Enum(), To: new(uint64(1)), From: new(uint64(2)), Term: new(uint64(8)), Vote: new(uint64(2)),
			Entries: []*raftpb.Entry{{Term: new(uint64(8)), Index: new(uint64(1)), Type: raftpb.EntryConfChangeV2.Enum(), Data: []byte("change")}}}},
		{Partition: 3, Raft: &raftpb.Message{Type: raftpb.MsgSnap.Enum(), To: new(uint64(4)), Snapshot: &raftpb.Snapshot{Data: []byte("as protobuf")}}},
	}
	goldenRequests = []ForwardRequest{
		{ID: 1, Partition: 2, Write: true, First: true, Proto: 3, TimeoutMs: 5000, Args: [][]byte{[]byte("SET"), []byte("key"), {}}},
		{ID: math.MaxUint64, Partition: 16383, ReadAny: true, Proto: 2, Args: [][]byte{[]byte("GET"), []byte("key")}},
	}
	goldenAnswers = []ForwardReply{
		{ID: 1, Status: ForwardOK, Reply: []byte("+OK\r\n")},
		{ID: 2, Status: ForwardNotLeader, Hint: nodeID(3), Reply: []byte{}},
		{ID: 3, Status: ForwardNotExecuted, Reply: []byte{}}, {ID: 4, Status: ForwardUnknown, Reply: []byte{}},
	}
	goldenLeaderships = []cluster.Leadership{{Partition: 5, Term: 6, ConfIndex: 7, Leader: cluster.Replica{ID: 2, Node: nodeID(1)},
		Voters: []cluster.Replica{{ID: 2, Node: nodeID(1)}, {ID: 3, Node: nodeID(2)}}}}
)

// goldenFrames is a stream with all of that.
func goldenFrames(t *testing.T) []byte {
	var requests, answers []byte
	for i := range goldenRequests {
		requests = appendRequest(requests, &goldenRequests[i])
	}
	for i := range goldenAnswers {
		answers = appendReply(answers, &goldenAnswers[i])
	}
	news, err := appendLeading(nil, goldenLeaderships)
	require.NoError(t, err)
	return bytes.Join([][]byte{
		sealed(frameBeat, 0, nil), sealed(frameRaft, len(goldenMessages), encodeAll(t, goldenMessages)),
		sealed(frameRequests, len(goldenRequests), requests), sealed(frameReplies, len(goldenAnswers), answers), sealed(frameLeading, 1, news),
	}, nil)
}

// TestFramesOfThisProtocolAreWhatTheyWere: two builds that both call their protocol
// protocolVersion understand each other. When that changes, today's frames are a
// file of a new generation, and the older files are for as long as that version is
// offered as well.
func TestFramesOfThisProtocolAreWhatTheyWere(t *testing.T) {
	golden.Read(t, "frames-of-protocol-"+protocolVersion, goldenFrames, func(t *testing.T, content []byte) {
		require.Equal(t, content, goldenFrames(t), "frames that earlier builds read are written")
		r := newFrameReader(bufio.NewReader(bytes.NewReader(content)))
		seen := map[frameType]bool{}
		for {
			f, payload, err := r.next()
			if err == io.EOF { //nolint:errorlint // the end is never wrapped
				break
			}
			require.NoError(t, err)
			seen[f.typ] = true
			switch f.typ {
			case frameRaft:
				var d raftDecoder
				got, _, err := d.decode(payload, f.count)
				require.NoError(t, err)
				requireSame(t, goldenMessages, got)
			case frameRequests:
				got, err := decodeRequests(payload, f.count)
				require.NoError(t, err)
				require.Equal(t, goldenRequests, got)
			case frameReplies:
				got, err := decodeReplies(payload, f.count)
				require.NoError(t, err)
				require.Equal(t, goldenAnswers, got)
			case frameLeading:
				got, err := decodeLeading(payload, f.count)
				require.NoError(t, err)
				require.Equal(t, goldenLeaderships, got)
			}
		}
		require.Len(t, seen, frameTypes-1, "a frame of every type")
	})
}

func TestSnapshotStreamsOfThisProtocolAreWhatTheyWere(t *testing.T) {
	body := bytes.Repeat([]byte("state"), 14_000)
	write := func(t *testing.T) []byte { return encodeSnapshot(t, testHeader, body) }
	golden.Read(t, "snapshot-of-protocol-"+protocolVersion, write, func(t *testing.T, content []byte) {
		require.True(t, bytes.Equal(content, write(t)), "streams that earlier builds read are written")
		h, got, err := decodeSnapshot(bytes.NewReader(content))
		require.NoError(t, err)
		require.Equal(t, testHeader, h)
		require.True(t, bytes.Equal(body, got))
	})
}
