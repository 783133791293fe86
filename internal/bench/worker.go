package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/ringkv/ringkv/internal/respclient"
)

// worker is one connection. It is used by one goroutine.
type worker struct {
	options  *Options
	address  string
	keys     *chooser
	schedule *schedule
	recorder *recorder
	began    time.Time
	left     *atomic.Int64 // commands that may still be sent, of all workers; nil for no bound
	values   []byte        // random bytes to take values from

	conn     *respclient.Conn
	out      []byte
	key      []byte
	due      []time.Duration
	outcomes []outcome
	reply    respclient.Reply
}

// redial is the pause after a connection that could not be made.
const redial = 50 * time.Millisecond

// run sends commands until ctx ends or none are left.
func (w *worker) run(ctx context.Context) {
	defer w.drop()
	for ctx.Err() == nil {
		now := time.Since(w.began)
		if w.due = w.schedule.take(now, w.due[:0]); len(w.due) == 0 {
			if !pause(ctx, w.schedule.next-now) {
				return
			}
			continue
		}
		if w.due = w.due[:w.claim(len(w.due))]; len(w.due) == 0 {
			return
		}
		if !w.turn(ctx) && !pause(ctx, redial) {
			return
		}
	}
}

// claim returns how many of n commands may still be sent.
func (w *worker) claim(n int) int {
	if w.left == nil {
		return n
	}
	after := w.left.Add(-int64(n))
	return max(min(n, n+int(after)), 0)
}

// pause returns false if ctx ended meanwhile.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// turn sends what is due and records the answers. It returns false if there is no
// connection.
func (w *worker) turn(ctx context.Context) bool {
	w.compose()
	err := w.exchange(ctx)
	if ctx.Err() != nil && err != nil {
		return true // the end: what was not answered does not count
	}
	if err != nil {
		w.drop()
		for i := range w.outcomes {
			if w.outcomes[i].end == 0 {
				w.outcomes[i].err = err
			}
		}
	}
	w.recorder.record(w.outcomes)
	return err == nil
}

// compose makes the commands that are due.
func (w *worker) compose() {
	w.out, w.outcomes = w.out[:0], w.outcomes[:0]
	for _, due := range w.due {
		o := outcome{kind: Write, due: due}
		w.key = w.keys.appendKey(w.key[:0], w.keys.number())
		if w.keys.random.Float64() < w.options.ReadFraction {
			o.kind = Read
			w.out = append(w.out, "*2\r\n$3\r\nGET\r\n"...)
			w.out = respclient.AppendBulk(w.out, w.key)
		} else {
			w.out = append(w.out, "*3\r\n$3\r\nSET\r\n"...)
			w.out = respclient.AppendBulk(w.out, w.key)
			w.out = respclient.AppendBulk(w.out, w.value())
		}
		w.outcomes = append(w.outcomes, o)
	}
}

// value returns random bytes of a random length.
func (w *worker) value() []byte {
	o := w.options
	n := o.MinValueBytes + w.keys.random.IntN(o.MaxValueBytes-o.MinValueBytes+1)
	from := w.keys.random.IntN(len(w.values) - n + 1)
	return w.values[from : from+n]
}

// randomValues returns bytes that all values can be cut from.
func randomValues(o *Options) []byte {
	values := make([]byte, o.MaxValueBytes+4096)
	random := rand.New(rand.NewPCG(o.Seed, 0))
	for i := range values {
		values[i] = byte(random.Uint32())
	}
	return values
}

// exchange sends the commands and reads the answers. After an error the
// connection is of no more use.
func (w *worker) exchange(ctx context.Context) error {
	if w.conn == nil {
		conn, err := respclient.Dial(ctx, w.address)
		if err != nil {
			return err
		}
		w.conn = conn
	}
	// The end of the measurement ends the wait for an answer, too.
	stop := context.AfterFunc(ctx, func() { _ = w.conn.Close() })
	defer stop()
	if err := w.conn.SetDeadline(time.Now().Add(w.options.Timeout)); err != nil {
		return err
	}
	if err := w.conn.Write(w.out); err != nil {
		return err
	}
	for i := range w.outcomes {
		o := &w.outcomes[i]
		if err := w.conn.Read(&w.reply); err != nil {
			return fmt.Errorf("%s: %w", w.address, err)
		}
		o.end, o.err, o.missing = time.Since(w.began), w.reply.Err(), w.reply.Null
	}
	return nil
}

func (w *worker) drop() {
	if w.conn != nil {
		_ = w.conn.Close() // of no more use
		w.conn = nil
	}
}
