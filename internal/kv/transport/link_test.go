package transport

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

func request(id int) *ForwardRequest {
	return &ForwardRequest{ID: uint64(id), Proto: 2, TimeoutMs: 1000, Args: [][]byte{[]byte("PING")}}
}

func TestForwardWithoutAConnectionDoesNotLeave(t *testing.T) {
	checkLeaks(t)
	a, b := newTestNode(t, 1), newTestNode(t, 2)
	require.ErrorIs(t, a.SendForward(b.id, request(1)), ErrNotConnected, "a node it never heard of")

	// A way there alone is not enough: the reply needs the way back.
	a.SetPeers(map[cluster.NodeID]string{b.id: b.address()})
	a.waitFor("connection", func() bool { return len(a.connected) == 1 })
	require.ErrorIs(t, a.SendForward(b.id, request(1)), ErrNotConnected)
	require.EqualValues(t, 1, a.Stats().Peers[b.id].ForwardsRefused)

	b.SetPeers(map[cluster.NodeID]string{a.id: a.address()})
	a.waitLinked(b)
	require.NoError(t, a.SendForward(b.id, request(1)))
	b.waitFor("request", func() bool { return len(b.requests) == 1 })

	a.Close()
	require.ErrorIs(t, a.SendForward(b.id, request(2)), ErrClosed)
}

func TestRestartedPeerIsReachedAtOnce(t *testing.T) {
	checkLeaks(t)
	slow := func(c *Config) { c.Timing.RetryMin, c.Timing.RetryMax = time.Hour, time.Hour }
	a, b := newTestNode(t, 1, slow), newTestNode(t, 2)
	b.SetPeers(map[cluster.NodeID]string{a.id: a.address()})
	a.SetPeers(map[cluster.NodeID]string{b.id: b.address()})
	a.waitLinked(b)
	before := a.Stats().Peers[b.id].Connects
	b.restart()
	a.waitFor("the break", func() bool { return len(a.unreachable) == 1 })
	// Its backoff would hold a back for an hour, but b comes by itself.
	start := time.Now()
	b.SetPeers(map[cluster.NodeID]string{a.id: a.address()})
	a.waitLinked(b)
	b.waitLinked(a)
	t.Logf("linked again %v after the restarted node knew its peers", time.Since(start))
	require.Equal(t, before+1, a.Stats().Peers[b.id].Connects)
	a.waitFor("Connected again", func() bool { return len(a.connected) == 2 })
}

func TestPeerIsDialedUntilItListens(t *testing.T) {
	checkLeaks(t)
	a, b := newTestNode(t, 1), newTestNode(t, 2)
	address := b.address()
	b.close()
	a.SetPeers(map[cluster.NodeID]string{b.id: address})
	require.Eventually(t, func() bool { return a.Stats().Peers[b.id].DialFailures >= 3 }, within, time.Millisecond)
	b.start(address)
	start := time.Now()
	a.waitFor("connection", func() bool { return len(a.connected) == 1 })
	t.Logf("connected %v after the peer listened", time.Since(start))
}

func TestUnreachableIsCalledOncePerBreak(t *testing.T) {
	checkLeaks(t)
	cut := newCutter()
	a, b := newTestNode(t, 1, func(c *Config) { c.Dial = cut.dial }), newTestNode(t, 2)
	introduceAll(a, b)
	a.waitLinked(b)
	b.waitLinked(a)
	for i := 1; i <= 5; i++ {
		cut.closeAll()
		a.waitFor("the break", func() bool { return len(a.unreachable) == i })
		b.waitFor("the break", func() bool { return len(b.unreachable) == i })
		a.waitFor("the next connection", func() bool { return len(a.connected) == i+1 })
		a.waitLinked(b)
		b.waitLinked(a)
	}
	b.Close() // both connections break
	a.waitFor("the last break", func() bool { return len(a.unreachable) == 6 })
	require.Eventually(t, func() bool { return a.Stats().Streams == 0 }, within, time.Millisecond)
	require.Eventually(t, func() bool { return a.Stats().Peers[b.id].Broken == 6 }, within, time.Millisecond)
	a.close()
	require.Len(t, a.unreachable, 6)
	require.Len(t, b.unreachable, 5, "what Close breaks is no news")
}

