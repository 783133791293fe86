package coordinator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// Config is what a Coordinator needs. Store and Dial are required.
type Config struct {
	Store Store
	// Dial returns the admin service at a seat. It is called for every call, so
	// it must be cheap: it connects to nothing by itself.
	Dial func(Seat) cluster.Admin
	// Clock defaults to time.Now.
	Clock func() time.Time
	// Logger defaults to discarding.
	Logger *slog.Logger
	// HeartbeatInterval is how often Run asks all nodes; default 1 s.
	HeartbeatInterval time.Duration
	// CallTimeout bounds every call to a node; default 2 s.
	CallTimeout time.Duration
	// Pace is the time between passes while moves run; default 100 ms.
	Pace   time.Duration
	Limits Limits
	// NewClusterID defaults to cluster.NewClusterID; tests fix it.
	NewClusterID func() string
	// Sequential makes a pass call one node after the other, in the order of the
	// seats and of the plan; for tests that replay.
	Sequential bool
}

// Coordinator observes, plans and makes the steps. Its methods are safe for
// concurrent use; passes run one at a time.
type Coordinator struct {
	config   Config
	observer *observer
	changed  chan struct{}

	mu   sync.Mutex // guards spec
	spec Spec

	passMu sync.Mutex // one pass at a time; guards all below
	hints  Hints
	left   int // moves left after the last pass; negative before the first

	lastMu sync.Mutex // guards last
	last   string     // fingerprint of what the last pass or heartbeat saw
}

// New returns a coordinator that wants nothing yet: SetSpec says what.
func New(config Config) *Coordinator {
	config.HeartbeatInterval = cmp.Or(config.HeartbeatInterval, time.Second)
	config.CallTimeout = cmp.Or(config.CallTimeout, 2*time.Second)
	config.Pace = cmp.Or(config.Pace, 100*time.Millisecond)
	if config.Clock == nil {
		config.Clock = time.Now
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if config.NewClusterID == nil {
		config.NewClusterID = cluster.NewClusterID
	}
	return &Coordinator{
		config:   config,
		observer: &observer{dial: config.Dial, clock: config.Clock, timeout: config.CallTimeout, sequential: config.Sequential, known: map[string]presence{}},
		changed:  make(chan struct{}, 1),
		left:     -1,
		hints:    Hints{Transferred: map[uint32]time.Time{}, MinReplicaID: map[uint32]uint64{}},
	}
}

// SetSpec says what is wanted from the next pass on.
func (c *Coordinator) SetSpec(s Spec) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Seats = append([]Seat(nil), s.Seats...)
	c.spec = s
}

func (c *Coordinator) currentSpec() Spec {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spec
}

// Changed receives when a heartbeat of Run saw something that calls for a Tick.
// It holds at most one signal.
func (c *Coordinator) Changed() <-chan struct{} { return c.changed }

// Run asks all nodes every HeartbeatInterval, until ctx ends, and signals
// Changed when something is new or there is something to do. It changes
// nothing: that is left to Tick.
func (c *Coordinator) Run(ctx context.Context) {
	ticker := time.NewTicker(c.config.HeartbeatInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		c.heartbeat(ctx)
	}
}

func (c *Coordinator) heartbeat(ctx context.Context) {
	spec := c.currentSpec()
	if len(spec.Seats) == 0 {
		return
	}
	record, err := c.config.Store.Load(ctx)
	if err != nil {
		return // Tick says so
	}
	c.passMu.Lock()
	in := c.input(ctx, spec, record)
	d := Plan(in)
	c.passMu.Unlock()
	if ctx.Err() == nil && c.isNews(d) {
		select {
		case c.changed <- struct{}{}:
		default:
		}
	}
}

// input observes. The caller holds passMu.
func (c *Coordinator) input(ctx context.Context, spec Spec, record *Record) Input {
	observation := c.observer.observe(ctx, spec.Seats)
	return Input{
		Spec: spec, Record: record, Observation: observation, Now: c.config.Clock(),
		NewClusterID: c.config.NewClusterID(), Hints: c.hints, Limits: c.config.Limits,
	}
}

// Plan observes and returns what Tick would do now, without doing anything: a
// preview.
func (c *Coordinator) Plan(ctx context.Context) (Decision, error) {
	record, err := c.config.Store.Load(ctx)
	if err != nil {
		return Decision{}, fmt.Errorf("load the record: %w", err)
	}
	c.passMu.Lock()
	defer c.passMu.Unlock()
	return Plan(c.input(ctx, c.currentSpec(), record)), nil
}

