package main

import (
	"context"
	"fmt"
	"time"

	"github.com/ringkv/ringkv/internal/bench"
	"github.com/ringkv/ringkv/internal/localcluster"
)

// The open loop of the pauses.
const (
	pauseConnections = 200
	mostRate         = 50_000           // a second
	ofMaximum        = 0.6              // of what the store takes, if that is less
	pauseTime        = 10 * time.Second // of each measurement
	scaleTime        = 25 * time.Second // of the one in which nodes are added
	// pauseKeys give the snapshots of ringkv something to carry. etcd is filled with
	// fewer: it would take minutes.
	pauseKeys = 200_000
	// fewPartitions make each so busy that it is compacted several times.
	fewPartitions = 4
)

// mixed returns the options of half reads, half writes.
func mixed(s server, connections int) bench.Options {
	o := order(s.addresses(), connections)
	o.ReadFraction, o.Timeout = 0.5, 10*time.Second
	if _, ok := s.(*ringkvServer); ok {
		o.Keys = pauseKeys
	}
	return o
}

// share fills the store and returns the part of its maximum that it is then asked for.
func (r *run) share(ctx context.Context, s server) (float64, error) {
	o := mixed(s, pauseConnections)
	if err := r.write(ctx, s, o); err != nil {
		return 0, err
	}
	o.Duration, o.Warmup = r.time, r.time/4
	result, err := r.goLoad(ctx, s, o, false)
	if err := noneFailed(result, err); err != nil {
		return 0, err
	}
	return ofMaximum * result.PerSecond, nil
}

// openLoop returns the options of the open loop.
func openLoop(s server, rate float64, long time.Duration) bench.Options {
	o := mixed(s, pauseConnections)
	o.Rate, o.Duration, o.Warmup, o.Pipeline = rate, long, time.Second, 64
	return o
}

// open runs the open loop.
func (r *run) open(ctx context.Context, s server, rate float64, long time.Duration) (*bench.Result, error) {
	result, err := r.goLoad(ctx, s, openLoop(s, rate, long), false)
	return result, noneFailed(result, err)
}

// noneFailed returns an error if the load had one or a command failed.
func noneFailed(result *bench.Result, err error) error {
	if err == nil && result.Failed > 0 {
		err = fmt.Errorf("%d commands failed: %v", result.Failed, result.ErrorSamples)
	}
	return err
}

// longest is the longest time that any command took from when it was due.
func longest(r *bench.Result) float64 { return max(r.Reads.Latency.Max, r.Writes.Latency.Max) }

// leastSecond is the part of the asked rate that was answered in the worst second, in
// percent.
func leastSecond(r *bench.Result) float64 {
	least, first := 100.0, r.Options.Warmup.Seconds()+0.9      // what ends earlier is not a whole second
	for _, s := range r.Timeline[:max(len(r.Timeline)-1, 0)] { // nor is the last one
		if s.At >= first {
			least = min(least, 100*s.PerSecond/r.Options.Rate)
		}
	}
	return least
}

// pauseWork is a row of the longest pauses.
type pauseWork struct {
	work string
	most float64 // milliseconds
}

var (
	steadyPause  = pauseWork{"steady", 10}
	compactPause = pauseWork{"during snapshots and compaction", 20}
	scalePause   = pauseWork{"while 3 nodes become 5", 100}
)

// What is added to the name of a work.
const (
	answered  = ": answered in the worst second"
	highTimes = ": p99.9"
)

