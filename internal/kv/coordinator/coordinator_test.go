package coordinator_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/coordinator"
	"github.com/ringkv/ringkv/internal/kv/coordinator/coordtest"
)

// TestACrashAfterAnyStepChangesNothingInTheEnd is invariant I7, step by step:
// the same change of size, once for every change that the coordinator makes on
// the way, dying before it and dying after it.
func TestACrashAfterAnyStepChangesNothingInTheEnd(t *testing.T) {
	run := func(t *testing.T, crashAt int, before bool) (crashed bool) {
		w := newWorld(t, small())
		w.crashIn, w.crashBefore = crashAt, before
		w.want(2, seats(3)...)
		w.settle(500)
		w.want(2, seats(4)...)
		w.settle(500)
		w.want(1, seats(2)...)
		w.settle(500)
		w.requireSettled()
		require.Equal(t, "c", w.last.ClusterID[:1])
		return w.crashes > 0
	}
	for _, before := range []bool{true, false} {
		at := 0
		for run(t, at, before) {
			at++
		}
		require.Greater(t, at, 40, "the scenario makes that many changes at least")
	}
}

// TestNothingMovesWhenTheCoordinatorReturns is invariant I6: nodes stop and
// start, leaders change, and a coordinator that was away finds nothing to do.
func TestNothingMovesWhenTheCoordinatorReturns(t *testing.T) {
	w := newWorld(t, small())
	w.want(3, seats(4)...)
	w.settle(500)
	for range 40 {
		w.pass() // leaders are balanced
	}
	for _, seat := range []string{"n1", "n3"} {
		w.c.Stop(seat)
		for range 20 {
			w.c.Write(10, 1000)
			w.c.Step()
		}
		w.c.Start(seat)
		for range 20 {
			w.c.Step()
		}
	}
	made, saves := w.c.Created(), w.store.Saves()
	w.restart()
	for range 100 {
		for _, done := range w.pass().Done {
			require.True(t, done.Step.Balance, done.Step.String())
		}
	}
	require.Equal(t, made, w.c.Created())
	require.Equal(t, saves, w.store.Saves())
}

// TestAMissingNodeIsWaitedFor: silence alone never moves data, however long.
func TestAMissingNodeIsWaitedFor(t *testing.T) {
	w := newWorld(t, small())
	w.want(3, seats(4)...)
	w.settle(500)
	w.c.Stop("n2")
	for range 2000 {
		require.Empty(t, w.pass().Done)
	}
	require.False(t, w.last.Converged)
	require.True(t, w.last.Health.AllAvailable())
	require.False(t, w.last.Health.AllFull())
}

func TestTwoCoordinatorsAtOnceDoNoHarm(t *testing.T) {
	base := seed(t)
	for i := range uint64(30) {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			rnd := random(base, i)
			a := newWorld(t, small())
			b := &world{t: t, c: a.c, store: a.store, spec: a.spec, crashIn: -1}
			b.restart()
			for range 4 {
				n := 1 + rnd.IntN(5)
				rf := 1 + rnd.IntN(min(n, 3))
				a.spec.Seats = b.spec.Seats
				a.want(rf, seats(n)...)
				b.want(rf, seats(n)...)
				for range rnd.IntN(40) {
					w := []*world{a, b}[rnd.IntN(2)]
					_, err := w.co.Tick(t.Context())
					require.True(t, err == nil || errors.Is(err, cluster.ErrConflict), "%v", err)
					if rnd.IntN(2) == 0 {
						a.c.Step()
					}
					require.Empty(t, a.c.Violations())
				}
			}
			a.settle(500)
			a.requireSettled()
		})
	}
}

func TestAnOldRecordStopsEverything(t *testing.T) {
	w := newWorld(t, small())
	w.want(3, seats(3)...)
	w.settle(500)
	old, err := w.store.Load(t.Context())
	require.NoError(t, err)
	w.want(3, seats(4)...)
	w.settle(500)
	in := w.input()
	in.Record = old
	in.Spec.ReplicationFactor = 1
	d := coordinator.Plan(in)
	require.Nil(t, d.NextMap)
	require.Empty(t, d.Steps)
	require.Equal(t, coordinator.ReasonStaleRecord, d.Blocked[0].Reason)
}