// Tick makes one pass: it asks all nodes, plans, saves the record if the map
// changes, and does the steps. It takes a few calls' time at most, and can be
// interrupted anywhere.
//
// The error is about the pass as a whole: the store failed, or ctx ended. What
// single nodes refused is in Result.Done.
func (c *Coordinator) Tick(ctx context.Context) (Result, error) {
	c.passMu.Lock()
	defer c.passMu.Unlock()
	spec := c.currentSpec()
	record, err := c.config.Store.Load(ctx)
	if err != nil {
		return Result{At: c.config.Clock(), Blocked: []Blocked{{ReasonRecordUnreadable, err.Error()}}}, fmt.Errorf("load the record: %w", err)
	}
	in := c.input(ctx, spec, record)
	if err := ctx.Err(); err != nil {
		return Result{At: in.Now}, err
	}
	d, events, err := c.settleRecord(ctx, &in)
	if err != nil {
		return Result{At: in.Now, Blocked: []Blocked{{ReasonRecordUnreadable, err.Error()}}}, err
	}
	result := c.result(in, d, events)
	progress, account := progress(in.Record.Rebalance, d.Remaining, c.left, !d.Health.AllAvailable(), in.Now)
	result.Progress, c.left = progress, d.Remaining.Moves
	if err := c.keepAccount(ctx, in.Record, account); err != nil {
		return result, err
	}
	result.Done = c.execute(ctx, in, d.Steps)
	result.RequeueAfter = c.requeueAfter(d)
	c.isNews(d) // what this pass saw is no news to the next heartbeat
	c.log(result)
	return result, ctx.Err()
}

// settleRecord plans, and saves and plans again as long as the record has to
// change first. in.Record is the saved one afterwards.
func (c *Coordinator) settleRecord(ctx context.Context, in *Input) (Decision, []Event, error) {
	var events []Event
	for range 4 { // create, publish; or a change, then its consequences
		d := Plan(*in)
		events = append(events, d.Events...)
		if d.NextMap == nil && !d.MarkInitialized {
			return d, events, nil
		}
		record := in.Record.Clone()
		if d.NextMap != nil {
			record.Map, record.ClusterID = d.NextMap, d.NextMap.ClusterID
		}
		if d.MarkInitialized {
			record.Initialized = true
		}
		if err := c.config.Store.Save(ctx, record); err != nil {
			return d, nil, fmt.Errorf("save the record: %w", err)
		}
		in.Record = record
	}
	return Decision{}, events, errors.New("the plan keeps changing the map: this is a defect")
}

// keepAccount saves the account of the rebalance when it begins, grows or ends.
func (c *Coordinator) keepAccount(ctx context.Context, record *Record, account *Rebalance) error {
	was := record.Rebalance
	if was == nil && account == nil || was != nil && account != nil && *was == *account {
		return nil
	}
	record = record.Clone()
	record.Rebalance = account
	if err := c.config.Store.Save(ctx, record); err != nil {
		return fmt.Errorf("save the record: %w", err)
	}
	return nil
}

func (c *Coordinator) result(in Input, d Decision, events []Event) Result {
	r := Result{
		At: in.Now, Converged: d.Converged, Health: d.Health, Members: d.Members, Blocked: d.Blocked,
		Removable: d.Removable, Kept: d.Kept, Notes: d.Notes, Events: events,
		Initialized: in.Record.Initialized,
	}
	if m := in.Record.Map; m != nil {
		r.ClusterID, r.Epoch, r.Revision = m.ClusterID, m.Epoch, m.Revision
		r.ReplicationFactor, r.Partitions = m.ReplicationFactor, m.Partitions
	}
	return r
}

// requeueAfter is when to look again without being woken.
func (c *Coordinator) requeueAfter(d Decision) time.Duration {
	switch {
	case d.Converged && len(d.Steps) == 0:
		return 0
	case len(d.Steps) > 0 || d.Remaining.Active > 0 || d.Remaining.Cleanups > 0:
		return c.config.Pace
	}
	return c.config.HeartbeatInterval
}

func (c *Coordinator) log(r Result) {
	for _, e := range r.Events {
		c.config.Logger.Info("cluster changed", "event", e.Reason, "message", e.Message, "epoch", r.Epoch, "revision", r.Revision)
	}
	for _, s := range r.Done {
		switch {
		case s.Err == nil:
			c.config.Logger.Info("step done", "step", s.Step.String(), "why", s.Step.Note)
		case errors.Is(s.Err, cluster.ErrConflict) || errors.Is(s.Err, cluster.ErrNotLeader):
			c.config.Logger.Debug("step came too late", "step", s.Step.String(), "error", s.Err)
		default:
			c.config.Logger.Warn("step failed", "step", s.Step.String(), "why", s.Step.Note, "error", s.Err)
		}
	}
}
