package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/coordinator"
)

// operator runs a coordinator. The coordinator's code blocks in its calls, so it has
// a goroutine, but that one and the simulation's never run at the same time: the
// one waits until the other has come to its next call.
type operator struct {
	w     *world
	name  string
	c     *coordinator.Coordinator
	calls chan *adminCall
	ends  chan passEnd
	dead  bool
	busy  bool
	last  coordinator.Result
}

type passEnd struct {
	result coordinator.Result
	err    error
}

// adminCall is a call on its way to a node.
type adminCall struct {
	seat  string
	do    func(ctx context.Context, a cluster.Admin) error
	reply chan error
}

var errOperatorGone = errors.New("the coordinator has crashed")

func (w *world) startOperator(name string) *operator {
	o := &operator{w: w, name: name, calls: make(chan *adminCall), ends: make(chan passEnd)}
	ids := w.random("cluster IDs")
	o.c = coordinator.New(coordinator.Config{
		Store: operatorStore{o}, Dial: func(s coordinator.Seat) cluster.Admin { return remote{o: o, seat: s.Name} },
		Clock: func() time.Time { return time.UnixMilli(epoch + w.now/1e6) }, Sequential: true, CallTimeout: time.Hour,
		NewClusterID: func() string { return fmt.Sprintf("%016x", ids.Uint64()) }, Logger: w.logger(name),
	})
	w.operator = append(w.operator, o)
	w.after(between(w.random(name), 0, 500*time.Millisecond), nil, o.pass)
	return o
}

// pass begins a pass of the coordinator.
func (o *operator) pass() {
	if o.dead {
		return
	}
	o.c.SetSpec(o.w.spec())
	o.busy = true
	go func() {
		r, err := o.c.Tick(context.Background())
		o.ends <- passEnd{r, err}
	}()
	o.proceed()
}

// proceed lets the coordinator run to its next call or to the end of its pass.
func (o *operator) proceed() {
	select {
	case c := <-o.calls:
		o.carry(c)
	case end := <-o.ends:
		o.busy = false
		if end.err == nil {
			o.last = end.result
			o.w.afterPass(o)
		}
		if !o.dead {
			o.w.after(between(o.w.random(o.name), 100*time.Millisecond, 400*time.Millisecond), nil, o.pass)
		}
	}
}

// crash ends the coordinator wherever it is: a call under way may have been made.
func (o *operator) crash() {
	o.dead = true
	o.w.operator = slices.DeleteFunc(o.w.operator, func(x *operator) bool { return x == o })
	o.w.logf("%s crashed", o.name)
}

// carry takes a call over the network and its answer back.
func (o *operator) carry(c *adminCall) {
	w := o.w
	random := w.random(o.name)
	answered := false
	answer := func(err error) {
		if !answered {
			answered = true
			c.reply <- err
			o.proceed()
		}
	}
	if o.dead {
		answer(errOperatorGone)
		return
	}
	delay := func() time.Duration { return between(random, 200*time.Microsecond, 10*time.Millisecond) }
	there, back := delay(), delay()
	w.after(2*time.Second, nil, func() { answer(context.DeadlineExceeded) })
	w.after(there, nil, func() {
		m := w.machine(c.seat)
		if m == nil || m.process == nil || m.process.node == nil {
			answer(errDown)
			return
		}
		p := m.process
		if w.network.blocked(o.name, c.seat) {
			return
		}
		w.after(0, p, func() {
			err := c.do(context.Background(), p.node)
			w.after(back, nil, func() {
				if !w.network.blocked(c.seat, o.name) {
					answer(err)
				}
			})
		})
	})
}

// remote is a node as the coordinator sees it.
type remote struct {
	o    *operator
	seat string
}

var _ cluster.Admin = remote{}

func (r remote) call(do func(ctx context.Context, a cluster.Admin) error) error {
	if r.o.dead {
		return errOperatorGone
	}
	c := &adminCall{seat: r.seat, do: do, reply: make(chan error)}
	r.o.calls <- c
	return <-c.reply
}

// Status implements cluster.Admin.
func (r remote) Status(context.Context) (*cluster.NodeStatus, error) {
	var s *cluster.NodeStatus
	err := r.call(func(ctx context.Context, a cluster.Admin) (err error) { s, err = a.Status(ctx); return err })
	if err != nil {
		return nil, err
	}
	return s, nil
}

