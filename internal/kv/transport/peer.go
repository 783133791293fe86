package transport

import (
	"context"
	"net"
	"slices"
	"sync"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// peer is what a node has with one other node: queues, the connection to it,
// which this node dials, and the connection from it, which the other one dialed.
//
// A request goes out on the first and its reply comes back on the second. So
// requests are taken only while both are up and end in the same process over
// there (linked), and when either breaks, what became of them is unknown.
type peer struct {
	t          *Transport
	id         cluster.NodeID
	counters   peerCounters
	complaints complaints    // of this node as the one that dials
	wake       chan struct{} // holds a token when a lane has something
	kick       chan struct{} // holds a token when dialing is worth a try at once

	mu      sync.Mutex
	address string             // "" while SetPeers does not name the peer; guarded by mu, as all below
	stop    context.CancelFunc // ends the dialing
	stopped chan struct{}      // closed when the dialing has ended; nil if never begun
	lanes   [frameTypes]lane   // by frame type
	out     *outStream         // nil while there is none
	in      *inStream          // nil while there is none
	latest  caller             // the last attempt of the peer to connect
	inside  int                // connections from the peer, those that come and go included
	told    bool               // the handler knows that the link broke, and no request was taken since
}

func newPeer(t *Transport, id cluster.NodeID) *peer {
	p := &peer{t: t, id: id, told: true, wake: make(chan struct{}, 1), kick: make(chan struct{}, 1)}
	l := &t.config.Limits
	p.lanes = [frameTypes]lane{
		frameRaft:     {typ: frameRaft, maxBytes: l.RaftBytes, maxCount: l.RaftMessages},
		frameRequests: {typ: frameRequests, maxBytes: l.ForwardBytes, maxCount: l.ForwardRequests},
		frameReplies:  {typ: frameReplies, maxBytes: l.ReplyBytes, maxCount: 1 << 20},
		frameLeading:  {typ: frameLeading, maxBytes: 4 << 20, maxCount: 1 << 12},
	}
	return p
}

// setAddress starts, moves or, with an empty address, ends the dialing.
// Transport.mu is held, so calls do not overlap.
func (p *peer) setAddress(address string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if address == p.address {
		return
	}
	if p.stop != nil {
		p.stop()
		p.stop = nil
	}
	p.address = address
	if address == "" {
		p.t.config.Logger.Info("peer left", "peer", p.id.Short())
		return
	}
	before := p.stopped
	ctx, cancel := context.WithCancel(p.t.ctx)
	done := make(chan struct{})
	p.stop, p.stopped = cancel, done
	p.t.tasks.Go(func() { // Transport.mu is held and it is not closed
		defer close(done)
		defer cancel()
		if before != nil {
			<-before
		}
		p.dialLoop(ctx, address)
	})
}

// idle tells whether nothing needs the peer any more.
func (p *peer) idle() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.address == "" && p.inside == 0
}

// entering counts connections from the peer that are being set up, are up or end.
func (p *peer) entering(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inside += n
}

// linked tells whether requests can go out and replies come back. p.mu is held.
func (p *peer) linked() bool {
	return p.out != nil && p.in != nil && p.out.session == p.in.session
}

// setOut notes that the connection to the peer is up.
func (p *peer) setOut(s *outStream) {
	p.mu.Lock()
	p.out, p.told = s, false
	p.mu.Unlock()
	p.counters.connects.Add(1)
}

// clearOut notes that the connection to the peer broke.
func (p *peer) clearOut() {
	p.mu.Lock()
	tell := !p.told
	p.out, p.told = nil, true
	p.dropRequests()
	p.counters.messagesDropped.Add(uint64(p.lanes[frameRaft].clear()))
	p.lanes[frameLeading].clear()
	p.mu.Unlock()
	p.counters.broken.Add(1)
	if tell {
		p.unreachable()
	}
}

// setIn notes that the peer has connected. Another connection from it that is
// still there is a dead one, and is closed; what has arrived on it is handled
// before anything of the new one. It returns false if that other one is younger.
func (p *peer) setIn(s *inStream) bool {
	p.mu.Lock()
	for p.in != nil {
		old := p.in
		if old.session == s.session && old.attempt > s.attempt {
			p.mu.Unlock()
			return false
		}
		p.mu.Unlock()
		old.conn.Close()
		<-old.done
		p.mu.Lock()
	}
	p.in = s
	if p.linked() {
		p.told = false
	}
	p.mu.Unlock()
	select {
	case p.kick <- struct{}{}: // it lives: dial it now, whatever the backoff says
	default:
	}
	return true
}

// isLatest tells whether the peer has not come with a later attempt to connect
// before, and remembers this one.
func (p *peer) isLatest(c caller) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.session == p.latest.session && c.attempt < p.latest.attempt {
		return false
	}
	p.latest = c
	return true
}

