package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

const testCluster = "0123456789abcdef"

// within is how long a test waits for what must happen.
const within = time.Minute

// steadyTiming reconnects soon and bears a machine that is busy with other tests.
var steadyTiming = Timing{
	RetryMin: 5 * time.Millisecond, RetryMax: 100 * time.Millisecond,
	BeatInterval: 50 * time.Millisecond, DeadAfter: 10 * time.Second, HandshakeTimeout: 10 * time.Second,
}

// deadAfter is how soon quick nodes notice a dead link.
const deadAfter = 500 * time.Millisecond

func quick(c *Config) { c.Timing.DeadAfter, c.Timing.HandshakeTimeout = deadAfter, deadAfter }

func nodeID(i int) cluster.NodeID { return cluster.NodeID(fmt.Sprintf("%08x%032x", i, i)) }

// testNode is a Transport, its peer port, and a handler that remembers.
type testNode struct {
	*Transport
	t        *testing.T
	id       cluster.NodeID
	config   Config
	listener net.Listener
	server   *http.Server
	served   sync.WaitGroup

	mu          sync.Mutex
	changed     chan struct{} // closed and replaced at every call
	raft        []Message
	requests    []*ForwardRequest
	replies     []*ForwardReply
	leading     []cluster.Leadership
	connected   []cluster.NodeID
	unreachable []cluster.NodeID

	forward  func(from cluster.NodeID, r *ForwardRequest)
	snapshot func(ctx context.Context, from cluster.NodeID, h SnapshotHeader, body io.Reader) error
}

// newTestNode starts node i, which knows no peers. The test must be inside
// checkLeaks.
func newTestNode(t *testing.T, i int, change ...func(*Config)) *testNode {
	n := &testNode{t: t, id: nodeID(i), changed: make(chan struct{})}
	n.config = Config{
		Self: n.id, ClusterID: func() string { return testCluster }, Handler: n, Timing: steadyTiming,
		Logger: slog.New(slog.NewTextHandler(testWriter{t}, nil)),
	}
	for _, f := range change {
		f(&n.config)
	}
	n.start("127.0.0.1:0")
	t.Cleanup(n.close)
	return n
}

func (n *testNode) start(address string) {
	var err error
	n.listener, err = net.Listen("tcp", address)
	require.NoError(n.t, err)
	n.Transport = New(n.config)
	n.server = &http.Server{Handler: n.Handler(), ReadHeaderTimeout: 5 * time.Second}
	n.served.Go(func() { _ = n.server.Serve(n.listener) })
}

func (n *testNode) close() {
	n.Close()
	n.server.Close()
	n.served.Wait()
}

// restart closes the node and starts it again at the same address, as another
// process would.
func (n *testNode) restart() {
	address := n.address()
	n.close()
	n.start(address)
}

func (n *testNode) address() string { return n.listener.Addr().String() }

// introduceAll makes all nodes peers of each other.
func introduceAll(nodes ...*testNode) {
	all := map[cluster.NodeID]string{}
	for _, n := range nodes {
		all[n.id] = n.address()
	}
	for _, n := range nodes {
		n.SetPeers(all)
	}
}

// pair returns two nodes that are linked.
func pair(t *testing.T, change ...func(*Config)) (a, b *testNode) {
	a, b = newTestNode(t, 1, change...), newTestNode(t, 2, change...)
	introduceAll(a, b)
	a.waitLinked(b)
	b.waitLinked(a)
	return a, b
}

func (n *testNode) waitLinked(to *testNode) {
	n.t.Helper()
	require.Eventually(n.t, func() bool { return n.Stats().Peers[to.id].Linked }, within, time.Millisecond)
}

// waitFor waits until condition, which is asked with n.mu held, holds.
func (n *testNode) waitFor(what string, condition func() bool) {
	n.t.Helper()
	deadline := time.After(within)
	for {
		n.mu.Lock()
		ok, changed := condition(), n.changed
		n.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			n.t.Fatalf("waited too long for %s", what)
		}
	}
}

// check looks at what the handler has got.
func (n *testNode) check(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
}

