package coordinator

import (
	"context"
	"sync"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// observer asks all seats and remembers since when each is up or away.
type observer struct {
	dial    func(Seat) cluster.Admin
	clock   func() time.Time
	timeout time.Duration
	// sequential asks one seat after the other.
	sequential bool

	mu    sync.Mutex
	known map[string]presence // by seat
}

// presence is what is remembered of a seat between two questions.
type presence struct {
	node    cluster.NodeID
	started cluster.Millis
	up      time.Time // since when the same process answers; zero if it does not
	away    time.Time // since when nobody answers; zero if somebody does
}

// observe asks all seats at once and returns after the slowest answer or the
// timeout.
func (o *observer) observe(ctx context.Context, seats []Seat) Observation {
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	answers := make([]Answer, len(seats))
	var wg sync.WaitGroup
	for i, seat := range seats {
		wg.Go(func() {
			answers[i].At = o.clock() // before asking: the answer is at least as new
			answers[i].Status, answers[i].Err = o.dial(seat).Status(ctx)
		})
		if o.sequential {
			wg.Wait()
		}
	}
	wg.Wait()
	out := make(Observation, len(seats))
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, seat := range seats {
		out[seat.Name] = o.remember(seat.Name, answers[i])
	}
	return out
}

// remember fills in since when the seat is up or away. The caller holds mu.
func (o *observer) remember(seat string, a Answer) Answer {
	was := o.known[seat]
	if a.Err != nil || a.Status == nil {
		if was.away.IsZero() {
			was = presence{away: a.At}
		}
		o.known[seat] = was
		a.Status, a.AwaySince = nil, was.away
		return a
	}
	if was.up.IsZero() || was.node != a.Status.Node || was.started != a.Status.Started {
		was = presence{node: a.Status.Node, started: a.Status.Started, up: a.At}
	}
	o.known[seat] = was
	a.UpSince = was.up
	return a
}
