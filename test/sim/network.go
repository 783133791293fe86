package sim

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/transport"
)

// network carries frames between processes. A connection behaves like TCP: what is
// sent on it arrives in order, or the connection breaks. Raft messages can be lost,
// doubled and overtaken on top of that, which Raft allows.
type network struct {
	w     *world
	cut   map[[2]string]int64 // from, to: nothing passes before this time
	loss  float64             // of Raft frames
	chaos float64             // chance of a Raft frame to be doubled or to come late
}

const (
	deadAfter    = 2 * time.Second // of silence, a connection is given up
	keepInterval = 50 * time.Millisecond
)

// wire is a node's transport.
type wire struct {
	p      *process
	config transport.Config
	peers  map[cluster.NodeID]*peer
	closed bool
}

// peer is what a node has with another one.
type peer struct {
	id      cluster.NodeID
	address string  // "": not one of SetPeers
	out, in *stream // nil: no connection
	told    bool    // that requests may be lost
	retryAt int64
}

// stream is a connection in one direction.
type stream struct {
	from, to *process
	dead     bool
	healthy  int64 // when it last was
	last     int64 // arrival of the last frame
	queue    [][]byte
}

func (n *network) join(p *process, c transport.Config) *wire {
	p.wire = &wire{p: p, config: c, peers: map[cluster.NodeID]*peer{}}
	var keep func()
	keep = func() {
		p.wire.keep()
		n.w.after(keepInterval, p, keep)
	}
	n.w.after(keepInterval, p, keep)
	return p.wire
}

func (n *network) blocked(from, to string) bool { return n.cut[[2]string{from, to}] > n.w.now }

// passes tells whether packets get from a to b and back, and both would answer.
func (n *network) passes(a, b *process) bool {
	return !a.dead && !b.dead && a.stoppedUntil < n.w.now && b.stoppedUntil < n.w.now &&
		!n.blocked(a.m.name, b.m.name) && !n.blocked(b.m.name, a.m.name)
}

func (p *peer) linked() bool { return p.out != nil && p.in != nil }

// SetPeers implements node.Transport.
func (t *wire) SetPeers(addresses map[cluster.NodeID]string) {
	for _, id := range slices.Sorted(maps.Keys(t.peers)) {
		if addresses[id] == "" {
			t.peers[id].address = ""
			if s := t.peers[id].out; s != nil {
				t.p.w.after(0, nil, s.tear)
			}
		}
	}
	for id, address := range addresses {
		if id != t.config.Self && address != "" {
			t.peer(id).address = address
		}
	}
}

func (t *wire) peer(id cluster.NodeID) *peer {
	if t.peers[id] == nil {
		t.peers[id] = &peer{id: id}
	}
	return t.peers[id]
}

// keep connects to peers and gives up connections that are silent.
func (t *wire) keep() {
	w := t.p.w
	for _, id := range slices.Sorted(maps.Keys(t.peers)) {
		p := t.peers[id]
		if s := p.out; s != nil {
			if w.network.passes(s.from, s.to) {
				s.healthy = w.now
			} else if w.now-s.healthy > int64(deadAfter) {
				s.tear()
			}
			continue
		}
		if p.address == "" || w.now < p.retryAt || t.closed {
			continue
		}
		p.retryAt = w.now + int64(between(w.random("dial"), 100*time.Millisecond, time.Second))
		t.dial(p)
	}
}

// dial connects, if the peer is there and knows the cluster.
func (t *wire) dial(p *peer) {
	w := t.p.w
	m := w.machine(p.address)
	if m == nil || m.process == nil || m.process.node == nil || m.process.node.ID() != p.id || m.process.wire.closed {
		return
	}
	q := m.process
	if mine := t.config.ClusterID(); mine == "" || mine != q.wire.config.ClusterID() || !w.network.passes(t.p, q) {
		return
	}
	back := q.wire.peer(t.config.Self)
	if back.in != nil {
		back.in.tear()
	}
	s := &stream{from: t.p, to: q, healthy: w.now}
	p.out, back.in = s, s
	for _, end := range []*peer{p, back} {
		if end.linked() {
			end.told = false
		}
	}
	back.retryAt = 0
	t.config.Handler.Connected(p.id)
}

// tear breaks the connection for both ends.
func (s *stream) tear() {
	if s.dead {
		return
	}
	s.dead = true
	s.queue = nil
	w := s.from.w
	if p := s.from.wire.peers[s.to.wire.config.Self]; p != nil && p.out == s {
		linked := p.linked()
		p.out = nil
		p.lost(w, s.from, linked)
	}
	if p := s.to.wire.peers[s.from.wire.config.Self]; p != nil && p.in == s {
		linked := p.linked()
		p.in = nil
		p.lost(w, s.to, linked)
	}
}

// lost tells the node once that requests on the link may be lost.
func (p *peer) lost(w *world, owner *process, linked bool) {
	if linked && !p.told {
		p.told = true
		id := p.id
		w.after(between(w.random("dial"), 0, 20*time.Millisecond), owner, func() { owner.wire.config.Handler.Unreachable(id) })
	}
}

// ended tears the connections of a process that is no more.
func (n *network) ended(p *process) {
	if p.wire == nil {
		return
	}
	p.wire.closed = true
	for _, id := range slices.Sorted(maps.Keys(p.wire.peers)) {
		for _, s := range []*stream{p.wire.peers[id].out, p.wire.peers[id].in} {
			if s != nil {
				n.w.after(between(n.w.random("dial"), time.Millisecond, 20*time.Millisecond), nil, s.tear)
			}
		}
	}
}