func TestSilentCutIsNoticed(t *testing.T) {
	for name, c := range map[string]struct{ sending, getting bool }{
		"on the way there":   {sending: true},
		"on the way back":    {getting: true},
		"in both directions": {sending: true, getting: true},
	} {
		t.Run(name, func(t *testing.T) {
			checkLeaks(t)
			cut := newCutter()
			a, b := newTestNode(t, 1, quick, func(c *Config) { c.Dial = cut.dial }), newTestNode(t, 2, quick)
			introduceAll(a, b)
			a.waitLinked(b)
			b.waitLinked(a)
			start := time.Now()
			cut.cut(c.sending, c.getting)
			for _, n := range []struct{ from, to *testNode }{{a, b}, {b, a}} {
				require.Eventually(t, func() bool { return !n.from.Linked(n.to.id) }, within, time.Millisecond)
				n.from.check(func() { require.NotEmpty(t, n.from.unreachable) })
			}
			t.Logf("noticed by both after %v", time.Since(start))
			require.ErrorIs(t, a.SendForward(b.id, request(1)), ErrNotConnected)

			cut.cut(false, false)
			require.Eventually(t, func() bool { // a busy machine may break it again
				a.Send(b.id, []Message{heartbeat(77)})
				b.mu.Lock()
				defer b.mu.Unlock()
				return len(b.raft) > 0 && b.raft[len(b.raft)-1].SentAt == 77
			}, within, time.Millisecond)
		})
	}
}

func TestIdleLinkStaysUp(t *testing.T) {
	checkLeaks(t)
	a, b := pair(t, func(c *Config) { c.Timing.DeadAfter = 2 * time.Second })
	idle := time.NewTimer(5 * time.Second)
	<-idle.C // the promise is about time that passes
	a.check(func() { require.Empty(t, a.unreachable) })
	b.check(func() { require.Empty(t, b.unreachable) })
	require.EqualValues(t, 1, a.Stats().Peers[b.id].Connects)
}

func TestFullQueueDropsAndRefuses(t *testing.T) {
	checkLeaks(t)
	a, b := pair(t, func(c *Config) {
		c.Limits.RaftBytes, c.Limits.RaftMessages = 100_000, 1000
		c.Limits.ForwardBytes, c.Limits.ReplyBytes = 10_000, 10_000
	})
	p := a.peer(b.id)
	hold := make(chan struct{})
	b.onForward(func(cluster.NodeID, *ForwardRequest) { <-hold })
	t.Cleanup(func() { close(hold) })

	t.Run("Raft messages", func(t *testing.T) {
		p.mu.Lock() // nothing leaves meanwhile
		l := &p.lanes[frameRaft]
		msgs := make([]Message, 5000)
		for i := range msgs {
			msgs[i] = heartbeat(i)
		}
		done := make(chan struct{})
		go func() { defer close(done); a.Send(b.id, msgs) }()
		p.mu.Unlock()
		<-done
		dropped := a.Stats().Peers[b.id].MessagesDropped
		require.NotZero(t, dropped)
		b.waitFor("the rest", func() bool { return len(b.raft) == 5000-int(dropped) })
		b.check(func() {
			for i := range b.raft { // the first ones stayed, in order
				require.EqualValues(t, i, b.raft[i].SentAt)
			}
		})
		require.Eventually(t, func() bool { // the sender counts what has left a little after it has arrived
			p.mu.Lock()
			defer p.mu.Unlock()
			return l.bytes == 0 && l.count == 0
		}, within, time.Millisecond)
	})
	t.Run("one message of any size", func(t *testing.T) {
		a.Send(b.id, []Message{appendMessage(1, 1, 1<<20)})
		b.waitFor("it", func() bool { return len(b.raft[len(b.raft)-1].Raft.Entries) == 1 })
	})
	t.Run("requests", func(t *testing.T) {
		big := request(1)
		big.Args = append(big.Args, make([]byte, 4000))
		require.Eventually(t, func() bool { // until socket buffers and queue are full
			return errors.Is(a.SendForward(b.id, big), ErrQueueFull)
		}, within, time.Microsecond)
	})
	t.Run("requests that can never leave", func(t *testing.T) {
		huge := request(2)
		huge.Args = append(huge.Args, make([]byte, MaxRecordBytes))
		require.ErrorIs(t, a.SendForward(b.id, huge), ErrTooLarge)
	})
}

func TestReplyThatFindsNoRoomBecomesUnknown(t *testing.T) {
	checkLeaks(t)
	a, b := pair(t, func(c *Config) { c.Limits.ReplyBytes = 10_000 })
	p := b.peer(a.id)
	p.mu.Lock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 10 {
			b.SendForwardReply(a.id, &ForwardReply{ID: uint64(i), Status: ForwardOK, Reply: make([]byte, 4000)})
		}
	}()
	p.mu.Unlock()
	<-done
	a.waitFor("all replies", func() bool { return len(a.replies) == 10 })
	a.close()
	for i, r := range a.replies {
		require.EqualValues(t, i, r.ID)
		if r.Status == ForwardOK {
			require.Len(t, r.Reply, 4000)
		} else {
			require.Equal(t, ForwardUnknown, r.Status)
		}
	}
}

