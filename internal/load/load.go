package load

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Load is a checking load on one cluster. All methods are safe for concurrent
// use; Fill and Run exclude each other.
type Load struct {
	options   Options
	addresses *addressBook
	limiter   *rate.Limiter // nil for no bound
	workers   []*worker
	recorder  *recorder
	running   atomic.Bool
}

// ErrRunning is returned by Fill and Run while one of them is under way.
var ErrRunning = errors.New("the load runs already")

// New checks the options and returns a load that does nothing yet.
func New(options Options) (*Load, error) {
	o, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	l := &Load{options: o, addresses: new(addressBook), recorder: newRecorder(time.Now())}
	l.addresses.addresses = o.Addresses
	if o.Rate > 0 {
		// A tenth of a second's worth at once smooths what the timers cannot.
		l.limiter = rate.NewLimiter(rate.Limit(o.Rate), max(o.Pipeline, int(o.Rate/10)))
	}
	for i := range o.Workers {
		l.workers = append(l.workers, newWorker(l, i))
	}
	return l, nil
}

// Fill writes every key once, whatever Rate and ReadFraction say. It returns nil
// when all are acknowledged, or the error of ctx.
func (l *Load) Fill(ctx context.Context) error {
	if err := l.work(ctx, (*worker).fill, Write); err != nil {
		return err
	}
	return ctx.Err()
}

// Run reads and writes until ctx ends, which is no error.
func (l *Load) Run(ctx context.Context) error {
	var kinds []Kind
	if l.options.ReadFraction > 0 {
		kinds = append(kinds, Read)
	}
	if l.options.ReadFraction < 1 {
		kinds = append(kinds, Write)
	}
	return l.work(ctx, (*worker).run, kinds...)
}

func (l *Load) work(ctx context.Context, part func(*worker, context.Context), kinds ...Kind) error {
	if !l.running.CompareAndSwap(false, true) {
		return ErrRunning
	}
	defer l.running.Store(false)
	l.recorder.begin(time.Now(), kinds...)
	var all sync.WaitGroup
	for _, w := range l.workers {
		all.Go(func() {
			defer w.close()
			part(w, ctx)
		})
	}
	all.Wait()
	l.recorder.stop(time.Now())
	return nil
}

// Phase begins a new phase of that name in the statistics.
func (l *Load) Phase(name string) { l.recorder.mark(name, time.Now()) }

// SetAddresses replaces the addresses. Connections are made anew, spread over
// them, before the next operation of each worker. It panics without any.
func (l *Load) SetAddresses(addresses []string) {
	if len(addresses) == 0 {
		panic("load: no address")
	}
	l.addresses.set(addresses)
}

// Stats returns a snapshot. It does not wait for operations that are under way,
// but counts their time so far.
func (l *Load) Stats() Stats {
	now := time.Now()
	var open []underWay
	for _, w := range l.workers {
		if u := w.underWay(); !u.began.IsZero() {
			open = append(open, u)
		}
	}
	s := l.recorder.snapshot(now, open)
	s.Running = l.running.Load()
	s.Prefix, s.Keys = l.options.Prefix, l.options.Keys
	for _, w := range l.workers {
		s.Written += int(w.written.Load())
	}
	return s
}

// note records what an answer was found to be; nil is fine.
func (l *Load) note(v *Violation) {
	if v == nil {
		return
	}
	if v.Fault != FaultLate {
		l.options.Logger.Error("wrong answer", "violation", v.String())
	}
	l.recorder.judged(*v)
}