// clearIn notes that a connection from the peer broke.
func (p *peer) clearIn(s *inStream) {
	p.mu.Lock()
	if p.in != s {
		p.mu.Unlock()
		return
	}
	linked := p.linked()
	tell := linked && !p.told
	p.in = nil
	if linked {
		p.told = true
		p.dropRequests()
	}
	p.mu.Unlock()
	if tell {
		p.unreachable()
	}
}

// dropRequests empties the lanes that a broken link makes pointless. Both sides
// know: here through Unreachable, there too. p.mu is held.
func (p *peer) dropRequests() {
	p.lanes[frameRequests].clear()
	p.counters.repliesDropped.Add(uint64(p.lanes[frameReplies].clear()))
}

// observed returns where the peer was last seen dialing from, with the port of
// address, or "" if it is not connected: when a pod has come back with another IP
// address, its name may lead to the old one for a while.
func (p *peer) observed(address string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.in == nil {
		return ""
	}
	host, _, err := net.SplitHostPort(p.in.conn.RemoteAddr().String())
	if err != nil {
		return ""
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	return net.JoinHostPort(host, port)
}

func (p *peer) unreachable() {
	if p.t.ctx.Err() == nil {
		p.t.config.Handler.Unreachable(p.id)
	}
}

func (p *peer) wakeWriter() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// staleAfter is how long Raft messages wait for a connection that is not there.
const staleAfter = 500 * time.Millisecond

func (p *peer) sendRaft(msgs []Message) {
	if len(msgs) == 0 {
		return
	}
	dropped := 0
	p.mu.Lock()
	l := &p.lanes[frameRaft]
	if p.out == nil && len(l.frames) > 0 && time.Since(l.since) > staleAfter {
		dropped += l.clear()
	}
	for i := range msgs {
		m := &msgs[i]
		size := raftSize(m)
		if p.address == "" || l.full(size) || !fits(m.Raft, size) {
			dropped++
			continue
		}
		f := l.room(size)
		before := len(f.buf)
		buf, err := appendRaft(f.buf, m)
		if err != nil { // protobuf that does not encode: nothing that the library makes
			f.buf = f.buf[:before]
			dropped++
			continue
		}
		f.buf = buf
		l.add(f, before, len(m.Raft.Entries))
	}
	p.mu.Unlock()
	if dropped > 0 {
		p.counters.messagesDropped.Add(uint64(dropped))
	}
	p.wakeWriter()
}

// fits tells whether a message of that size is within what a receiver takes.
func fits(m *raftpb.Message, size int) bool {
	if !isCompact(m) {
		return size <= maxProtobufBytes
	}
	return size <= MaxRecordBytes && len(m.Entries) <= maxRecordEntries
}

func (p *peer) sendForward(req *ForwardRequest) error {
	err := p.queueForward(req)
	if err != nil {
		p.counters.forwardsRefused.Add(1)
		return err
	}
	p.wakeWriter()
	return nil
}

func (p *peer) queueForward(req *ForwardRequest) error {
	size := requestSize(req)
	if size > MaxRecordBytes || len(req.Args) > maxRecordArgs {
		return ErrTooLarge
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	l := &p.lanes[frameRequests]
	switch {
	case !p.linked():
		return ErrNotConnected
	case l.full(size):
		return ErrQueueFull
	}
	f := l.room(size)
	before := len(f.buf)
	f.buf = appendRequest(f.buf, req)
	l.add(f, before, len(req.Args))
	return nil
}

func (p *peer) sendReply(reply *ForwardReply) {
	p.mu.Lock()
	// The peer may count on a connection that this side has not taken up yet, so
	// a reply waits for one as long as the peer's own connection is there.
	if p.address == "" || p.out == nil && p.in == nil {
		p.mu.Unlock()
		p.counters.repliesDropped.Add(1)
		return
	}
	l := &p.lanes[frameReplies]
	size := replySize(reply)
	if size > MaxRecordBytes || l.full(size) {
		p.counters.repliesDropped.Add(1)
		reply = &ForwardReply{ID: reply.ID, Status: ForwardUnknown}
		size = replySize(reply)
	}
	f := l.room(size)
	before := len(f.buf)
	f.buf = appendReply(f.buf, reply)
	l.add(f, before, 0)
	p.mu.Unlock()
	p.wakeWriter()
}

// newsPerRecord keeps a record of news far below maxLeadingBytes.
const newsPerRecord = 128

func (p *peer) sendLeading(news []cluster.Leadership) {
	for part := range slices.Chunk(news, newsPerRecord) {
		if err := p.queueLeading(part); err != nil {
			p.t.config.Logger.Error("news of leaders not sent", "error", err)
			return
		}
	}
	p.wakeWriter()
}

func (p *peer) queueLeading(news []cluster.Leadership) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := &p.lanes[frameLeading]
	size := 512 * len(news) // about: only the bound of the queue depends on it
	if p.out == nil || l.full(size) {
		return nil
	}
	f := l.room(size)
	before := len(f.buf)
	buf, err := appendLeading(f.buf, news)
	if err != nil {
		return err
	}
	f.buf = buf
	l.add(f, before, 0)
	return nil
}