// measurePauses: commands that come due by a schedule, whatever the store does, timed
// from when they were due.
func measurePauses(ctx context.Context, r *run) error {
	c := newContest("pauses")
	note := func(system string, w pauseWork, result *bench.Result) {
		c.note(system, w.work+": longest", "ms", longest(result))
		c.note(system, w.work+highTimes, "ms", max(result.Reads.Latency.P999, result.Writes.Latency.P999))
		c.note(system, w.work+answered, "%", leastSecond(result))
	}
	rate, err := r.ringkvPauses(ctx, note)
	low := pauseWork{work: "steady, at 60 % of etcd's maximum"}
	if err == nil && r.etcd != "" {
		err = r.etcdPauses(ctx, rate, low, note)
	}
	at := fmt.Sprintf("at %s", quantity(rate, "/s"))
	for _, w := range []pauseWork{steadyPause, compactPause, scalePause} {
		row := comparison{Work: w.work + ": longest", Unit: "ms", Worst: true, Target: target{ValueAtMost: w.most}, Note: at}
		theirs := ""
		if w == steadyPause {
			row.Peer, theirs = etcdThree, steadyPause.work+highTimes
		}
		c.add(r.results, row, theirs)
		c.add(r.results, comparison{Work: w.work + highTimes, Unit: "ms", Note: at}, "")
		row = comparison{Work: w.work + answered, Unit: "%", Target: target{ValueAtLeast: 80}, Note: at}
		if w == steadyPause {
			row.Peer = etcdThree
		}
		c.add(r.results, row, row.Work)
	}
	for _, what := range []string{": longest", highTimes} {
		c.add(r.results, comparison{Work: low.work + what, Unit: "ms", Peer: etcdThree}, low.work+what)
	}
	return err
}

// ringkvPauses returns the rate, also beside an error of a later part.
func (r *run) ringkvPauses(ctx context.Context, note func(string, pauseWork, *bench.Result)) (float64, error) {
	s, err := r.startRingkv(ctx, 3, 3, 0)
	if err != nil {
		return 0, err
	}
	rate, err := r.share(ctx, s)
	if err == nil {
		rate = min(rate, mostRate)
		err = r.steadyAndGrowing(ctx, s, rate, note)
	}
	s.stop()
	if err != nil {
		return rate, err
	}
	if s, err = r.startRingkv(ctx, 3, 3, fewPartitions); err != nil {
		return rate, err
	}
	defer s.stop()
	if _, err := r.share(ctx, s); err != nil { // fills it, and compacts it once or twice
		return rate, err
	}
	result, err := r.open(ctx, s, rate, pauseTime)
	if err != nil {
		return rate, err
	}
	note(ringkv, compactPause, result)
	return rate, nil
}

// steadyAndGrowing measures first without and then with two nodes that come.
func (r *run) steadyAndGrowing(ctx context.Context, s *ringkvServer, rate float64, note func(string, pauseWork, *bench.Result)) error {
	result, err := r.open(ctx, s, rate, pauseTime)
	if err != nil {
		return err
	}
	note(ringkv, steadyPause, result)
	done := r.inBackground(ctx, s, openLoop(s, rate, scaleTime))
	time.Sleep(3 * time.Second) // the warm-up, and something to compare with
	began := time.Now()
	for _, name := range []string{"n4", "n5"} {
		if err := s.AddNode(localcluster.NewNode{Name: name}); err != nil {
			return err
		}
	}
	if err := s.ready(ctx); err != nil {
		return err
	}
	took := time.Since(began)
	fmt.Printf("  two nodes have their share after %s\n", took.Round(100*time.Millisecond))
	o := <-done
	if err := noneFailed(o.result, o.err); err != nil {
		return err
	}
	if took > scaleTime-3*time.Second {
		return fmt.Errorf("two nodes needed %s for their share, longer than the load of %s ran", took, scaleTime)
	}
	note(ringkv, scalePause, o.result)
	return nil
}

// etcdPauses asks etcd at the same rate, which it may not take, and at a part of its
// own maximum; and ringkv at that, too.
func (r *run) etcdPauses(ctx context.Context, rate float64, low pauseWork, note func(string, pauseWork, *bench.Result)) error {
	etcd, err := r.startEmptyEtcd(ctx)
	if err != nil {
		return err
	}
	own, err := r.share(ctx, etcd)
	for _, w := range []struct {
		work pauseWork
		rate float64
	}{{low, own}, {steadyPause, rate}} {
		if err != nil {
			break
		}
		var result *bench.Result
		if result, err = r.open(ctx, etcd, w.rate, pauseTime); err == nil {
			note(etcdThree, w.work, result)
		}
	}
	etcd.stop()
	if err != nil {
		return err
	}
	s, err := r.startRingkv(ctx, 3, 3, 0)
	if err != nil {
		return err
	}
	defer s.stop()
	if _, err := r.share(ctx, s); err != nil {
		return err
	}
	result, err := r.open(ctx, s, own, pauseTime)
	if err != nil {
		return err
	}
	note(ringkv, low, result)
	return nil
}
