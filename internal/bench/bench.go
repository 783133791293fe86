package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"

	"github.com/ringkv/ringkv/internal/respclient"
)

// recorders is how many recorders the connections share: one for all would be a
// lock to queue at, one each a lot of memory.
const recorders = 8

// fillPersist is for how long a key is tried to be filled in.
const fillPersist = 30 * time.Second

// Fill writes every key once, with as many connections as the measurement has, so
// that reads find something. A write that failed, or whose outcome is unknown, goes
// again: it writes no other value than the first time. Fill gives up when a key could
// not be written for half a minute.
func Fill(ctx context.Context, o Options) error {
	o.ReadFraction, o.Rate, o.Distribution = 0, 0, Sequential
	o.Count, o.Duration, o.Warmup = uint64(o.Keys), 0, 0
	o.Connections, o.Pipeline, o.persist = min(o.Connections, o.Keys, 16), max(o.Pipeline, 16), fillPersist
	for missing := o.Keys; missing > 0; {
		r, err := Run(ctx, o, nil)
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if r.Failed > 0 {
			return fmt.Errorf("%d of %d keys could not be written: %s", r.Failed, o.Keys, r.firstError())
		}
		missing -= int(r.Operations)
	}
	return nil
}

// Run measures. progress, if not nil, is called every second with what that second
// brought. The end of ctx ends the measurement early, which is no error.
func Run(ctx context.Context, o Options, progress func(Second)) (*Result, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	if err := reach(ctx, &o); err != nil {
		return nil, err
	}
	var z *zipf
	if o.Distribution == Zipf {
		z = newZipf(uint64(o.Keys), o.Skew)
	}
	run := &run{options: o, progress: progress}
	for range min(recorders, o.Connections) {
		run.recorders = append(run.recorders, newRecorder(o.Warmup))
	}
	var left *atomic.Int64
	if o.Count > 0 {
		left = new(atomic.Int64)
		left.Store(int64(o.Count))
	}
	if o.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.Warmup+o.Duration)
		defer cancel()
	}
	var routes *router
	if o.ClusterMode {
		var err error
		if routes, err = newRouter(ctx, &o); err != nil {
			return nil, err
		}
	}
	values, next := randomValues(&o), new(atomic.Uint64)
	run.began = time.Now()
	var all sync.WaitGroup
	for i := range o.Connections {
		w := &worker{
			options: &run.options, home: i, address: o.Addresses[i%len(o.Addresses)], routes: routes, keys: newChooser(&o, z, next, i), schedule: newSchedule(&o, i),
			recorder: run.recorders[i%len(run.recorders)], began: run.began, left: left, values: values,
		}
		run.workers = append(run.workers, w)
		all.Go(func() { w.run(ctx) })
	}
	done := make(chan struct{})
	go func() {
		all.Wait()
		close(done)
	}()
	run.watch(done)
	return run.result(), nil
}

// reach fails early and clearly where nothing listens.
func reach(ctx context.Context, o *Options) error {
	var errs []error
	for _, a := range o.Addresses {
		conn, err := o.question(ctx, a)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		_ = conn.Close() // it was only a question
	}
	if len(errs) == len(o.Addresses) {
		return errors.Join(errs...)
	}
	return nil
}

// question connects to a server of either kind.
func (o *Options) question(ctx context.Context, address string) (io.Closer, error) {
	if o.Dial != nil {
		return o.Dial(ctx, address)
	}
	return respclient.Dial(ctx, address)
}

// run is a measurement under way.
type run struct {
	options   Options
	progress  func(Second)
	recorders []*recorder
	workers   []*worker
	began     time.Time
	ended     time.Duration
	seconds   []Second
}

// tickSlack is how far off a tick of the clock may be.
const tickSlack = 100 * time.Millisecond

// watch collects what every second brings until done is closed.
func (r *run) watch(done <-chan struct{}) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	last := r.options.Warmup
	for over := false; !over; {
		select {
		case <-done:
			over = true
		case <-ticker.C:
		}
		now := time.Since(r.began)
		r.ended = now
		if !over && now <= last+tickSlack {
			continue // the warm-up: what little was counted comes with the next second
		}
		r.collect(last, now)
		last = now
	}
}

func (r *run) collect(from, to time.Duration) {
	var both [kinds]*hdr.Histogram
	for k := range kinds {
		both[k] = newHistogram()
	}
	for _, rec := range r.recorders {
		rec.tick(&both)
	}
	s := Second{At: to.Seconds(), Reads: uint64(both[Read].TotalCount()), Writes: uint64(both[Write].TotalCount())}
	// The rest of a second at the end says little about a rate.
	s.PerSecond = float64(s.Reads+s.Writes) / max((to-from).Seconds(), 0.25)
	both[Read].Merge(both[Write])
	s.Latency = latencyOf(both[Read])
	if s.Reads+s.Writes == 0 && to-from < tickSlack {
		return // nothing after the last tick
	}
	r.seconds = append(r.seconds, s)
	if r.progress != nil {
		r.progress(s)
	}
}

func (r *run) result() *Result {
	t := &totals{failed: map[string]uint64{}, sample: map[string]string{}}
	for k := range kinds {
		t.histograms[k] = newHistogram()
	}
	for _, rec := range r.recorders {
		rec.add(t)
	}
	elapsed := max((r.ended - r.options.Warmup).Seconds(), 1e-9)
	out := &Result{
		Options: r.options, Started: r.began.Add(r.options.Warmup).UTC(), Seconds: elapsed, Missing: t.missed, Redirected: t.moved,
		Errors: t.failed, ErrorSamples: t.sample, Timeline: r.seconds,
		Reads: kindResult(t.histograms[Read]), Writes: kindResult(t.histograms[Write]),
	}
	out.Operations = out.Reads.Count + out.Writes.Count
	out.PerSecond = float64(out.Operations) / elapsed
	for _, n := range t.failed {
		out.Failed += n
	}
	for _, w := range r.workers { // they have ended
		out.LongestGap = max(out.LongestGap, millis(w.gap.longest.Microseconds()))
	}
	return out
}
