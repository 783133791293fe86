package localcluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/coordinator"
	"github.com/ringkv/ringkv/internal/kv/rpc"
	"github.com/ringkv/ringkv/internal/kv/vfs"
)

// Cluster is a running or startable cluster in a folder. Its methods are safe
// for concurrent use.
type Cluster struct {
	options Options
	log     *slog.Logger
	lock    io.Closer
	brain   brain
	// brainLog is where the brain writes every step that it makes.
	brainLog io.Closer
	reporter reporter      // used by coordinate alone
	woken    chan struct{} // has room for one: something was wished

	mu        sync.Mutex
	wish      *wish               // never nil; replaced, not changed; guarded by mu
	changes   uint64              // counts changes of wish; guarded by mu
	processes map[string]*process // by seat; guarded by mu
	removing  map[string]bool     // seats that are past changing one's mind; guarded by mu
	stopping  bool                // no process is started any more; guarded by mu
	pass      pass                // the last one; guarded by mu

	clientsMu sync.Mutex
	clients   map[string]*rpc.Client // by peer address; guarded by clientsMu
}

// brain is the coordinator as a Cluster uses it.
type brain interface {
	SetSpec(coordinator.Spec)
	Run(ctx context.Context)
	Changed() <-chan struct{}
	Tick(ctx context.Context) (coordinator.Result, error)
}

// pass is what one look at the cluster brought.
type pass struct {
	changes uint64              // of the wish that it was about
	result  *coordinator.Result // nil before the first pass
	err     error
}

