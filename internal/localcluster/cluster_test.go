package localcluster

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/coordinator"
)

// script is a brain that says what the test wants.
type script struct {
	changed chan struct{}
	mu      sync.Mutex
	spec    coordinator.Spec                                   // guarded by mu
	decide  func(spec coordinator.Spec, r *coordinator.Result) // guarded by mu
	during  func()                                             // called once, in a pass in which a seat is leaving; guarded by mu
}

func (s *script) SetSpec(spec coordinator.Spec) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spec = spec
}

func (s *script) Run(ctx context.Context)  { <-ctx.Done() }
func (s *script) Changed() <-chan struct{} { return s.changed }

func (s *script) Tick(context.Context) (coordinator.Result, error) {
	s.mu.Lock()
	spec, decide := s.spec, s.decide
	var during func()
	if slices.ContainsFunc(spec.Seats, func(seat coordinator.Seat) bool { return !seat.Wanted }) {
		during, s.during = s.during, nil
	}
	s.mu.Unlock()
	r := coordinator.Result{
		At: time.Now(), Converged: true, Health: coordinator.Health{Partitions: 1, Available: 1}, RequeueAfter: 5 * time.Millisecond,
	}
	if during != nil {
		during()
	}
	if decide != nil {
		decide(spec, &r)
	}
	return r, nil
}

func (s *script) set(decide func(coordinator.Spec, *coordinator.Result)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.decide = decide
}

func (s *script) seats() (wanted, leaving []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, seat := range s.spec.Seats {
		if seat.Wanted {
			wanted = append(wanted, seat.Name)
		} else {
			leaving = append(leaving, seat.Name)
		}
	}
	return wanted, leaving
}

// removeLeaving says that every leaving seat may go.
func removeLeaving(spec coordinator.Spec, r *coordinator.Result) {
	for _, seat := range spec.Seats {
		if !seat.Wanted {
			r.Removable = append(r.Removable, coordinator.Removal{Seat: seat.Name, Proof: []coordinator.Check{{Name: "Test", OK: true}}})
		}
	}
}

type running struct {
	*Cluster
	brain *script
	stop  func()
}

// run opens and runs a cluster of fake nodes with a scripted brain.
func run(t *testing.T, o Options) *running {
	t.Helper()
	t.Setenv(fakeNode, "polite")
	var err error
	o.Binary, err = os.Executable()
	require.NoError(t, err)
	o.RestartDelay = 10 * time.Millisecond
	if o.Port == 0 {
		o.Port, err = FreePort(6)
		require.NoError(t, err)
	}
	c, err := Open(o)
	require.NoError(t, err)
	brain := &script{changed: make(chan struct{})}
	c.brain = brain
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	r := &running{Cluster: c, brain: brain}
	r.stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-ended)
		require.NoError(t, c.Close())
	})
	t.Cleanup(r.stop)
	r.waitFor(t, func(s *Status) bool { return s.Available })
	return r
}

func (r *running) waitFor(t *testing.T, condition func(*Status) bool) Status {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), budget)
	defer cancel()
	s, err := r.WaitFor(ctx, condition)
	require.NoError(t, err, "%+v", s)
	return s
}

func pids(s Status) (pids []int) {
	for _, n := range s.Nodes {
		pids = append(pids, n.PID)
	}
	return pids
}

func TestRunStartsAndStopsAllNodes(t *testing.T) {
	dir := t.TempDir()
	r := run(t, Options{Dir: dir, Zones: []string{"a", "b"}})
	s := r.Status(t.Context())
	require.Len(t, s.Nodes, 3)
	require.Equal(t, 3, s.ReplicationFactor)
	require.Equal(t, "c1", s.ClusterID)
	require.EqualValues(t, 7, s.Keys, "each key counts once")
	require.Equal(t, []string{"a", "b", "a"}, []string{s.Nodes[0].Zone, s.Nodes[1].Zone, s.Nodes[2].Zone})
	require.Equal(t, 1, s.Nodes[0].Leaders)
	require.Empty(t, s.Nodes[0].HTTP, "a port that the node does not report")
	for _, pid := range pids(s) {
		require.True(t, alive(pid))
	}
	log, err := os.ReadFile(filepath.Join(dir, "n2", "node.log"))
	require.NoError(t, err)
	require.Contains(t, string(log), "--dir "+filepath.Join(dir, "n2", "data")+" --name n2 --bind 127.0.0.1")

	r.stop()
	for _, pid := range pids(s) {
		require.False(t, alive(pid))
	}
	require.NoFileExists(t, filepath.Join(dir, controlFile))
}

