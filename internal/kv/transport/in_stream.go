package transport

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// inStream is a connection that a peer dialed, on which this node receives. All
// that it sends back are beats.
type inStream struct {
	p       *peer
	conn    net.Conn
	session string // of the process that dialed
	attempt uint64 // of that process
	since   time.Time
	done    chan struct{} // closed when nothing of it will be handled any more
}

// serveStream answers GET /peer/stream.
func (t *Transport) serveStream(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || !strings.EqualFold(r.Header.Get("Upgrade"), upgradeName) {
		t.answerRefusal(w, r, "", refuse(http.StatusBadRequest, "%s wants GET with Upgrade: %s", streamPath, upgradeName))
		return
	}
	from, why := t.checkIntroduction(r.Header)
	if why == nil && !t.begin() {
		why = refuse(http.StatusServiceUnavailable, "this node is stopping")
	}
	if why != nil {
		t.answerRefusal(w, r, from.node, why)
		return
	}
	defer t.tasks.Done()
	p := t.enter(from.node)
	if p == nil {
		t.answerRefusal(w, r, from.node, refuse(http.StatusServiceUnavailable, "there are %d connections from peers already", t.config.Limits.Streams))
		return
	}
	defer t.leave(p)
	if !p.isLatest(from) {
		t.answerRefusal(w, r, from.node, refuse(http.StatusConflict, "there is a later attempt"))
		return
	}
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.answerRefusal(w, r, from.node, refuse(http.StatusBadRequest, "the connection cannot be taken over: %v", err))
		return
	}
	defer conn.Close()
	s := &inStream{p: p, conn: conn, session: from.session, attempt: from.attempt, since: time.Now(), done: make(chan struct{})}
	s.run(rw.Reader)
}

// enter makes room for a connection from a peer. It returns nil if there is none.
func (t *Transport) enter(from cluster.NodeID) *peer {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.streams >= t.config.Limits.Streams {
		return nil
	}
	t.streams++
	p := t.peerLocked(from)
	p.entering(+1)
	return p
}

func (t *Transport) leave(p *peer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.streams--
	p.entering(-1)
	t.forgetLocked(p)
}

// run receives until the connection breaks.
func (s *inStream) run(r *bufio.Reader) {
	t := s.p.t
	log := t.config.Logger.With("peer", s.p.id.Short(), "address", s.conn.RemoteAddr())
	tuneStream(s.conn, t.config.Timing.DeadAfter)
	stop := context.AfterFunc(t.ctx, func() { s.conn.Close() })
	defer stop()
	if !s.p.setIn(s) {
		return
	}
	err := s.welcome()
	if err == nil {
		ended := make(chan struct{})
		var beats sync.WaitGroup
		beats.Go(func() { s.beat(ended) })
		err = s.receive(r)
		s.conn.Close()
		close(ended)
		beats.Wait()
	}
	s.p.clearIn(s)
	close(s.done)
	switch {
	case errors.Is(err, errMalformed):
		s.p.counters.malformed.Add(1)
		log.Warn("connection from peer cut", "error", err)
	case t.ctx.Err() == nil:
		log.Info("connection from peer ended", "error", err)
	}
}

// welcome answers the handshake. From here on the connection speaks frames.
func (s *inStream) welcome() error {
	t := s.p.t
	if err := s.conn.SetDeadline(time.Now().Add(t.config.Timing.HandshakeTimeout)); err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + upgradeName + "\r\n")
	for _, h := range [][2]string{{headerProtocol, protocolVersion}, {headerFrom, string(t.config.Self)}, {headerSession, t.session}} {
		b.WriteString(h[0] + ": " + h[1] + "\r\n")
	}
	b.WriteString("\r\n")
	if _, err := io.WriteString(s.conn, b.String()); err != nil {
		return err
	}
	return s.conn.SetDeadline(time.Time{})
}

// beat tells the peer that this node lives, until the stream ends.
func (s *inStream) beat(ended <-chan struct{}) {
	t := &s.p.t.config.Timing
	ticker := time.NewTicker(t.BeatInterval)
	defer ticker.Stop()
	b := make([]byte, frameHeaderBytes)
	sealFrame(b, frameBeat, 0)
	for {
		select {
		case <-ended:
			return
		case <-ticker.C:
		}
		err := s.conn.SetWriteDeadline(time.Now().Add(t.DeadAfter))
		if err == nil {
			_, err = s.conn.Write(b)
		}
		if err != nil {
			s.conn.Close()
			return
		}
	}
}

// receive handles frames until there is one that cannot be read.
func (s *inStream) receive(r *bufio.Reader) error {
	live := io.Reader(&liveReader{conn: s.conn, dead: s.p.t.config.Timing.DeadAfter, count: &s.p.counters.bytesReceived})
	if n := r.Buffered(); n > 0 { // came together with the handshake
		early, err := r.Peek(n)
		if err != nil {
			return err
		}
		live = io.MultiReader(strings.NewReader(string(early)), live)
	}
	frames := newFrameReader(bufio.NewReaderSize(live, 64<<10))
	var decoder raftDecoder
	for {
		f, payload, err := frames.next()
		if err != nil {
			return err
		}
		aliased, err := s.handle(&decoder, f, payload)
		if err != nil {
			return err
		}
		if !aliased {
			frames.recycle(payload)
		}
	}
}

// handle counts a frame and delivers it.
func (s *inStream) handle(d *raftDecoder, f frameHeader, payload []byte) (aliased bool, err error) {
	h, from := s.p.t.config.Handler, s.p.id
	if f.typ != frameBeat {
		s.p.counters.framesReceived.Add(1)
		s.p.counters.recordsReceived[f.typ].Add(uint64(f.count))
	}
	return deliver(h, from, d, f, payload)
}

// deliver gives what a frame carries to a handler, and tells whether it may keep
// parts of the payload.
func deliver(h Handler, from cluster.NodeID, d *raftDecoder, f frameHeader, payload []byte) (aliased bool, err error) {
	switch f.typ {
	case frameBeat:
	case frameRaft:
		msgs, aliased, err := d.decode(payload, f.count)
		if err == nil && len(msgs) > 0 {
			h.Raft(from, msgs)
		}
		return aliased, err
	case frameRequests:
		requests, err := decodeRequests(payload, f.count)
		for i := range requests {
			h.Forward(from, &requests[i])
		}
		return true, err
	case frameReplies:
		replies, err := decodeReplies(payload, f.count)
		for i := range replies {
			h.ForwardReply(from, &replies[i])
		}
		return true, err
	case frameLeading:
		news, err := decodeLeading(payload, f.count)
		if err == nil && len(news) > 0 {
			h.Leading(from, news)
		}
		return false, err
	}
	return false, nil
}
