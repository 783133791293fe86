package transport

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// minSnapshotRate is the lowest bound in bytes per second: below it a stream would
// look dead to its receiver.
const minSnapshotRate = 64 << 10

// rateLimit bounds the bytes per second of all snapshots that this node sends. A
// change of the rate takes effect on streams that are waiting.
type rateLimit struct {
	mu      sync.Mutex
	limiter *rate.Limiter // guarded by mu
}

func newRateLimit() *rateLimit {
	return &rateLimit{limiter: rate.NewLimiter(rate.Inf, 0)}
}

// SetSnapshotRate bounds the bytes per second that this node sends in snapshots,
// to all peers together. 0 means no bound; positive values below 64 KiB count as
// that.
func (t *Transport) SetSnapshotRate(bytesPerSecond int64) {
	l := t.snapshotRate
	l.mu.Lock()
	defer l.mu.Unlock()
	if bytesPerSecond <= 0 {
		l.limiter.SetLimit(rate.Inf)
		return
	}
	n := max(bytesPerSecond, minSnapshotRate)
	l.limiter.SetLimit(rate.Limit(n))
	// A burst of a tenth of a second: timers are too coarse for one chunk each.
	l.limiter.SetBurst(int(max(n/10, snapshotChunkBytes)))
}

// wait returns when n bytes may leave.
func (l *rateLimit) wait(ctx context.Context, n int) error {
	for {
		pause := l.take(n)
		if pause == 0 {
			return ctx.Err()
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// take takes n bytes now, or returns how long to wait before asking again.
func (l *rateLimit) take(n int) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if l.limiter.AllowN(now, n) {
		return 0
	}
	missing := float64(n) - l.limiter.TokensAt(now)
	pause := time.Duration(missing / float64(l.limiter.Limit()) * float64(time.Second))
	return min(max(pause, time.Millisecond), 50*time.Millisecond)
}