// Open takes the folder, and makes a new cluster in it if it is empty. Nothing
// runs yet. Close must be called in the end.
func Open(o Options) (*Cluster, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if !exists(filepath.Join(o.Dir, wishFile)) {
		if _, err := o.newWish(); err != nil {
			return nil, err // before there is a folder with nothing in it
		}
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, err
	}
	lock, err := vfs.OS{}.Lock(filepath.Join(o.Dir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("a cluster runs on %s already, or the folder cannot be used: %w", o.Dir, err)
	}
	c := &Cluster{
		options:   o,
		log:       o.Logger,
		reporter:  reporter{log: o.Logger, since: make(map[coordinator.Reason]time.Time)},
		lock:      lock,
		woken:     make(chan struct{}, 1),
		processes: make(map[string]*process),
		removing:  make(map[string]bool),
		clients:   make(map[string]*rpc.Client),
	}
	if err := c.open(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return c, nil
}

func (c *Cluster) open() error {
	w, err := loadWish(c.options.Dir)
	if err != nil {
		return err
	}
	if w == nil {
		if w, err = c.options.newWish(); err != nil {
			return err
		}
		if err := w.save(c.options.Dir); err != nil {
			return err
		}
	}
	switch external := len(c.options.Seeds) > 0; {
	case external && !w.External:
		return fmt.Errorf("the cluster in %s starts its nodes itself: run it with kvctl local", c.options.Dir)
	case !external && w.External:
		return fmt.Errorf("the nodes of the cluster in %s are started by somebody else: run it with kvctl coordinate", c.options.Dir)
	}
	c.wish = w
	brain, log, err := c.newCoordinator()
	if err != nil {
		return err
	}
	c.brain, c.brainLog = brain, log
	return nil
}

// Close gives the folder free. Run must have returned.
func (c *Cluster) Close() error {
	for _, client := range c.clients {
		client.Close()
	}
	return errors.Join(c.brainLog.Close(), c.lock.Close())
}

// spec is the wish in the coordinator's words.
func (c *Cluster) spec(w *wish) coordinator.Spec {
	s := coordinator.Spec{
		ReplicationFactor:  w.ReplicationFactor,
		Partitions:         w.Partitions,
		VirtualNodes:       w.VirtualNodes,
		Settings:           cluster.DefaultSettings(),
		MaxConcurrentMoves: c.options.MaxConcurrentMoves,
	}
	if n := c.options.CompactionOperations; n != 0 {
		s.Settings.CompactionOperations = n
	}
	for _, seat := range w.Seats {
		s.Seats = append(s.Seats, coordinator.Seat{
			Name:        seat.Name,
			PeerAddress: seat.peerAddress(c.options.Port),
			Zone:        seat.Zone,
			Wanted:      !seat.Leaving,
		})
	}
	return s
}

// Run starts all nodes and coordinates them until ctx ends; then it stops them
// and returns when they are gone. It is called once.
func (c *Cluster) Run(ctx context.Context) error {
	stopControl, err := c.serveControl()
	if err != nil {
		return err
	}
	defer stopControl()
	defer c.stopAll()
	if err := c.startAll(); err != nil {
		return err
	}
	// The heartbeats end with this function, not later.
	ctx, cancel := context.WithCancel(ctx)
	var background sync.WaitGroup
	defer background.Wait()
	defer cancel()
	background.Go(func() { c.brain.Run(ctx) })
	c.coordinate(ctx)
	return nil
}

func (c *Cluster) startAll() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wish.External {
		return nil
	}
	for _, s := range c.wish.Seats {
		if err := checkPorts(s.first(c.options.Port), s.Name); err != nil {
			return err
		}
	}
	for _, s := range c.wish.Seats {
		if err := c.startNode(s); err != nil {
			return err
		}
	}
	return nil
}

// startNode starts the process of a seat. The caller holds mu.
func (c *Cluster) startNode(s seat) error {
	if c.stopping {
		return errors.New("the cluster is being stopped")
	}
	dir, first := filepath.Join(c.options.Dir, s.Name), s.first(c.options.Port)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	spec := processSpec{
		name:         s.Name,
		binary:       c.options.Binary,
		args:         append(nodeFlags(dir, first, s), c.options.NodeFlags...),
		env:          nodeEnvironment(first),
		logFile:      filepath.Join(dir, "node.log"),
		restartDelay: c.options.RestartDelay,
		stopGrace:    stopGrace,
		logger:       c.log,
	}
	if c.options.NoRestart {
		spec.restartDelay = -1
	}
	p, err := startProcess(spec)
	if err != nil {
		return err
	}
	c.processes[s.Name] = p
	return nil
}

func (c *Cluster) stopAll() {
	c.mu.Lock()
	c.stopping = true
	processes := slices.Collect(maps.Values(c.processes))
	c.mu.Unlock()
	var all sync.WaitGroup
	for _, p := range processes {
		all.Go(p.Stop)
	}
	all.Wait()
}

// tickTimeout bounds one pass.
const tickTimeout = 10 * time.Second

// coordinate looks, decides and acts until ctx ends.
func (c *Cluster) coordinate(ctx context.Context) {
	for {
		var again <-chan time.Time // never, if only a change makes it worth while
		if after := c.tick(ctx); after > 0 {
			again = time.After(after)
		}
		select {
		case <-ctx.Done():
			return
		case <-c.brain.Changed():
		case <-c.woken:
		case <-again:
		}
	}
}

// tick does one pass and returns when to do the next one; 0 means when something
// has changed.
func (c *Cluster) tick(ctx context.Context) time.Duration {
	c.mu.Lock()
	w, changes := c.wish, c.changes
	c.mu.Unlock()
	c.brain.SetSpec(c.spec(w))

	passCtx, cancel := context.WithTimeout(ctx, tickTimeout)
	defer cancel()
	result, err := c.brain.Tick(passCtx)
	if ctx.Err() != nil {
		return 0 // the end
	}
	if err != nil {
		c.log.Error("the coordinator could not do its work", "error", err)
	}
	c.mu.Lock()
	c.pass = pass{changes: changes, result: &result, err: err}
	c.mu.Unlock()
	c.reporter.report(&result)
	if err != nil {
		return time.Second
	}
	for _, r := range result.Removable {
		if err := c.remove(r, changes); err != nil {
			c.log.Error("a node that may go could not be taken away", "node", r.Seat, "error", err)
		}
	}
	return result.RequeueAfter
}

// remove takes a node away that the coordinator has proved to be empty and
// replaced: its process, its folder, its seat, in this order, so that a crash in
// between leaves a seat that is removed again. Of an external node only the seat is
// ours to take.
func (c *Cluster) remove(r coordinator.Removal, changes uint64) error {
	c.mu.Lock()
	if changes != c.changes {
		c.mu.Unlock()
		return nil // the proof is about an earlier wish: the next pass has one about this
	}
	c.removing[r.Seat] = true
	p, external := c.processes[r.Seat], c.wish.External
	c.mu.Unlock()
	if p != nil {
		p.Stop()
	}
	if !external {
		if err := os.RemoveAll(filepath.Join(c.options.Dir, r.Seat)); err != nil {
			return err
		}
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	next := c.wish.clone()
	next.gone(r.Seat)
	if err := c.commit(next); err != nil {
		return err
	}
	delete(c.processes, r.Seat)
	delete(c.removing, r.Seat)
	c.log.Info("node is gone", "node", r.Seat)
	return nil
}

// commit makes next the wish, on disk first. The caller holds mu.
func (c *Cluster) commit(next *wish) error {
	if err := next.save(c.options.Dir); err != nil {
		return err
	}
	c.wish = next
	c.changes++
	c.wake()
	return nil
}

func (c *Cluster) wake() {
	select {
	case c.woken <- struct{}{}:
	default: // it is to wake already
	}
}
