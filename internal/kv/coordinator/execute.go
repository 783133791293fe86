package coordinator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// execute does the steps: those of one node one after the other, those of
// different nodes at once. A failed step stops nothing: the next pass looks
// again. The results come in the order of the steps.
func (c *Coordinator) execute(ctx context.Context, in Input, steps []Step) []StepResult {
	results := make([]StepResult, len(steps))
	byLane := map[string][]int{}
	var lanes []string
	for i, s := range steps {
		lane := s.Seat
		if c.config.Sequential {
			lane = ""
		}
		if byLane[lane] == nil {
			lanes = append(lanes, lane)
		}
		byLane[lane] = append(byLane[lane], i)
	}
	seats := map[string]Seat{}
	for _, seat := range in.Spec.Seats {
		seats[seat.Name] = seat
	}
	var wg sync.WaitGroup
	for _, lane := range lanes {
		wg.Go(func() {
			for _, i := range byLane[lane] {
				results[i] = StepResult{steps[i], c.call(ctx, seats[steps[i].Seat], steps[i])}
			}
		})
	}
	wg.Wait()
	for _, r := range results {
		c.learn(in, r)
	}
	return results
}

func (c *Coordinator) call(ctx context.Context, seat Seat, s Step) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.CallTimeout)
	defer cancel()
	return s.Do(ctx, c.config.Dial(seat))
}

// learn keeps the hints for later plans.
func (c *Coordinator) learn(in Input, r StepResult) {
	switch s := r.Step; {
	case s.Balance && r.Err == nil:
		c.hints.Transferred[s.Leader.Partition] = in.Now
	case s.Create != nil && (errors.Is(r.Err, cluster.ErrConflict) || errors.Is(r.Err, cluster.ErrInvalid)):
		// The node knows this ID as used: it was given out and taken back before.
		c.hints.MinReplicaID[s.Create.Partition] = s.Create.ID + 1
	}
}

// isNews remembers what a decision is about and tells whether it differs from
// what was last seen, or asks for something to be done.
func (c *Coordinator) isNews(d Decision) bool {
	f := fingerprint(d)
	c.lastMu.Lock()
	defer c.lastMu.Unlock()
	news := f != c.last || len(d.Steps) > 0 || d.NextMap != nil || d.MarkInitialized
	c.last = f
	return news
}

// fingerprint is all of a decision that a status page shows and that does not
// change by itself.
func fingerprint(d Decision) string {
	var b strings.Builder
	fmt.Fprint(&b, d.Converged, d.Blocked, d.Remaining.Moves, d.Remaining.Active, d.Remaining.Cleanups, d.Health)
	for _, m := range d.Members {
		fmt.Fprint(&b, m.Name, m.Node, m.State, m.Zone, m.Up, m.Since, m.Version, m.Epoch, m.Replicas, m.Leaders, m.Draining, m.Problems)
	}
	for _, r := range d.Removable {
		fmt.Fprint(&b, r.Seat, r.Node)
	}
	for _, r := range d.Kept {
		fmt.Fprint(&b, r.Seat, Why(r.Proof))
	}
	return b.String()
}