func TestFolderIsUsedByOneClusterAtATime(t *testing.T) {
	dir := t.TempDir()
	r := run(t, Options{Dir: dir})
	_, err := Open(Options{Dir: dir, Port: 7000})
	require.ErrorContains(t, err, "runs on "+dir)
	r.stop()
	c, err := Open(Options{Dir: dir, Port: 7000})
	require.NoError(t, err)
	require.NoError(t, c.Close())
}

func TestKilledNodeComesBack(t *testing.T) {
	r := run(t, Options{Dir: t.TempDir()})
	before := r.Status(t.Context()).Node("n2").PID
	require.NoError(t, r.Kill("n2"))
	s := r.waitFor(t, func(s *Status) bool { return s.Node("n2").Restarts == 1 && s.Ready() })
	require.NotEqual(t, before, s.Node("n2").PID)
	require.Error(t, r.Kill("n9"))
}

func TestWishesFromAnotherProcessAreGrantedAndKept(t *testing.T) {
	dir := t.TempDir()
	r := run(t, Options{Dir: dir})
	client, err := Connect(dir)
	require.NoError(t, err)
	ctx := t.Context()

	require.NoError(t, client.AddNode(ctx, NewNode{Name: "n4", Zone: "b"}))
	s := r.waitFor(t, func(s *Status) bool { return len(s.Nodes) == 4 && s.Ready() })
	added := s.Node("n4")
	require.True(t, alive(added.PID))
	require.Equal(t, AddressesOf(r.options.Port, 3).RESP, added.RESP)

	require.NoError(t, client.SetReplicationFactor(ctx, 2))
	require.NoError(t, client.RemoveNode(ctx, "n1"))
	wished := time.Now()
	require.NoError(t, client.Rebalance(ctx))
	r.waitFor(t, func(s *Status) bool {
		return s.ReplicationFactor == 2 && s.Node("n1").Leaving && s.ObservedAt.After(wished)
	})
	wanted, leaving := r.brain.seats()
	require.Equal(t, []string{"n2", "n3", "n4"}, wanted)
	require.Equal(t, []string{"n1"}, leaving)

	for _, refused := range []error{
		client.AddNode(ctx, NewNode{Name: "n4"}), client.AddNode(ctx, NewNode{Name: "../x"}), client.RemoveNode(ctx, "n9"),
		client.SetReplicationFactor(ctx, 4), client.SetReplicationFactor(ctx, 0),
	} {
		require.Error(t, refused)
	}

	// The wish outlives the process, and so does what is half done.
	r.stop()
	require.ErrorIs(t, client.AddNode(ctx, NewNode{Name: "n5"}), ErrNotRunning)
	_, err = Connect(dir)
	require.ErrorIs(t, err, ErrNotRunning)
	again := run(t, Options{Dir: dir, Port: r.options.Port, Nodes: 5, ReplicationFactor: 1})
	again.waitFor(t, func(s *Status) bool { return len(s.Nodes) == 4 && s.ReplicationFactor == 2 })
	_, leaving = again.brain.seats()
	require.Equal(t, []string{"n1"}, leaving)
}

func TestNodeGoesOnlyWhenTheCoordinatorHasProvedThatItMay(t *testing.T) {
	dir := t.TempDir()
	r := run(t, Options{Dir: dir, Nodes: 4, ReplicationFactor: 3})
	pid := r.Status(t.Context()).Node("n2").PID
	require.NoError(t, r.RemoveNode("n2"))
	wished := time.Now()
	r.Rebalance()
	s := r.waitFor(t, func(s *Status) bool { return s.ObservedAt.After(wished) }) // a pass without a proof
	require.False(t, s.Ready(), "a node that is to leave is still there")
	require.True(t, alive(pid))
	require.DirExists(t, filepath.Join(dir, "n2"))

	r.brain.set(removeLeaving)
	s = r.waitFor(t, func(s *Status) bool { return s.Node("n2") == nil && s.Ready() })
	require.Len(t, s.Nodes, 3)
	require.False(t, alive(pid))
	require.NoDirExists(t, filepath.Join(dir, "n2"))
	w, err := loadWish(dir)
	require.NoError(t, err)
	require.Nil(t, w.seat("n2"))
	require.Equal(t, 3, w.staying())

	// Its name and its ports can be used again.
	require.NoError(t, r.AddNode(NewNode{Name: "n2"}))
	s = r.waitFor(t, func(s *Status) bool { return s.Ready() })
	require.Equal(t, AddressesOf(r.options.Port, 1).RESP, s.Node("n2").RESP)
}

