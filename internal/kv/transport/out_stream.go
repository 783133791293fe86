package transport

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"time"
)

// outStream is an established connection to a peer, on which this node sends. The
// only thing that comes back on it are beats.
type outStream struct {
	p       *peer
	conn    net.Conn
	live    *liveReader
	r       *bufio.Reader // of live
	session string        // of the process that answered
	since   time.Time
}

// maxWriteBytes bounds what one write takes from a lane, so that a long queue of
// one kind does not hold back another.
const maxWriteBytes = 1 << 20

// run sends until the connection breaks or ctx ends, and returns why.
func (s *outStream) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() { s.conn.Close() })
	defer stop()
	listening := make(chan struct{})
	go func() {
		defer close(listening)
		cancel(s.listen())
	}()
	s.p.setOut(s)
	s.p.t.config.Logger.Info("connected to peer", "peer", s.p.id.Short(), "address", s.conn.RemoteAddr())
	s.p.t.config.Handler.Connected(s.p.id)
	err := s.write(ctx)
	s.conn.Close()
	<-listening
	s.p.clearOut()
	return err
}

// listen returns when the peer has been silent for too long, or closed.
func (s *outStream) listen() error {
	s.live.dead = s.p.t.config.Timing.DeadAfter
	header := make([]byte, frameHeaderBytes)
	for {
		if _, err := io.ReadFull(s.r, header); err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		f, err := parseFrameHeader(header)
		if err != nil {
			return err
		}
		if f.typ != frameBeat {
			return malformed("frame of type %d on the way back", f.typ)
		}
	}
}

// write sends what is queued, and beats.
func (s *outStream) write(ctx context.Context) error {
	beat := time.NewTicker(s.p.t.config.Timing.BeatInterval)
	defer beat.Stop()
	var frames []*frame
	var buffers net.Buffers
	for {
		frames = s.p.takeFrames(frames)
		if len(frames) == 0 {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-s.p.wake:
				runtime.Gosched() // as many as can run may share the write
				continue
			case <-beat.C:
				frames = append(frames, newFrame(frameBeat))
			}
		}
		var err error
		buffers, err = s.writeFrames(buffers[:0], frames)
		s.p.releaseFrames(frames, err)
		clear(frames)
		frames = frames[:0]
		if err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx) // why the connection was closed under this write
			}
			return fmt.Errorf("send: %w", err)
		}
	}
}

// writeFrames seals and writes frames in one go. It returns buffers for the next.
func (s *outStream) writeFrames(buffers net.Buffers, frames []*frame) (net.Buffers, error) {
	for _, f := range frames {
		sealFrame(f.buf, f.typ, f.records)
		buffers = append(buffers, f.buf)
	}
	rest := buffers // WriteTo consumes it
	n, err := rest.WriteTo(s.conn)
	s.p.counters.bytesSent.Add(uint64(n))
	clear(buffers)
	return buffers, err
}

// takeFrames takes from each lane what the next write carries.
func (p *peer) takeFrames(dst []*frame) []*frame {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.lanes {
		dst = p.lanes[i].take(dst, maxWriteBytes)
	}
	return dst
}

// releaseFrames counts frames as sent, or lost, and gives them back.
func (p *peer) releaseFrames(frames []*frame, err error) {
	p.mu.Lock()
	for _, f := range frames {
		if f.typ != frameBeat {
			p.lanes[f.typ].release(f)
		}
	}
	p.mu.Unlock()
	for _, f := range frames {
		switch {
		case f.typ == frameBeat:
		case err == nil:
			p.counters.framesSent.Add(1)
			p.counters.recordsSent[f.typ].Add(uint64(f.records))
		case f.typ == frameRaft:
			p.counters.messagesDropped.Add(uint64(f.records))
		case f.typ == frameReplies:
			p.counters.repliesDropped.Add(uint64(f.records))
		}
		f.free()
	}
}
