package transport

import (
	"fmt"
	"testing"

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
