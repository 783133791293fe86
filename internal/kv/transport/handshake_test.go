package transport

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// logBuffer collects a node's log.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func logTo(l *logBuffer) func(*Config) {
	return func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(l, nil)) }
}

func inCluster(id string) func(*Config) {
	return func(c *Config) { c.ClusterID = func() string { return id } }
}

func TestStrangersAreRefusedInClearWords(t *testing.T) {
	for name, c := range map[string]struct {
		clusterID string         // of the node that is dialed
		expect    cluster.NodeID // who the dialer thinks it is
		words     string
	}{
		"another cluster":        {"fedcba9876543210", nodeID(2), "this node belongs to cluster fedcba9876543210, not to"},
		"no cluster yet":         {"", nodeID(2), "this node belongs to no cluster yet"},
		"another node's address": {testCluster, nodeID(3), "expected node 00000003, but this is 00000002"},
	} {
		t.Run(name, func(t *testing.T) {
			checkLeaks(t)
			var logA, logB logBuffer
			a, b := newTestNode(t, 1, logTo(&logA)), newTestNode(t, 2, logTo(&logB), inCluster(c.clusterID))
			a.SetPeers(map[cluster.NodeID]string{c.expect: b.address()})
			a.Send(c.expect, []Message{heartbeat(1)})
			require.Eventually(t, func() bool { return b.Stats().Refused >= 3 }, within, time.Millisecond)
			a.close()
			b.close()
			require.Empty(t, a.connected)
			require.Empty(t, b.raft)
			for _, log := range []string{logA.String(), logB.String()} {
				require.Equal(t, 1, strings.Count(log, c.words), "one line, however often it is tried:\n%s", log)
			}
		})
	}
}

func TestNodeWithoutAClusterDialsNobody(t *testing.T) {
	checkLeaks(t)
	cut := newCutter()
	a, b := newTestNode(t, 1, inCluster(""), func(c *Config) { c.Dial = cut.dial }), newTestNode(t, 2)
	a.SetPeers(map[cluster.NodeID]string{b.id: b.address()})
	require.Eventually(t, func() bool { return a.Stats().Peers[b.id].DialFailures >= 3 }, within, time.Millisecond)
	a.close()
	require.Zero(t, cut.attempts)
}

func TestNodeThatDialsItselfNotices(t *testing.T) {
	checkLeaks(t)
	a := newTestNode(t, 1)
	a.SetPeers(map[cluster.NodeID]string{a.id: a.address()})
	require.Empty(t, a.Stats().Peers, "its own entry is no peer")
	require.Equal(t, http.StatusMisdirectedRequest, rawStatus(t, a, headers(map[string]string{headerFrom: string(a.id)})))
}

func TestMembersUnknownToAnOldMapAreHeard(t *testing.T) {
	checkLeaks(t)
	a, b := newTestNode(t, 1), newTestNode(t, 2)
	a.SetPeers(map[cluster.NodeID]string{b.id: b.address()})
	a.Send(b.id, []Message{heartbeat(1)})
	b.waitFor("the message", func() bool { return len(b.raft) == 1 })
	require.Contains(t, b.Stats().Peers, a.id)
	a.Close()
	require.Eventually(t, func() bool { return len(b.Stats().Peers) == 0 }, within, time.Millisecond, "and then forgotten")
}

var attempts atomic.Uint64

// headers returns those of a good request from node 9 to node 1, but for changes.
func headers(changes map[string]string) map[string]string {
	h := map[string]string{
		"Connection": "Upgrade", "Upgrade": upgradeName, headerProtocol: protocolVersion, headerCluster: testCluster,
		headerFrom: string(nodeID(9)), headerTo: string(nodeID(1)), headerSession: "0011223344556677",
		headerAttempt: fmt.Sprint(attempts.Add(1)),
	}
	for k, v := range changes {
		h[k] = v
	}
	return h
}

// rawStream sends a request for a stream and returns the connection and the status
// of the answer.
func rawStream(t *testing.T, n *testNode, h map[string]string) (net.Conn, int) {
	conn, err := net.Dial("tcp", n.address())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	request := "GET " + streamPath + " HTTP/1.1\r\nHost: test\r\n"
	for k, v := range h {
		request += k + ": " + v + "\r\n"
	}
	_, err = io.WriteString(conn, request+"\r\n")
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return conn, resp.StatusCode
}

func rawStatus(t *testing.T, n *testNode, h map[string]string) int {
	_, status := rawStream(t, n, h)
	return status
}

