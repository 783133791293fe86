package coordinator_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/coordinator"
	"github.com/ringkv/ringkv/internal/kv/coordinator/coordtest"
)

var (
	seedFlag = flag.Uint64("seed", 0, "seed of the random tests; 0 takes RINGKV_SEED or a new one")
	update   = flag.Bool("update", false, "write the golden files anew")
)

// seed returns the seed to use and prints it, so that a failure can be replayed
// with -seed or RINGKV_SEED.
func seed(t testing.TB) uint64 {
	seed := *seedFlag
	if env := os.Getenv("RINGKV_SEED"); seed == 0 && env != "" {
		var err error
		seed, err = strconv.ParseUint(env, 10, 64)
		require.NoError(t, err)
	}
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", seed)
	return seed
}

// world is a simulated cluster, a coordinator that can crash, and somebody who
// deletes the seats that may go.
type world struct {
	t     testing.TB
	c     *coordtest.Cluster
	store *coordtest.Store
	co    *coordinator.Coordinator
	spec  coordinator.Spec
	// crashIn is after how many more changes (calls to nodes, saved records) the
	// coordinator dies; negative means never.
	crashIn     int
	crashBefore bool // the change at which it dies is not made
	cancel      context.CancelFunc
	crashes     int
	tell        func(format string, args ...any) // nil tells nobody
	last        coordinator.Result
	removed     []string
}

func newWorld(t testing.TB, spec coordinator.Spec) *world {
	w := &world{t: t, c: coordtest.New(), store: &coordtest.Store{}, spec: spec, crashIn: -1}
	w.restart()
	return w
}

// restart replaces the coordinator by a new one: only the record is left.
func (w *world) restart() {
	ids := 0
	w.co = coordinator.New(coordinator.Config{
		Store: crashStore{w}, Clock: w.c.Now, Sequential: true,
		Dial:         func(s coordinator.Seat) cluster.Admin { return crashAdmin{w.c.Dial(s), w} },
		Limits:       coordinator.Limits{LeaderCalm: time.Second, TransferPause: 2 * time.Second},
		NewClusterID: func() string { ids++; return fmt.Sprintf("c%d-%d", w.crashes, ids) },
	})
	w.co.SetSpec(w.spec)
}

// want names the seats: the wanted ones, and those that are not gone yet.
func (w *world) want(rf int, seats ...coordinator.Seat) {
	w.spec.ReplicationFactor = rf
	old := w.spec.Seats
	w.spec.Seats = nil
	for _, s := range seats {
		s.Wanted = true
		w.spec.Seats = append(w.spec.Seats, s)
		w.c.AddNode(s.Name, s.Zone)
	}
	for _, s := range old {
		if !slices.ContainsFunc(seats, func(x coordinator.Seat) bool { return x.Name == s.Name }) {
			s.Wanted = false
			w.spec.Seats = append(w.spec.Seats, s)
		}
	}
	w.co.SetSpec(w.spec)
}

// pass is one Tick, a Step of the nodes, and the deletion of seats that may go.
func (w *world) pass() coordinator.Result {
	ctx, cancel := context.WithCancel(w.t.Context())
	w.cancel = cancel
	defer cancel()
	r, err := w.co.Tick(ctx)
	w.report(r)
	switch {
	case ctx.Err() != nil: // crashed
		w.crashes++
		w.crashIn = -1
		w.restart()
	case err != nil:
		require.NoError(w.t, err)
	default:
		w.last = r
		w.removeSeats(r.Removable)
	}
	w.c.Step()
	require.Empty(w.t, w.c.Violations())
	return r
}

func (w *world) report(r coordinator.Result) {
	if w.tell == nil {
		return
	}
	for _, e := range r.Events {
		w.tell("* %s: %s", e.Reason, e.Message)
	}
	for _, s := range r.Done {
		if s.Err != nil {
			w.tell("  %s (%s): %v", s.Step, s.Step.Note, s.Err)
		} else {
			w.tell("  %s (%s)", s.Step, s.Step.Note)
		}
	}
}

