package transport

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

func TestMessagesOfOnePeerArriveInOrder(t *testing.T) {
	checkLeaks(t)
	a, b := pair(t)
	const total = 20_000
	for i := 0; i < total; {
		var batch []Message
		for range 1 + i%37 {
			batch = append(batch, heartbeat(i))
			i++
		}
		a.Send(b.id, batch)
	}
	b.waitFor("all messages", func() bool { return len(b.raft) >= total })
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, m := range b.raft {
		require.EqualValues(t, i, m.SentAt)
		require.EqualValues(t, i, m.Raft.GetCommit())
		require.EqualValues(t, i%64, m.Partition)
	}
}

func TestForwardIsAnsweredByItsID(t *testing.T) {
	checkLeaks(t)
	a, b := pair(t)
	b.onForward(func(from cluster.NodeID, r *ForwardRequest) {
		b.SendForwardReply(from, &ForwardReply{ID: r.ID, Status: ForwardOK, Reply: append([]byte("+"), r.Args[1]...)})
	})
	const total = 1000
	for i := range total {
		require.NoError(t, a.SendForward(b.id, &ForwardRequest{
			ID: uint64(i), Partition: 9, Write: true, Proto: 3, TimeoutMs: 1000,
			Args: [][]byte{[]byte("GET"), fmt.Append(nil, "key", i)},
		}))
	}
	a.waitFor("all replies", func() bool { return len(a.replies) == total })
	a.close()
	for i, r := range a.replies {
		require.EqualValues(t, i, r.ID)
		require.Equal(t, fmt.Sprint("+key", i), string(r.Reply))
	}
}

func TestNewsGoToAllConnectedPeers(t *testing.T) {
	checkLeaks(t)
	a, b, c := newTestNode(t, 1), newTestNode(t, 2), newTestNode(t, 3)
	introduceAll(a, b, c)
	a.waitLinked(b)
	a.waitLinked(c)
	news := []cluster.Leadership{{Partition: 5, Term: 3, Leader: cluster.Replica{ID: 1, Node: a.id}}}
	a.SendLeading("", news)
	b.waitFor("news", func() bool { return len(b.leading) == 1 })
	c.waitFor("news", func() bool { return len(c.leading) == 1 })
	b.check(func() { require.Equal(t, news, b.leading) })
	a.SendLeading(c.id, news)
	c.waitFor("more news", func() bool { return len(c.leading) == 2 })
}

func TestMessagesOfAllSizesArrive(t *testing.T) {
	checkLeaks(t)
	a, b := pair(t)
	sizes := []int{0, 1, targetFrameBytes - 1, targetFrameBytes, 3 * targetFrameBytes, 20 << 20}
	for i, size := range sizes {
		a.Send(b.id, []Message{heartbeat(i), appendMessage(i, 2, size/2), heartbeat(i)})
	}
	b.waitFor("all messages", func() bool { return len(b.raft) == 3*len(sizes) })
	b.check(func() {
		for i, size := range sizes {
			entries := b.raft[3*i+1].Raft.Entries
			require.Len(t, entries, 2)
			require.Len(t, entries[1].Data, size/2)
		}
	})
	require.Zero(t, a.Stats().Peers[b.id].MessagesDropped)
}

// What is queued while a write is under way goes out together.
func TestQueuedMessagesShareFrames(t *testing.T) {
	checkLeaks(t)
	a, b := pair(t)
	before := a.Stats().Peers[b.id].FramesSent
	p := a.peer(b.id)
	msgs := make([]Message, 3000)
	for i := range msgs {
		msgs[i] = heartbeat(i)
	}
	a.Send(b.id, msgs)
	b.waitFor("all messages", func() bool { return len(b.raft) == len(msgs) })
	require.Eventually(t, func() bool { return a.Stats().Peers[b.id].MessagesSent == 3000 }, within, time.Millisecond)
	require.EqualValues(t, 1, a.Stats().Peers[b.id].FramesSent-before)
	require.Zero(t, p.stats().QueuedBytes)
}

func TestHotPathsHardlyAllocate(t *testing.T) {
	msgs := batch(256)
	payload := encodeAll(t, msgs)
	var d raftDecoder
	decode := testing.AllocsPerRun(100, func() {
		_, _, err := d.decode(payload, len(msgs))
		require.NoError(t, err)
	})
	// The list, and a slab each of messages, entries and pointers to them.
	require.LessOrEqual(t, decode, 4.0)

	buf := make([]byte, 0, 1<<20)
	encode := testing.AllocsPerRun(100, func() {
		buf = buf[:0]
		for i := range msgs {
			buf, _ = appendRaft(buf, &msgs[i])
		}
	})
	require.Zero(t, encode)
}