func TestHandshakesThatAreRefused(t *testing.T) {
	checkLeaks(t)
	a := newTestNode(t, 1)
	for name, c := range map[string]struct {
		change map[string]string
		status int
	}{
		"good":               {nil, http.StatusSwitchingProtocols},
		"two versions":       {map[string]string{headerProtocol: "2, 1"}, http.StatusSwitchingProtocols},
		"no upgrade":         {map[string]string{"Upgrade": "websocket"}, http.StatusBadRequest},
		"newer version":      {map[string]string{headerProtocol: "2"}, http.StatusUpgradeRequired},
		"no version":         {map[string]string{headerProtocol: ""}, http.StatusUpgradeRequired},
		"no node ID":         {map[string]string{headerFrom: ""}, http.StatusBadRequest},
		"node ID of no form": {map[string]string{headerFrom: strings.Repeat("Z", 40)}, http.StatusBadRequest},
		"long node ID":       {map[string]string{headerFrom: strings.Repeat("a", 400)}, http.StatusBadRequest},
		"no session":         {map[string]string{headerSession: ""}, http.StatusBadRequest},
		"no attempt":         {map[string]string{headerAttempt: ""}, http.StatusBadRequest},
		"no cluster":         {map[string]string{headerCluster: ""}, http.StatusForbidden},
		"another cluster":    {map[string]string{headerCluster: "x"}, http.StatusForbidden},
		"another node":       {map[string]string{headerTo: string(nodeID(2))}, http.StatusMisdirectedRequest},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.status, rawStatus(t, a, headers(c.change)))
		})
	}
}

func TestStreamsAreCapped(t *testing.T) {
	checkLeaks(t)
	a := newTestNode(t, 1, func(c *Config) { c.Limits.Streams, c.Timing.DeadAfter = 3, 3*time.Second })
	for i := range 3 {
		h := headers(map[string]string{headerFrom: string(nodeID(10 + i))})
		require.Equal(t, http.StatusSwitchingProtocols, rawStatus(t, a, h))
	}
	require.Equal(t, http.StatusServiceUnavailable, rawStatus(t, a, headers(nil)))
	require.Eventually(t, func() bool { return a.Stats().Streams == 0 }, within, time.Millisecond, "the silent ones are cut")
	require.Equal(t, http.StatusSwitchingProtocols, rawStatus(t, a, headers(nil)))
}

func TestNewConnectionOfAPeerReplacesTheOld(t *testing.T) {
	checkLeaks(t)
	a := newTestNode(t, 1)
	late := headers(nil)
	first, _ := rawStream(t, a, headers(nil))
	second, status := rawStream(t, a, headers(nil))
	require.Equal(t, http.StatusSwitchingProtocols, status)
	require.Equal(t, http.StatusConflict, rawStatus(t, a, late), "an attempt that was given up is looked at late")
	require.NoError(t, first.SetReadDeadline(time.Now().Add(within)))
	_, err := io.Copy(io.Discard, first)
	require.NoError(t, err, "the old one is closed")
	payload := encodeAll(t, []Message{heartbeat(5)})
	_, err = second.Write(sealed(frameRaft, 1, payload))
	require.NoError(t, err)
	a.waitFor("a message on the new one", func() bool { return len(a.raft) == 1 })
}

// Whatever a peer sends that is no frame: its connection is cut, nothing of it is
// handled, and the node goes on.
func TestGarbageCutsItsOwnConnectionOnly(t *testing.T) {
	checkLeaks(t)
	a, b := pair(t)
	noise := make([]byte, 100_000)
	rand.Read(noise)
	for name, bytes := range map[string][]byte{
		"noise":                 noise,
		"zeros":                 make([]byte, 1000),
		"another protocol":      []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"a good frame of junk":  sealed(frameRaft, 3, noise),
		"junk requests":         sealed(frameRequests, 3, noise[:500]),
		"junk replies":          sealed(frameReplies, 3, noise[:500]),
		"junk news":             sealed(frameLeading, 1, appendBytes(nil, []byte("{"))),
		"request of no command": sealed(frameRequests, 1, appendRequest(nil, &ForwardRequest{})),
	} {
		t.Run(name, func(t *testing.T) {
			h := headers(map[string]string{headerFrom: fmt.Sprintf("%040x", len(bytes))})
			conn, status := rawStream(t, a, h)
			require.Equal(t, http.StatusSwitchingProtocols, status)
			_, _ = conn.Write(bytes) // may be cut meanwhile
			require.NoError(t, conn.SetReadDeadline(time.Now().Add(within)))
			_, err := io.Copy(io.Discard, conn)
			require.False(t, err != nil && isTimeout(err), "the connection is cut")
		})
	}
	a.check(func() {
		require.Empty(t, a.raft)
		require.Empty(t, a.requests)
	})
	require.EqualValues(t, 1, a.Stats().Peers[b.id].Connects)
	b.Send(a.id, []Message{heartbeat(1)})
	a.waitFor("a message of the good peer", func() bool { return len(a.raft) == 1 })
}