func TestOldMessagesAreNotSentAfterAnOutage(t *testing.T) {
	checkLeaks(t)
	cut := newCutter()
	cut.refuseDials(errors.New("no network"))
	a, b := newTestNode(t, 1, func(c *Config) { c.Dial = cut.dial }), newTestNode(t, 2)
	introduceAll(a, b)
	a.Send(b.id, []Message{heartbeat(1)})
	old := time.NewTimer(staleAfter + 10*time.Millisecond)
	<-old.C // the promise is about time that passes
	a.Send(b.id, []Message{heartbeat(2), heartbeat(3)})
	cut.refuseDials(nil)
	b.waitFor("the new messages", func() bool { return len(b.raft) == 2 })
	b.check(func() { require.EqualValues(t, 2, b.raft[0].SentAt) })
	require.EqualValues(t, 1, a.Stats().Peers[b.id].MessagesDropped)
}

func TestPeersFollowTheMap(t *testing.T) {
	checkLeaks(t)
	a, b, c := newTestNode(t, 1), newTestNode(t, 2), newTestNode(t, 3)
	introduceAll(a, b, c)
	a.waitLinked(b)
	a.waitLinked(c)

	// A peer that leaves is not dialed any more.
	a.SetPeers(map[cluster.NodeID]string{c.id: c.address()})
	a.waitFor("the end of the connection", func() bool { return len(a.unreachable) == 1 })
	a.check(func() { require.Equal(t, []cluster.NodeID{b.id}, a.unreachable) })
	a.Send(b.id, []Message{heartbeat(1)})
	require.ErrorIs(t, a.SendForward(b.id, request(1)), ErrNotConnected)

	// One that comes back at another address is found there.
	b.close()
	b.start("127.0.0.1:0")
	b.SetPeers(map[cluster.NodeID]string{a.id: a.address()})
	a.SetPeers(map[cluster.NodeID]string{c.id: c.address(), b.id: b.address()})
	a.waitLinked(b)

	// One that moves is followed.
	old := b.address()
	b.close()
	b.start("127.0.0.1:0")
	require.NotEqual(t, old, b.address())
	a.SetPeers(map[cluster.NodeID]string{c.id: c.address(), b.id: b.address()})
	b.SetPeers(map[cluster.NodeID]string{a.id: a.address()})
	a.waitLinked(b)
	require.EqualValues(t, 1, a.Stats().Peers[c.id].Connects, "the others are left alone")
}

func TestPeerIsFoundWhereItDialsFrom(t *testing.T) {
	checkLeaks(t)
	a, b := newTestNode(t, 1), newTestNode(t, 2)
	_, port := splitAddress(t, b.address())
	// The name leads nowhere yet, as that of a pod that just got a new IP address.
	a.SetPeers(map[cluster.NodeID]string{b.id: "restarted-pod.invalid:" + port})
	b.SetPeers(map[cluster.NodeID]string{a.id: a.address()})
	a.waitLinked(b)
	b.onSnapshot(func(_ context.Context, _ cluster.NodeID, _ SnapshotHeader, r io.Reader) error {
		_, err := io.Copy(io.Discard, r)
		return err
	})
	require.NoError(t, a.SendSnapshot(t.Context(), b.id, testHeader, bytes.NewReader(nil)))
}

// The peer may know that both connections are up before this side does: what it
// asks then is answered once this side has caught up.
func TestReplyWaitsForAConnectionThatIsBeingMade(t *testing.T) {
	checkLeaks(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	a := newTestNode(t, 1)
	a.onForward(func(from cluster.NodeID, r *ForwardRequest) {
		a.SendForwardReply(from, &ForwardReply{ID: r.ID, Status: ForwardOK})
	})
	a.SetPeers(map[cluster.NodeID]string{nodeID(9): listener.Addr().String()})
	back, err := listener.Accept() // a waits for the answer to its handshake
	require.NoError(t, err)
	defer back.Close()
	there, _ := rawStream(t, a, headers(nil))
	_, err = there.Write(sealed(frameRequests, 1, appendRequest(nil, request(5))))
	require.NoError(t, err)
	a.waitFor("the request", func() bool { return len(a.requests) == 1 })
	_, err = io.WriteString(back, "HTTP/1.1 101 x\r\nUpgrade: "+upgradeName+"\r\n"+headerProtocol+": 1\r\n"+
		headerSession+": 0011223344556677\r\n"+headerFrom+": "+string(nodeID(9))+"\r\n\r\n")
	require.NoError(t, err)
	r := bufio.NewReader(back)
	_, err = http.ReadRequest(r)
	require.NoError(t, err)
	require.NoError(t, back.SetReadDeadline(time.Now().Add(within)))
	frames := newFrameReader(r)
	for {
		f, payload, err := frames.next()
		require.NoError(t, err)
		if f.typ != frameReplies {
			continue
		}
		replies, err := decodeReplies(payload, f.count)
		require.NoError(t, err)
		require.Equal(t, []ForwardReply{{ID: 5, Status: ForwardOK, Reply: []byte{}}}, replies)
		return
	}
}