func TestHeartbeatsWakeOnlyWhenSomethingChanged(t *testing.T) {
	c := coordtest.New()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go c.Run(ctx, time.Millisecond)
	co := coordinator.New(coordinator.Config{
		Store: &coordtest.Store{}, Dial: c.Dial, HeartbeatInterval: 5 * time.Millisecond, Pace: time.Millisecond,
		Limits: coordinator.Limits{LeaderCalm: time.Hour},
	})
	spec := small()
	spec.ReplicationFactor, spec.Seats = 3, nil
	for _, seat := range seats(3) {
		seat.Wanted = true
		c.AddNode(seat.Name, "")
		spec.Seats = append(spec.Seats, seat)
	}
	co.SetSpec(spec)
	done := make(chan struct{})
	go func() { defer close(done); co.Run(ctx) }()

	// The loop of a local cluster: heartbeats alone drive it to its end.
	wait := func(what string, ok func(coordinator.Result) bool) {
		deadline := time.After(20 * time.Second)
		for {
			select {
			case <-co.Changed():
				r, err := co.Tick(ctx)
				require.NoError(t, err)
				if ok(r) {
					return
				}
			case <-deadline:
				require.FailNow(t, "not woken", what)
			}
		}
	}
	wait("to converge", func(r coordinator.Result) bool { return r.Converged })
	quiet := 0
	for quiet < 20 { // heartbeats of a cluster at rest
		select {
		case <-co.Changed():
			_, err := co.Tick(ctx)
			require.NoError(t, err)
			quiet = 0
		case <-time.After(5 * time.Millisecond):
			quiet++
		}
	}
	c.Stop("n2")
	wait("to see that n2 is gone", func(r coordinator.Result) bool { return !r.Converged })
	c.Start("n2")
	wait("to see that n2 is back", func(r coordinator.Result) bool { return r.Converged })
	cancel()
	<-done
}

func TestTickSaysWhenTheRecordCannotBeRead(t *testing.T) {
	co := coordinator.New(coordinator.Config{Store: brokenStore{}, Dial: coordtest.New().Dial})
	r, err := co.Tick(t.Context())
	require.ErrorContains(t, err, "disk on fire")
	require.Equal(t, coordinator.ReasonRecordUnreadable, r.Blocked[0].Reason)
}

type brokenStore struct{ coordinator.Store }

func (brokenStore) Load(context.Context) (*coordinator.Record, error) {
	return nil, fmt.Errorf("disk on fire")
}

func TestProgressSurvivesTheCoordinatorAndCountsAChangeOfMind(t *testing.T) {
	spec := small()
	spec.Partitions, spec.MaxConcurrentMoves = 16, 2
	w := newWorld(t, spec)
	w.want(2, seats(3)...)
	w.settle(500)
	w.c.Write(10, 1000)
	w.want(2, seats(5)...)
	total, done := 0, 0
	for {
		r := w.pass()
		if r.Converged {
			break
		}
		if !r.Progress.Active {
			continue
		}
		if total == 0 {
			total = r.Progress.MovesTotal
			require.Equal(t, 12, total, "two joining nodes get 6 of 32 copies each")
		}
		require.Equal(t, total, r.Progress.MovesTotal)
		require.GreaterOrEqual(t, r.Progress.MovesDone, done, "progress does not go back")
		if done = r.Progress.MovesDone; done%3 == 0 {
			w.restart()
		}
	}
	require.Equal(t, total-1, done, "the last move ends in the pass that finds nothing left")
	require.Equal(t, 100, w.last.Progress.Percent)

	w.want(2, seats(6)...)
	for w.last.Progress.MovesDone < 2 {
		w.pass()
	}
	before := w.last.Progress
	w.want(2, seats(7)...)
	w.pass()
	require.Equal(t, before.MovesDone, w.last.Progress.MovesDone)
	require.Greater(t, w.last.Progress.MovesTotal, before.MovesTotal)
}

func TestAChangedZoneMovesCopies(t *testing.T) {
	w := newWorld(t, small())
	list := seats(6)
	for i := range list {
		list[i].Zone = []string{"a", "b"}[i%2]
	}
	w.want(2, list...)
	w.settle(500)
	for i := range list {
		list[i].Zone = []string{"a", "b", "c"}[i/2]
	}
	w.want(2, list...)
	w.settle(500)
	zone := map[string]string{}
	for _, s := range list {
		zone[s.Name] = s.Zone
	}
	for p, nodes := range w.c.Placement(w.last.ClusterID) {
		require.NotEqual(t, zone[nodes[0]], zone[nodes[1]], "partition %d", p)
	}
}

func TestSettingsAreHandedOut(t *testing.T) {
	w := newWorld(t, small())
	w.want(1, seats(2)...)
	w.settle(500)
	epoch, revision := w.last.Epoch, w.last.Revision
	w.spec.Settings = cluster.DefaultSettings()
	w.spec.Settings.Reads = cluster.ReadsAny
	w.co.SetSpec(w.spec)
	w.settle(500)
	require.Equal(t, epoch, w.last.Epoch, "the ring did not change")
	require.Greater(t, w.last.Revision, revision)
	for _, s := range w.spec.Seats {
		status, err := w.c.Dial(s).Status(t.Context())
		require.NoError(t, err)
		require.Equal(t, w.last.Revision, status.Revision)
	}
}