func TestHalfAFrameIsGivenUp(t *testing.T) {
	checkLeaks(t)
	a := newTestNode(t, 1, quick)
	frame := sealed(frameRaft, 1, encodeAll(t, []Message{appendMessage(1, 1, 1000)}))
	start := time.Now()
	conn, _ := rawStream(t, a, headers(nil))
	_, err := conn.Write(frame[:len(frame)-1])
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, conn)
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(start), deadAfter)
	a.check(func() { require.Empty(t, a.raft) })
}

// The node that answers can be hostile, too.
func TestAnswersThatAreNoPeers(t *testing.T) {
	good := "HTTP/1.1 101 x\r\nUpgrade: " + upgradeName + "\r\n" + headerProtocol + ": 1\r\n" + headerSession + ": 0011223344556677\r\n"
	for name, answer := range map[string]string{
		"nothing":         "",
		"noise":           "\x00\x01\x02\x03\r\n\r\n",
		"endless headers": "HTTP/1.1 101 x\r\n" + strings.Repeat("A: b\r\n", 1<<20),
		"another upgrade": "HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n",
		"another node":    good + headerFrom + ": " + string(nodeID(5)) + "\r\n\r\n",
		"endless refusal": "HTTP/1.1 500 x\r\n\r\n" + strings.Repeat("no ", 1<<20),
		"then noise":      good + headerFrom + ": " + string(nodeID(2)) + "\r\n\r\n" + strings.Repeat("x", 100),
		"then messages": good + headerFrom + ": " + string(nodeID(2)) + "\r\n\r\n" +
			string(sealed(frameRaft, 1, encodeAll(t, []Message{heartbeat(1)}))),
	} {
		t.Run(name, func(t *testing.T) {
			checkLeaks(t)
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			var serving sync.WaitGroup
			t.Cleanup(func() { listener.Close(); serving.Wait() })
			serving.Go(func() {
				for {
					conn, err := listener.Accept()
					if err != nil {
						return
					}
					serving.Go(func() {
						defer conn.Close()
						if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
							_, _ = io.WriteString(conn, answer)
						}
					})
				}
			})
			a := newTestNode(t, 1, quick)
			a.SetPeers(map[cluster.NodeID]string{nodeID(2): listener.Addr().String()})
			require.Eventually(t, func() bool {
				s := a.Stats().Peers[nodeID(2)]
				return s.DialFailures+s.Broken >= 3
			}, within, time.Millisecond)
			a.check(func() { require.Empty(t, a.raft) })
		})
	}
}

// FuzzHandshake introduces itself in any words: it is let in or refused, and let in
// only as a node of this cluster that means this one.
func FuzzHandshake(f *testing.F) {
	good := headers(nil)
	f.Add(good[headerProtocol], good[headerCluster], good[headerFrom], good[headerTo], good[headerSession], good[headerAttempt])
	f.Add("1,2, 3", "", string(nodeID(1)), strings.Repeat("0", 40), strings.Repeat("f", 400), "-1")
	f.Add("1\x00", testCluster, strings.Repeat("\xff", 40), string(nodeID(1)), "0011223344556677", "18446744073709551616")
	transport := New(Config{Self: nodeID(1), ClusterID: func() string { return testCluster }, Logger: slog.New(slog.DiscardHandler)})
	f.Cleanup(transport.Close)
	f.Fuzz(func(t *testing.T, protocol, clusterID, from, to, session, attempt string) {
		h := http.Header{headerProtocol: {protocol}, headerCluster: {clusterID}, headerFrom: {from}, headerTo: {to}, headerSession: {session}, headerAttempt: {attempt}}
		c, why := transport.checkIntroduction(h)
		if why != nil {
			require.True(t, why.status >= 400 && why.status < 600)
			require.NotEmpty(t, why.reason)
			require.Less(t, len(why.reason), 1000, "what a stranger sends does not fill the log")
			return
		}
		require.Equal(t, []string{testCluster, string(nodeID(1))}, []string{clusterID, to})
		require.True(t, isNodeID(c.node) && c.node != nodeID(1) && isSession(c.session))
	})
}