// PublishMap implements cluster.Admin.
func (r remote) PublishMap(_ context.Context, m *cluster.Map) error {
	m = m.Clone()
	return r.call(func(ctx context.Context, a cluster.Admin) error { return a.PublishMap(ctx, m) })
}

// CreateReplica implements cluster.Admin.
func (r remote) CreateReplica(_ context.Context, q cluster.CreateReplica) error {
	return r.call(func(ctx context.Context, a cluster.Admin) error { return a.CreateReplica(ctx, q) })
}

// ChangeConfig implements cluster.Admin.
func (r remote) ChangeConfig(_ context.Context, q cluster.ChangeConfig) error {
	return r.call(func(ctx context.Context, a cluster.Admin) error { return a.ChangeConfig(ctx, q) })
}

// TransferLeader implements cluster.Admin.
func (r remote) TransferLeader(_ context.Context, q cluster.TransferLeader) error {
	return r.call(func(ctx context.Context, a cluster.Admin) error { return a.TransferLeader(ctx, q) })
}

// RemoveReplica implements cluster.Admin.
func (r remote) RemoveReplica(_ context.Context, q cluster.RemoveReplica) error {
	o := r.o.w.oracle
	return r.call(func(ctx context.Context, a cluster.Admin) error {
		err := a.RemoveReplica(ctx, q)
		if n := r.o.w.machine(r.seat).running(); err == nil && n != nil {
			k := heldKey{n.ID(), q.Partition}
			o.removed[k] = max(o.removed[k], q.ID)
		}
		return err
	})
}

// ForceSoleVoter implements cluster.Admin.
func (r remote) ForceSoleVoter(_ context.Context, q cluster.SoleVoter) error {
	return r.call(func(ctx context.Context, a cluster.Admin) error { return a.ForceSoleVoter(ctx, q) })
}

// Drain implements cluster.Admin.
func (r remote) Drain(context.Context) error { return errors.New("nobody drains from here") }

// recordStore is where all coordinators keep the record: what was saved stays.
type recordStore struct {
	record  *coordinator.Record
	version int
}

// operatorStore is the store as one coordinator sees it.
type operatorStore struct{ o *operator }

// Load implements coordinator.Store.
func (s operatorStore) Load(context.Context) (*coordinator.Record, error) {
	if s.o.dead {
		return nil, errOperatorGone
	}
	r := s.o.w.store.record.Clone()
	r.Version = strconv.Itoa(s.o.w.store.version)
	return r, nil
}

// Save implements coordinator.Store.
func (s operatorStore) Save(_ context.Context, r *coordinator.Record) error {
	st := s.o.w.store
	switch {
	case s.o.dead:
		return errOperatorGone
	case r.Version != strconv.Itoa(st.version):
		return fmt.Errorf("somebody else has written: %w", cluster.ErrConflict)
	}
	st.version++
	r.Version = strconv.Itoa(st.version)
	st.record = r.Clone()
	return nil
}

// spec is what is wanted of the cluster now.
func (w *world) spec() coordinator.Spec {
	s := coordinator.Spec{
		ReplicationFactor: w.replicas, Partitions: w.config.Partitions, VirtualNodes: 32,
		Settings: cluster.DefaultSettings(),
	}
	s.Settings.CompactionOperations = 300
	s.Settings.CompactionBytes = segmentBytes
	if w.config.Interval {
		s.Settings.Sync = cluster.SyncInterval
	}
	if w.config.ReadIndex {
		s.Settings.Reads = cluster.ReadsIndex
	}
	for _, m := range w.machines {
		if !m.gone {
			s.Seats = append(s.Seats, coordinator.Seat{Name: m.name, PeerAddress: m.name, Wanted: !m.leaving})
		}
	}
	return s
}

// afterPass takes away the machines that may go.
func (w *world) afterPass(o *operator) {
	for _, r := range o.last.Removable {
		if m := w.machine(r.Seat); m != nil && m.leaving && !m.gone {
			w.logf("%s leaves the cluster for good", m.name)
			m.gone = true
			if m.process != nil {
				m.process.kill()
			}
		}
	}
}