func (n *testNode) note(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
	close(n.changed)
	n.changed = make(chan struct{})
}

func (n *testNode) Raft(_ cluster.NodeID, msgs []Message) {
	n.note(func() { n.raft = append(n.raft, msgs...) })
}

func (n *testNode) Forward(from cluster.NodeID, r *ForwardRequest) {
	var f func(cluster.NodeID, *ForwardRequest)
	n.note(func() { n.requests, f = append(n.requests, r), n.forward })
	if f != nil {
		f(from, r)
	}
}

func (n *testNode) ForwardReply(_ cluster.NodeID, r *ForwardReply) {
	n.note(func() { n.replies = append(n.replies, r) })
}

func (n *testNode) Leading(_ cluster.NodeID, news []cluster.Leadership) {
	n.note(func() { n.leading = append(n.leading, news...) })
}

func (n *testNode) Connected(to cluster.NodeID) {
	n.note(func() { n.connected = append(n.connected, to) })
}

func (n *testNode) Unreachable(to cluster.NodeID) {
	n.note(func() { n.unreachable = append(n.unreachable, to) })
}

func (n *testNode) Snapshot(ctx context.Context, from cluster.NodeID, h SnapshotHeader, body io.Reader) error {
	n.mu.Lock()
	f := n.snapshot
	n.mu.Unlock()
	if f == nil {
		return errors.New("no snapshots here")
	}
	return f(ctx, from, h, body)
}

// onForward sets what answers requests.
func (n *testNode) onForward(f func(from cluster.NodeID, r *ForwardRequest)) {
	n.note(func() { n.forward = f })
}

// onSnapshot sets what takes snapshots.
func (n *testNode) onSnapshot(f func(ctx context.Context, from cluster.NodeID, h SnapshotHeader, body io.Reader) error) {
	n.note(func() { n.snapshot = f })
}

// testWriter logs through the test.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

// checkLeaks fails the test if goroutines of this package outlive it.
func checkLeaks(t *testing.T) {
	t.Helper()
	t.Cleanup(func() { // runs after the cleanups that are registered later
		var left []string
		for end := time.Now().Add(within); ; time.Sleep(time.Millisecond) {
			if left = ourGoroutines(); len(left) == 0 {
				return
			}
			if time.Now().After(end) {
				break
			}
		}
		t.Errorf("%d goroutines are left:\n%s", len(left), strings.Join(left, "\n\n"))
	})
}

// ourGoroutines returns the stacks that run through this package, those of the
// test functions themselves excepted, or through an HTTP client or server.
func ourGoroutines() []string {
	buf := make([]byte, 1<<20)
	stacks := strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
	return slices.DeleteFunc(stacks, func(s string) bool {
		ours := strings.Contains(s, "kv/transport.") || strings.Contains(s, "net/http.")
		return !ours || strings.Contains(s, "testing.tRunner") || strings.Contains(s, "testing.(*F)")
	})
}

// heartbeat is a small message that can be told from others.
func heartbeat(i int) Message {
	return Message{Partition: uint32(i % 64), SentAt: int64(i), Raft: &raftpb.Message{
		Type: raftpb.MsgHeartbeat.Enum(), To: new(uint64(2)), From: new(uint64(1)), Term: new(uint64(7)), Commit: new(uint64(i)),
	}}
}

// appendMessage is a MsgApp with entries of that size.
func appendMessage(i, entries, size int) Message {
	m := Message{Partition: uint32(i % 64), Raft: &raftpb.Message{
		Type: raftpb.MsgApp.Enum(), To: new(uint64(2)), From: new(uint64(1)), Term: new(uint64(7)),
		LogTerm: new(uint64(6)), Index: new(uint64(i)), Commit: new(uint64(i)),
	}}
	for j := range entries {
		m.Raft.Entries = append(m.Raft.Entries, &raftpb.Entry{
			Term: new(uint64(7)), Index: new(uint64(i + j + 1)), Type: raftpb.EntryNormal.Enum(), Data: make([]byte, size),
		})
	}
	return m
}

func splitAddress(t *testing.T, address string) (host, port string) {
	host, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	return host, port
}