func (w *world) removeSeats(removable []coordinator.Removal) {
	for _, r := range removable {
		require.True(w.t, coordinator.Proven(r.Proof))
		if w.tell != nil {
			w.tell("- %s is deleted: %s", r.Seat, coordinator.Describe(r.Proof))
		}
		w.c.RemoveNode(r.Seat)
		w.removed = append(w.removed, r.Seat)
		w.spec.Seats = slices.DeleteFunc(slices.Clone(w.spec.Seats), func(s coordinator.Seat) bool { return s.Name == r.Seat })
		w.co.SetSpec(w.spec)
	}
}

// settle passes until the coordinator says that all is as wanted and nothing is
// left to delete.
func (w *world) settle(most int) coordinator.Result {
	w.t.Helper()
	for range most {
		if r := w.pass(); r.Converged && len(r.Removable) == 0 {
			return r
		}
	}
	require.FailNow(w.t, "not settled", "after %d passes: blocked %v, progress %+v, kept %v, notes %v, truth %v", most,
		w.last.Blocked, w.last.Progress, w.last.Kept, w.last.Notes, w.c.Unsettled(w.last.ClusterID, w.wantedSeats(), w.spec.ReplicationFactor))
	return coordinator.Result{}
}

func (w *world) wantedSeats() (names []string) {
	for _, s := range w.spec.Seats {
		if s.Wanted {
			names = append(names, s.Name)
		}
	}
	return names
}

// requireSettled holds the truth against what the coordinator said.
func (w *world) requireSettled() {
	w.t.Helper()
	require.Empty(w.t, w.c.Unsettled(w.last.ClusterID, w.wantedSeats(), w.spec.ReplicationFactor))
	require.Empty(w.t, w.c.Lost())
}

// seats returns n seats n0, n1, ..., in the zones in turn.
func seats(n int, zones ...string) []coordinator.Seat {
	out := make([]coordinator.Seat, n)
	for i := range out {
		out[i] = coordinator.Seat{Name: fmt.Sprintf("n%d", i), PeerAddress: fmt.Sprintf("n%d:7000", i)}
		if len(zones) > 0 {
			out[i].Zone = zones[i%len(zones)]
		}
	}
	return out
}

var errCrashed = errors.New("the coordinator died")

// survives counts a change and tells whether it is made. The coordinator dies
// before or after it.
func (w *world) survives() (made bool, err error) {
	if w.crashIn < 0 {
		return true, nil
	}
	w.crashIn--
	if w.crashIn >= 0 {
		return true, nil
	}
	w.cancel()
	return !w.crashBefore, errCrashed
}

type crashStore struct{ w *world }

func (s crashStore) Load(ctx context.Context) (*coordinator.Record, error) {
	return s.w.store.Load(ctx)
}

func (s crashStore) Save(ctx context.Context, r *coordinator.Record) error {
	made, err := s.w.survives()
	if made {
		if saved := s.w.store.Save(ctx, r); err == nil {
			err = saved
		}
	}
	return err
}

// crashAdmin dies with the coordinator at calls that change something.
type crashAdmin struct {
	cluster.Admin
	w *world
}

func (a crashAdmin) do(call func() error) error {
	made, err := a.w.survives()
	if made {
		if done := call(); err == nil {
			err = done
		}
	}
	return err
}

func (a crashAdmin) PublishMap(ctx context.Context, m *cluster.Map) error {
	return a.do(func() error { return a.Admin.PublishMap(context.WithoutCancel(ctx), m) })
}

func (a crashAdmin) CreateReplica(ctx context.Context, q cluster.CreateReplica) error {
	return a.do(func() error { return a.Admin.CreateReplica(context.WithoutCancel(ctx), q) })
}

func (a crashAdmin) ChangeConfig(ctx context.Context, q cluster.ChangeConfig) error {
	return a.do(func() error { return a.Admin.ChangeConfig(context.WithoutCancel(ctx), q) })
}

func (a crashAdmin) TransferLeader(ctx context.Context, q cluster.TransferLeader) error {
	return a.do(func() error { return a.Admin.TransferLeader(context.WithoutCancel(ctx), q) })
}

func (a crashAdmin) RemoveReplica(ctx context.Context, q cluster.RemoveReplica) error {
	return a.do(func() error { return a.Admin.RemoveReplica(context.WithoutCancel(ctx), q) })
}

func (a crashAdmin) ForceSoleVoter(ctx context.Context, q cluster.SoleVoter) error {
	return a.do(func() error { return a.Admin.ForceSoleVoter(context.WithoutCancel(ctx), q) })
}

func random(seed, stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }
