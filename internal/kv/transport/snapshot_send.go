package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// snapshotClient returns a client that posts one snapshot to a peer, on a
// connection of its own: they are rare and long.
func (t *Transport) snapshotClient(target, address string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := t.connect(ctx, target, address)
			if err != nil {
				return nil, err
			}
			tuneStream(conn, t.config.Timing.SnapshotStall)
			return conn, nil
		},
		DisableKeepAlives:     true,
		DisableCompression:    true,
		ExpectContinueTimeout: t.config.Timing.HandshakeTimeout,
		ResponseHeaderTimeout: t.config.Timing.SnapshotInstall,
		WriteBufferSize:       snapshotPrefixBytes + snapshotChunkBytes,
	}}
}

// SendSnapshot streams a snapshot to a peer and returns when the peer's handler
// has: nil means that it took the snapshot. An error that is ErrBusy means that
// nothing is wrong, and that it can be tried again later. Once it has returned,
// body is not touched any more, which is why it waits for a Read of it that is
// under way, whatever ctx says. The stream keeps to the rate of SetSnapshotRate.
func (t *Transport) SendSnapshot(ctx context.Context, to cluster.NodeID, header SnapshotHeader, body io.Reader) error {
	if !t.begin() {
		return ErrClosed
	}
	defer t.tasks.Done()
	select {
	case t.sending <- struct{}{}:
		defer func() { <-t.sending }()
	default:
		return fmt.Errorf("snapshot of partition %d for %s: %w here", header.Partition, to.Short(), ErrBusy)
	}
	if err := t.sendSnapshot(ctx, to, &header, body); err != nil {
		t.snapshots.sendFailed.Add(1)
		return fmt.Errorf("snapshot of partition %d for %s: %w", header.Partition, to.Short(), err)
	}
	t.snapshots.sent.Add(1)
	return nil
}

func (t *Transport) sendSnapshot(ctx context.Context, to cluster.NodeID, header *SnapshotHeader, body io.Reader) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(t.ctx, cancel)()
	target, address := t.whereabouts(to)
	if address == "" {
		return ErrNotConnected
	}
	encoder, err := newSnapshotEncoder(header, body, func(n int) error {
		t.snapshots.bytesSent.Add(uint64(n))
		return t.snapshotRate.wait(ctx, n)
	})
	if err != nil {
		return err
	}
	lent := &lentReader{r: encoder}
	defer lent.takeBack()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+snapshotPath, lent)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	req.Header.Set("Expect", "100-continue") // a refusal comes before the body goes
	t.introduce(req.Header, to)
	resp, err := t.snapshotClient(target, address).Do(req)
	switch {
	case t.ctx.Err() != nil && err != nil:
		return ErrClosed
	case err != nil:
		return err
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body.Close()
	}
	err = readRefusal(resp)
	if resp.StatusCode == http.StatusTooManyRequests {
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return err
}

// whereabouts returns where to dial a peer and its address, or "" if SetPeers does
// not name it. A peer that is connected is dialed where the connection goes.
func (t *Transport) whereabouts(to cluster.NodeID) (target, address string) {
	p := t.peer(to)
	if p == nil {
		return "", ""
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out != nil {
		return p.out.conn.RemoteAddr().String(), p.address
	}
	return p.address, p.address
}

// lentReader is a reader that can be taken back: an http.Client may go on reading
// a request's body for a moment after it has returned.
type lentReader struct {
	mu sync.Mutex
	r  io.Reader // nil once taken back
}

var errTakenBack = errors.New("the request is over")

// Read implements io.Reader.
func (l *lentReader) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.r == nil {
		return 0, errTakenBack
	}
	return l.r.Read(p)
}

// takeBack waits for a Read that is under way and lets none follow.
func (l *lentReader) takeBack() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.r = nil
}

// oneLine makes the text of an error fit for an answer.
func oneLine(err error) string {
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	return text[:min(len(text), 512)]
}
