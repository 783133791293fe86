package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// serveSnapshot answers POST /peer/snapshot.
func (t *Transport) serveSnapshot(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		t.answerRefusal(w, r, "", refuse(http.StatusBadRequest, "%s wants POST", snapshotPath))
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
	select {
	case t.receiving <- struct{}{}:
		defer func() { <-t.receiving }()
	default:
		http.Error(w, "this node receives as many snapshots as it may: try again later", http.StatusTooManyRequests)
		return
	}
	if err := t.receiveSnapshot(w, r, from.node); err != nil {
		t.snapshots.receiveFailed.Add(1)
		t.config.Logger.Warn("snapshot not taken", "peer", from.node.Short(), "error", err)
		t.answerFailure(w, r, err)
		return
	}
	t.snapshots.received.Add(1)
	w.WriteHeader(http.StatusOK)
}

// answerFailure tells the sender at once, in the middle of its stream. Closing the
// connection right then could reset it under the answer, so what still comes is
// thrown away until the sender has closed it.
func (t *Transport) answerFailure(w http.ResponseWriter, r *http.Request, why error) {
	control := http.NewResponseController(w)
	_ = control.EnableFullDuplex() // else the server reads on before it answers
	status := http.StatusInternalServerError
	if errors.Is(why, errMalformed) {
		status = http.StatusBadRequest
	}
	w.Header().Set("Connection", "close")
	http.Error(w, oneLine(why), status)
	if control.Flush() == nil && control.SetReadDeadline(time.Now().Add(t.config.Timing.HandshakeTimeout)) == nil && t.ctx.Err() == nil {
		_, _ = io.Copy(io.Discard, r.Body)
	}
}

func (t *Transport) receiveSnapshot(w http.ResponseWriter, r *http.Request, from cluster.NodeID) error {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(t.ctx, cancel)()
	body := &pacedBody{t: t, ctx: ctx, r: r.Body, control: http.NewResponseController(w)}
	defer context.AfterFunc(ctx, body.interrupt)()
	stream, header, err := decodeSnapshotHeader(body)
	if err != nil {
		return fmt.Errorf("read the snapshot header: %w", err)
	}
	if err := t.config.Handler.Snapshot(ctx, from, header, stream); err != nil {
		return err
	}
	// A handler that knows the size by itself may stop right before the end.
	if n, err := stream.Read(make([]byte, 1)); n > 0 || !errors.Is(err, io.EOF) {
		return fmt.Errorf("the snapshot was not read to a good end: %w", err)
	}
	return nil
}

// pacedBody gives a snapshot stream up when nothing arrives for too long, or when
// ctx ends.
type pacedBody struct {
	t       *Transport
	ctx     context.Context
	r       io.Reader
	control *http.ResponseController
}

// Read implements io.Reader.
func (b *pacedBody) Read(p []byte) (int, error) {
	if err := b.control.SetReadDeadline(time.Now().Add(b.t.config.Timing.SnapshotStall)); err != nil {
		return 0, err
	}
	if b.ctx.Err() != nil { // asked after the deadline was set, so that interrupt is not undone
		return 0, b.why(b.ctx.Err())
	}
	n, err := b.r.Read(p)
	b.t.snapshots.bytesReceived.Add(uint64(n))
	return n, b.why(err)
}

// why names the cause of an error that Close brings about.
func (b *pacedBody) why(err error) error {
	if err != nil && !errors.Is(err, io.EOF) && b.t.ctx.Err() != nil {
		return ErrClosed
	}
	return err
}

// interrupt ends a Read that is under way.
func (b *pacedBody) interrupt() {
	_ = b.control.SetReadDeadline(time.Now()) // fails only if the connection is gone
}