func TestProofAboutAnEarlierWishRemovesNothing(t *testing.T) {
	r := run(t, Options{Dir: t.TempDir(), Nodes: 4, ReplicationFactor: 3})
	pid := r.Status(t.Context()).Node("n4").PID
	// In the middle of the pass that finds n4 removable, it is wanted again.
	kept := make(chan error, 1)
	r.brain.mu.Lock()
	r.brain.decide = removeLeaving
	r.brain.during = func() { kept <- r.AddNode(NewNode{Name: "n4"}) }
	r.brain.mu.Unlock()
	require.NoError(t, r.RemoveNode("n4"))
	require.NoError(t, <-kept)
	s := r.waitFor(t, func(s *Status) bool { return s.Ready() })
	require.Equal(t, pid, s.Node("n4").PID)
	require.False(t, s.Node("n4").Leaving)
	require.True(t, alive(pid))
}

func TestSettledIsAboutTheNewestWish(t *testing.T) {
	r := run(t, Options{Dir: t.TempDir()})
	r.brain.mu.Lock() // no pass can begin
	require.NoError(t, r.SetReplicationFactor(1))
	s := r.Status(t.Context())
	r.brain.mu.Unlock()
	require.False(t, s.Settled)
	r.waitFor(t, func(s *Status) bool { return s.Available })
}

func TestStatusSaysWhatIsInTheWay(t *testing.T) {
	r := run(t, Options{Dir: t.TempDir()})
	r.brain.set(func(_ coordinator.Spec, result *coordinator.Result) {
		result.Converged = false
		result.Health.Available = 0
		result.Blocked = []coordinator.Blocked{{Reason: coordinator.ReasonUnavailable, Message: "partition 0 has no leader"}}
		result.Progress = coordinator.Progress{MovesDone: 1, MovesTotal: 3}
	})
	s := r.waitFor(t, func(s *Status) bool { return len(s.Blocked) > 0 })
	require.Equal(t, "Unavailable: partition 0 has no leader", s.Blocked[0])
	require.False(t, s.Available || s.Settled)
	require.Equal(t, []int{1, 3}, []int{s.MovesDone, s.MovesTotal})
}

func TestControlNeedsTheToken(t *testing.T) {
	dir := t.TempDir()
	run(t, Options{Dir: dir})
	client, err := Connect(dir)
	require.NoError(t, err)
	info, err := os.Stat(filepath.Join(dir, controlFile))
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())

	response, err := http.Get("http://" + client.info.Address + "/status")
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusUnauthorized, response.StatusCode)
	client.info.Token += "x"
	require.ErrorContains(t, client.AddNode(t.Context(), NewNode{Name: "n4"}), "token")
}

func TestTakenPortIsNamed(t *testing.T) {
	r := run(t, Options{Dir: t.TempDir()})
	c, err := Open(Options{Dir: t.TempDir(), Port: r.options.Port, Binary: "/bin/true"})
	require.NoError(t, err)
	defer c.Close()
	require.ErrorContains(t, c.Run(t.Context()), "node n1 is taken")
}

func TestBadOptionsMakeNoFolder(t *testing.T) {
	for name, o := range map[string]Options{
		"RF above nodes":    {Nodes: 2, ReplicationFactor: 3, Port: 7000},
		"no port":           {},
		"port too high":     {Port: 65530},
		"odd partitions":    {Partitions: 60, Port: 7000},
		"too many nodes":    {Nodes: MaxNodes + 1, Port: 7000},
		"negative nodes":    {Nodes: -1, Port: 7000},
		"negative replicas": {ReplicationFactor: -1, Port: 7000},
	} {
		o.Dir = filepath.Join(t.TempDir(), "d")
		_, err := Open(o)
		require.Error(t, err, name)
		require.NoDirExists(t, o.Dir, name)
	}
	_, err := Open(Options{Port: 7000})
	require.Error(t, err)
}
