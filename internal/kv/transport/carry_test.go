package transport

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// collector is a handler that keeps what it is given.
type collector struct {
	msgs     []Message
	requests []*ForwardRequest
	replies  []*ForwardReply
	news     []cluster.Leadership
}

func (c *collector) Raft(_ cluster.NodeID, msgs []Message)            { c.msgs = append(c.msgs, msgs...) }
func (c *collector) Forward(_ cluster.NodeID, r *ForwardRequest)      { c.requests = append(c.requests, r) }
func (c *collector) ForwardReply(_ cluster.NodeID, r *ForwardReply)   { c.replies = append(c.replies, r) }
func (c *collector) Leading(_ cluster.NodeID, n []cluster.Leadership) { c.news = append(c.news, n...) }
func (c *collector) Connected(cluster.NodeID)                         {}
func (c *collector) Unreachable(cluster.NodeID)                       {}
func (c *collector) Snapshot(context.Context, cluster.NodeID, SnapshotHeader, io.Reader) error {
	return nil
}

func TestFramesCarriedByOtherMeansArriveWhole(t *testing.T) {
	c := &collector{}
	heartbeat := Message{Partition: 3, SentAt: 42, Raft: &raftpb.Message{
		Type: raftpb.MsgHeartbeat.Enum(), From: new(uint64(1)), To: new(uint64(2)), Term: new(uint64(7)),
	}}
	for _, f := range EncodeRaft([]Message{heartbeat, heartbeat}) {
		require.NoError(t, Deliver(c, "a", f))
	}
	require.Len(t, c.msgs, 2)
	require.EqualValues(t, 42, c.msgs[1].SentAt)
	require.EqualValues(t, 7, c.msgs[1].Raft.GetTerm())

	f, err := EncodeForward(&ForwardRequest{ID: 9, Write: true, Args: [][]byte{[]byte("GET"), []byte("k")}})
	require.NoError(t, err)
	require.NoError(t, Deliver(c, "a", f))
	require.EqualValues(t, 9, c.requests[0].ID)

	require.NoError(t, Deliver(c, "a", EncodeForwardReply(&ForwardReply{ID: 9, Status: ForwardOK, Reply: []byte("+OK\r\n")})))
	require.Equal(t, "+OK\r\n", string(c.replies[0].Reply))

	news := make([]cluster.Leadership, newsPerRecord+1)
	for _, f := range EncodeLeading(news) {
		require.NoError(t, Deliver(c, "a", f))
	}
	require.Len(t, c.news, len(news))

	f[len(f)-1] ^= 1
	require.ErrorIs(t, Deliver(c, "a", f), errMalformed)
	require.Error(t, Deliver(c, "a", f[:5]))
}

func TestASnapshotCarriedByOtherMeansArrivesWholeOrNotAtAll(t *testing.T) {
	state := bytes.Repeat([]byte("state"), 100_000)
	encoded, err := EncodeSnapshot(&SnapshotHeader{Partition: 1, Index: 5}, bytes.NewReader(state))
	require.NoError(t, err)
	stream, err := io.ReadAll(encoded)
	require.NoError(t, err)

	header, body, err := DecodeSnapshot(bytes.NewReader(stream))
	require.NoError(t, err)
	require.EqualValues(t, 5, header.Index)
	got, err := io.ReadAll(body)
	require.NoError(t, err)
	require.Equal(t, state, got)

	_, body, err = DecodeSnapshot(bytes.NewReader(stream[:len(stream)-1]))
	require.NoError(t, err)
	_, err = io.ReadAll(body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}
