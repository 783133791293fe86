package transport

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// dialLoop keeps a connection to the peer until ctx ends.
func (p *peer) dialLoop(ctx context.Context, address string) {
	t := &p.t.config.Timing
	pause := t.RetryMin
	down := time.Now()
	// Every other try goes to where the peer was seen dialing from, if it was.
	elsewhere := false
	for ; ctx.Err() == nil; elsewhere = !elsewhere {
		target := address
		if seen := p.observed(address); elsewhere && seen != "" {
			target = seen
		}
		s, err := p.dial(ctx, target, address)
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			p.counters.dialFailures.Add(1)
			p.complain(target, down, err)
		} else {
			p.complaints.reset()
			up := time.Now()
			err := s.run(ctx)
			if down = time.Now(); down.Sub(up) > t.RetryMax {
				pause = t.RetryMin
			}
			if ctx.Err() == nil {
				p.t.config.Logger.Info("connection to peer broke", "peer", p.id.Short(), "address", target, "error", err)
			}
		}
		wait := time.NewTimer(pause/2 + rand.N(pause/2+1))
		select {
		case <-ctx.Done():
		case <-wait.C:
			pause = min(pause*3/2, t.RetryMax)
		case <-p.kick:
			pause, elsewhere = t.RetryMin, false // the next turn goes elsewhere
		}
		wait.Stop()
	}
}

// complain logs that the peer cannot be reached: at once when it refuses, else
// when it lasts, as nodes start and stop one after the other.
func (p *peer) complain(address string, down time.Time, err error) {
	var refused *refusal
	passing := !errors.As(err, &refused) || refused.status == http.StatusServiceUnavailable
	if passing && time.Since(down) < 2*time.Second {
		return
	}
	if due, _ := p.complaints.due(err.Error()); due {
		p.t.config.Logger.Warn("cannot connect to peer", "peer", p.id.Short(), "address", address,
			"down", time.Since(down).Round(time.Millisecond), "error", err)
	}
}

// maxHandshakeBytes bounds a peer's answer.
const maxHandshakeBytes = 16 << 10

// dial connects to the peer at target and shakes hands. To TLS the peer has the
// name in address wherever it is dialed.
func (p *peer) dial(ctx context.Context, target, address string) (*outStream, error) {
	if p.t.config.ClusterID() == "" {
		return nil, errors.New("this node belongs to no cluster yet")
	}
	conn, err := p.t.connect(ctx, target, address)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	s, err := p.shakeHands(conn, address)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("handshake: %w", err)
	}
	return s, nil
}

// connect opens a connection to target, with TLS, if so configured, to the host
// of address.
func (t *Transport) connect(ctx context.Context, target, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, t.config.Timing.DialTimeout)
	defer cancel()
	conn, err := t.config.Dial(ctx, "tcp", target)
	if err != nil {
		return nil, err // says dial and the address
	}
	if t.config.TLS == nil {
		return conn, nil
	}
	c := t.config.TLS.Clone()
	c.NextProtos = []string{"http/1.1"} // a connection of HTTP/2 cannot be taken over
	if c.ServerName == "" {
		if c.ServerName, _, err = net.SplitHostPort(address); err != nil {
			conn.Close()
			return nil, err
		}
	}
	secure := tls.Client(conn, c)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("TLS with %s: %w", target, err)
	}
	return secure, nil
}

// shakeHands turns a fresh connection into a stream.
func (p *peer) shakeHands(conn net.Conn, address string) (*outStream, error) {
	tuneStream(conn, p.t.config.Timing.DeadAfter)
	if err := conn.SetDeadline(time.Now().Add(p.t.config.Timing.HandshakeTimeout)); err != nil {
		return nil, err
	}
	req := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: streamPath}, Host: address, Header: http.Header{}}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", upgradeName)
	p.t.introduce(req.Header, p.id)
	if err := req.Write(conn); err != nil {
		return nil, err
	}
	live := &liveReader{conn: conn} // the deadline above holds for the whole handshake
	limited := &io.LimitedReader{R: live, N: maxHandshakeBytes}
	r := bufio.NewReaderSize(limited, 1<<10)
	resp, err := http.ReadResponse(r, req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return nil, readRefusal(resp)
	}
	h := resp.Header
	switch {
	case !strings.EqualFold(h.Get("Upgrade"), upgradeName) || h.Get(headerProtocol) != protocolVersion || !isSession(h.Get(headerSession)):
		return nil, errors.New("the answer is not that of a peer")
	case h.Get(headerFrom) != string(p.id):
		return nil, refuse(http.StatusMisdirectedRequest, "expected node %s, but %.40q answered", p.id.Short(), h.Get(headerFrom))
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	limited.N = math.MaxInt64
	return &outStream{p: p, conn: conn, live: live, r: r, session: h.Get(headerSession), since: time.Now()}, nil
}

// readRefusal returns what the peer said as it refused.
func readRefusal(resp *http.Response) error {
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if err != nil {
		return fmt.Errorf("refused with status %d: %w", resp.StatusCode, err)
	}
	return refuse(resp.StatusCode, "refused with status %d: %.256q", resp.StatusCode, strings.TrimSpace(string(text)))
}
