package coordinator_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/coordinator"
)

func transfers(r coordinator.Result) (n int) {
	for _, done := range r.Done {
		if done.Step.Leader != nil {
			n++
		}
	}
	return n
}

func TestLeadersAreEvenAfterACalmTime(t *testing.T) {
	spec := small()
	spec.Partitions = 16
	w := newWorld(t, spec)
	w.want(3, seats(4)...)
	w.settle(100)
	for range 60 {
		w.pass()
	}
	for _, seat := range w.wantedSeats() {
		require.Equal(t, 4, w.last.Health.Leaders[seat], seat)
	}
}

func TestLeadersAreLeftAloneInAStorm(t *testing.T) {
	w := newWorld(t, small())
	w.want(3, seats(3)...)
	w.settle(100)
	for range 60 {
		w.pass()
	}
	moved := 0
	for range 20 { // a node that comes and goes is never up for long enough
		w.c.Stop("n0")
		for range 4 {
			moved += transfers(w.pass())
		}
		w.c.Start("n0")
		for range 8 {
			moved += transfers(w.pass())
		}
	}
	require.Zero(t, moved)
}

func TestAPartitionsLeaderIsSeldomMoved(t *testing.T) {
	w := newWorld(t, small())
	w.want(3, seats(3)...)
	w.settle(100)
	moved := 0
	for range 200 { // 20 s; somebody keeps taking all leaderships back to one node
		r := w.pass()
		moved += transfers(r)
		for _, seat := range []string{"n1", "n2"} {
			require.NoError(t, w.c.Dial(coordinator.Seat{Name: seat}).Drain(t.Context()))
			w.c.Undrain(seat)
		}
	}
	require.NotZero(t, moved)
	require.LessOrEqual(t, moved, 4*10, "each of 4 partitions once in 2 s at most")
}

func TestNoLeadershipGoesToADrainingNode(t *testing.T) {
	spec := small()
	spec.Partitions = 16
	w := newWorld(t, spec)
	w.want(3, seats(4)...)
	w.settle(100)
	require.NoError(t, w.c.Dial(coordinator.Seat{Name: "n1"}).Drain(t.Context()))
	w.want(3, seats(3)...) // n3 leaves: leaderships are handed over
	for range 100 {
		w.pass()
	}
	require.Zero(t, w.last.Health.Leaders["n1"])
	require.Equal(t, coordinator.ReasonWaiting, w.last.Blocked[0].Reason, "copies for n1 wait until it is done")
	require.Contains(t, w.last.Blocked[0].Message, "n1 waits: it is being drained")
	w.c.Stop("n1")
	w.c.Start("n1")
	w.settle(300)
	w.requireSettled()
}

// TestACopyThatWaitsForANewerBuildIsKept: another one on the same build would not get
// further, and what it has is whole. It is given nothing to lead.
func TestACopyThatWaitsForANewerBuildIsKept(t *testing.T) {
	w := newWorld(t, small())
	w.want(3, seats(3)...)
	w.settle(100)
	for range 60 {
		w.pass()
	}
	for p := range uint32(4) {
		w.c.Outdate("n1", p)
	}
	for range 20 {
		require.NoError(t, w.c.Dial(coordinator.Seat{Name: "n1"}).Drain(t.Context())) // as such a copy does
		w.c.Undrain("n1")
		for range 10 {
			r := w.pass()
			require.Empty(t, r.Done)
			require.True(t, r.Converged)
		}
	}
	require.Zero(t, w.last.Health.Leaders["n1"])
}
