package main

import (
	"context"
	"fmt"
	"time"
)

// The names of the peers in the report.
const (
	redisAlways   = "Redis, appendfsync always"
	redisEverySec = "Redis, appendfsync everysec"
	etcdThree     = "etcd, three members"
)

// contest collects what several systems did with the same works.
type contest struct {
	group  string
	began  time.Time
	values map[string]map[string][]float64 // by system, by work, a value a round
}

func newContest(group string) *contest {
	return &contest{group: group, began: time.Now(), values: map[string]map[string][]float64{}}
}

// note keeps one round's value, and prints it.
func (c *contest) note(system, work, unit string, value float64) {
	if c.values[system] == nil {
		c.values[system] = map[string][]float64{}
	}
	c.values[system][work] = append(c.values[system][work], value)
	fmt.Printf("%5.0fs  %-28s %-52s %s\n", time.Since(c.began).Seconds(), system, work, quantity(value, unit))
}

// ringkv is the name of what is measured.
const ringkv = "ringkv"

// add makes a row of ringkv's values for a work and of the peer's for what
// corresponds to it, which may have another name there.
func (c *contest) add(to *results, row comparison, theirWork string) {
	row.Group, row.Ours = c.group, c.values[ringkv][row.Work]
	if row.Peer != "" {
		row.Theirs = c.values[row.Peer][theirWork]
	}
	if len(row.Ours) > 0 {
		to.add(row)
	}
}

// inTurn calls all parts, in each round beginning with another one, so that none is
// always the first. Only one system runs at a time.
func inTurn(round int, parts ...func() error) error {
	for i := range parts {
		if err := parts[(round+i)%len(parts)](); err != nil {
			return err
		}
	}
	return nil
}

// rate is one throughput to measure with the Go clients.
type rate struct {
	work        string
	connections int
	pipeline    int
	reads       bool
	asks        asked
}

// measure runs the load for the time and notes the rate and the p99 as a work of its
// own. Any failed command is an error: a rate with failures says nothing.
func (r *run) measure(ctx context.Context, c *contest, system string, s server, w rate) error {
	o := order(s.addresses(), w.connections)
	if ours, ok := s.(*ringkvServer); ok && w.asks != anyNode {
		ours.direct(&o, w.asks)
	}
	o.Pipeline, o.Duration, o.Warmup = max(w.pipeline, 1), r.time, r.time/4
	if w.reads {
		o.ReadFraction = 1
	}
	result, err := r.goLoad(ctx, s, o, false)
	if err != nil {
		return err
	}
	if result.Failed > 0 || result.Missing > 0 {
		return fmt.Errorf("%s, %s: %d failed, such as %v; %d keys missing", system, w.work, result.Failed, result.ErrorSamples, result.Missing)
	}
	latency := result.Writes.Latency
	if w.reads {
		latency = result.Reads.Latency
	}
	c.note(system, w.work, "/s", result.PerSecond)
	c.note(system, w.work+medianTime, "ms", latency.P50)
	c.note(system, w.work+slowest, "ms", latency.P99)
	return nil
}

// What is added to the name of a work for its times.
const (
	medianTime = ", p50"
	slowest    = ", p99"
)