// send puts a frame on the way. Raft frames may be lost, doubled or overtaken.
func (s *stream) send(frame []byte, raft bool) {
	n := s.from.w.network
	random := n.w.random("net " + s.from.m.name + " " + s.to.m.name)
	delay := between(random, 100*time.Microsecond, 2*time.Millisecond)
	if random.IntN(20) == 0 {
		delay *= 10
	}
	if raft {
		if random.Float64() < n.loss {
			return
		}
		if random.Float64() < n.chaos {
			n.w.after(between(random, 0, 300*time.Millisecond), s.to, func() { s.arrive(bytes.Clone(frame)) })
			if random.IntN(2) == 0 {
				return
			}
		}
	}
	s.last = max(s.last+1, n.w.now+int64(delay))
	s.queue = append(s.queue, frame)
	n.w.at(s.last, s.to, s.pump)
}

// pump lets the first frame of the queue arrive, if the line is up.
func (s *stream) pump() {
	n := s.from.w.network
	if s.dead || len(s.queue) == 0 {
		return
	}
	if n.blocked(s.from.m.name, s.to.m.name) {
		n.w.after(keepInterval, s.to, s.pump)
		return
	}
	frame := s.queue[0]
	s.queue = s.queue[1:]
	s.arrive(frame)
}

func (s *stream) arrive(frame []byte) {
	n := s.from.w.network
	if s.dead || s.to.wire.closed || n.blocked(s.from.m.name, s.to.m.name) {
		return
	}
	n.w.trace.Write(frame)
	if err := transport.Deliver(s.to.wire.config.Handler, s.from.wire.config.Self, frame); err != nil {
		n.w.fail("a frame from %s to %s cannot be read: %v", s.from.m.name, s.to.m.name, err)
	}
}

// open returns the connection to a node, or nil. A machine that has just gone down
// sends nothing any more.
func (t *wire) open(to cluster.NodeID) *stream {
	if p := t.peers[to]; p != nil && !t.closed && !t.p.m.fs.Stopped() {
		return p.out
	}
	return nil
}

// Send implements node.Transport.
func (t *wire) Send(to cluster.NodeID, msgs []transport.Message) {
	for i := range msgs {
		switch msgs[i].Raft.GetType() {
		case raftpb.MsgHeartbeat, raftpb.MsgApp:
			t.p.w.oracle.leads(t.p, msgs[i].Partition, msgs[i].Raft.GetTerm(), msgs[i].Raft.GetFrom())
		}
	}
	if s := t.open(to); s != nil {
		for _, f := range transport.EncodeRaft(msgs) {
			s.send(f, true)
		}
	}
}

// SendForward implements node.Transport.
func (t *wire) SendForward(to cluster.NodeID, req *transport.ForwardRequest) error {
	s := t.open(to)
	if !t.Linked(to) {
		return transport.ErrNotConnected
	}
	f, err := transport.EncodeForward(req)
	if err == nil {
		s.send(f, false)
	}
	return err
}

// SendForwardReply implements node.Transport.
func (t *wire) SendForwardReply(to cluster.NodeID, reply *transport.ForwardReply) {
	if s := t.open(to); s != nil {
		s.send(transport.EncodeForwardReply(reply), false)
	}
}

// SendLeading implements node.Transport.
func (t *wire) SendLeading(to cluster.NodeID, news []cluster.Leadership) {
	ids := []cluster.NodeID{to}
	if to == "" {
		ids = slices.Sorted(maps.Keys(t.peers))
	}
	for _, id := range ids {
		if s := t.open(id); s != nil {
			for _, f := range transport.EncodeLeading(news) {
				s.send(f, false)
			}
		}
	}
}

// SendSnapshot implements node.Transport. It is called by a task.
func (t *wire) SendSnapshot(ctx context.Context, to cluster.NodeID, header transport.SnapshotHeader, body io.Reader) error {
	w := t.p.w
	encoded, err := transport.EncodeSnapshot(&header, body)
	if err != nil {
		return err
	}
	content, err := io.ReadAll(encoded)
	if err != nil {
		return err
	}
	self, task := t.p, w.task
	err = errors.New("no answer")
	settled := false
	settle := func(verdict error) {
		if !settled {
			settled, err = true, verdict
			task.resume()
		}
	}
	w.after(10*time.Second, self, func() { settle(errors.New("the receiver does not answer")) })
	arrival := between(w.random("snapshots"), time.Millisecond, 50*time.Millisecond) + time.Duration(len(content))*100*time.Nanosecond
	w.after(arrival, nil, func() {
		p := t.peers[to]
		if p == nil || self.dead || w.machine(p.address) == nil {
			return
		}
		q := w.machine(p.address).process
		if q == nil || q.node == nil || q.node.ID() != to || !w.network.passes(self, q) {
			w.after(0, self, func() { settle(errDown) })
			return
		}
		w.after(0, q, func() {
			q.begin(func() {
				h, in, err := transport.DecodeSnapshot(bytes.NewReader(content))
				if err == nil {
					err = q.wire.config.Handler.Snapshot(ctx, t.config.Self, h, in)
				}
				w.after(time.Millisecond, self, func() { settle(err) })
			})
		})
	})
	task.park()
	return err
}

// Linked implements node.Transport.
func (t *wire) Linked(to cluster.NodeID) bool { return t.open(to) != nil && t.peers[to].linked() }

// SetSnapshotRate implements node.Transport.
func (t *wire) SetSnapshotRate(int64) {}

// Stats implements node.Transport.
func (t *wire) Stats() transport.Stats { return transport.Stats{} }

// Handler implements node.Transport.
func (t *wire) Handler() http.Handler { return http.NotFoundHandler() }

// Close implements node.Transport.
func (t *wire) Close() { t.p.w.network.ended(t.p) }

func (w *world) machine(name string) *machine {
	for _, m := range w.machines {
		if m.name == name {
			return m
		}
	}
	return nil
}
