package transport

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// Transport is one node's connections to its peers. Its methods are safe for
// concurrent use.
type Transport struct {
	config  Config
	session string // of this process: a peer can tell a restart from a reconnect

	ctx    context.Context // ends when Close begins
	cancel context.CancelFunc
	tasks  sync.WaitGroup // everything that calls Handler; see begin

	mu      sync.RWMutex
	closed  bool                     // guarded by mu
	peers   map[cluster.NodeID]*peer // guarded by mu; those of SetPeers, and those that dialed this node
	streams int                      // connections from peers; guarded by mu

	attempts    atomic.Uint64 // to reach any peer; see headerAttempt
	refused     atomic.Uint64
	unknownPeer atomic.Uint64
	complaints  complaints // of this node as the one that is dialed

	snapshots    snapshotCounters
	snapshotRate *rateLimit
	sending      chan struct{} // holds one token for each snapshot being sent
	receiving    chan struct{} // and for each being received
}

// New returns a Transport that has no peers yet. It must be closed.
func New(c Config) *Transport {
	c.setDefaults()
	t := &Transport{
		config:       c,
		session:      newSession(),
		peers:        map[cluster.NodeID]*peer{},
		snapshotRate: newRateLimit(),
		sending:      make(chan struct{}, c.Limits.SnapshotsOut),
		receiving:    make(chan struct{}, c.Limits.SnapshotsIn),
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t
}

func newSession() string {
	b := make([]byte, 8)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// SetPeers tells which nodes there are, by their addresses (host:port). It
// replaces what an earlier call said: connections to nodes that are no longer
// named are closed, a node with a new address is dialed there. An entry for this
// node itself is ignored. It never blocks.
func (t *Transport) SetPeers(addresses map[cluster.NodeID]string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	for id, p := range t.peers {
		if _, ok := addresses[id]; !ok {
			p.setAddress("")
			t.forgetLocked(p)
		}
	}
	for id, address := range addresses {
		if id == t.config.Self || address == "" {
			continue
		}
		t.peerLocked(id).setAddress(address)
	}
}

// peerLocked returns the peer with that ID, making it if needed.
func (t *Transport) peerLocked(id cluster.NodeID) *peer {
	p := t.peers[id]
	if p == nil {
		p = newPeer(t, id)
		t.peers[id] = p
	}
	return p
}

// forgetLocked removes a peer that nothing needs any more.
func (t *Transport) forgetLocked(p *peer) {
	if t.peers[p.id] == p && p.idle() {
		delete(t.peers, p.id)
	}
}

// peer returns the peer with that ID, or nil.
func (t *Transport) peer(id cluster.NodeID) *peer {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.peers[id]
}

// begin counts a task that Close waits for. It returns false when the transport
// is closed.
func (t *Transport) begin() bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.closed {
		return false
	}
	t.tasks.Add(1)
	return true
}

// Send queues Raft messages for a peer. It never blocks and keeps nothing of
// msgs. Messages that find no room are dropped, and so are those to a node that
// SetPeers did not name; what was queued while there is no connection is
// dropped after a moment, since Raft has newer by then.
func (t *Transport) Send(to cluster.NodeID, msgs []Message) {
	if p := t.peer(to); p != nil {
		p.sendRaft(msgs)
		return
	}
	t.unknownPeer.Add(uint64(len(msgs)))
}

// Linked tells whether a peer can be reached and can answer: whether requests can be
// forwarded to it.
func (t *Transport) Linked(to cluster.NodeID) bool {
	p := t.peer(to)
	if p == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.linked()
}

// SendForward queues a request for a peer, and keeps nothing of it. An error
// (ErrNotConnected, ErrQueueFull, ErrTooLarge, ErrClosed) means that it did not
// leave and never will. Otherwise Handler.ForwardReply or Handler.Unreachable
// follows, or the peer is slower than the caller wants to wait.
func (t *Transport) SendForward(to cluster.NodeID, req *ForwardRequest) error {
	if t.ctx.Err() != nil {
		return ErrClosed
	}
	if p := t.peer(to); p != nil {
		return p.sendForward(req)
	}
	return ErrNotConnected
}

// SendForwardReply queues the answer to a request, and keeps nothing of it. If
// there is no room for it, the peer is told that the outcome is unknown. If there
// is no connection, it is dropped: the peer knows that the link broke.
func (t *Transport) SendForwardReply(to cluster.NodeID, reply *ForwardReply) {
	if p := t.peer(to); p != nil {
		p.sendReply(reply)
	}
}

// SendLeading queues news of who leads what for a peer, or, with to empty, for
// all. News for a peer that is not connected are dropped: Handler.Connected is
// the moment to repeat them.
func (t *Transport) SendLeading(to cluster.NodeID, news []cluster.Leadership) {
	if len(news) == 0 {
		return
	}
	if to != "" {
		if p := t.peer(to); p != nil {
			p.sendLeading(news)
		}
		return
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, p := range t.peers {
		p.sendLeading(news)
	}
}

// Handler serves what peers ask for: the paths /peer/stream and /peer/snapshot.
func (t *Transport) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(streamPath, t.serveStream)
	mux.HandleFunc(snapshotPath, t.serveSnapshot)
	return mux
}

// Close closes all connections and waits for everything under way, calls of
// Handler included. What was queued and not sent is lost.
func (t *Transport) Close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.cancel()
	t.tasks.Wait()
}
