package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// series is how something grows: one line of a chart.
type series struct {
	Chart string  `json:"chart"` // its name; with Line, the identity
	Line  string  `json:"line"`
	X     string  `json:"x"` // what grows
	Unit  string  `json:"unit"`
	At    []point `json:"at"`
	// Commit of ringkv.
	Commit string `json:"commit"`
}

type point struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// noteSeries adds a point to a line, which begins anew with the first one of a run.
func (r *run) noteSeries(chart, line, x, unit string, at point) {
	fmt.Printf("       %-12s %-20s %12.0f %-14s %s\n", chart, line, at.X, x, quantity(at.Y, unit))
	all := &r.results.Series
	i := slices.IndexFunc(*all, func(s series) bool { return s.Chart == chart && s.Line == line })
	if i < 0 {
		i = len(*all)
		*all = append(*all, series{Chart: chart, Line: line})
	}
	s := &(*all)[i]
	if !r.begun[chart+line] {
		r.begun[chart+line] = true
		*s = series{Chart: chart, Line: line, X: x, Unit: unit, Commit: r.results.Machine.Commit}
	}
	s.At = append(s.At, at)
}

// measureGrowth: what becomes of the rates as one thing grows and all others stay.
func measureGrowth(ctx context.Context, r *run) error {
	r.begun = map[string]bool{}
	for _, grow := range []func(context.Context) error{r.growKeys, r.growValues, r.growPartitions, r.growConnections, r.growNodes} {
		if err := grow(ctx); err != nil {
			return err
		}
	}
	return nil
}

// growing is what is asked of a store while something grows.
type growing struct {
	connections, pipeline, keys, valueBytes int
}

// rates writes all keys and measures SET and GET into two lines of a chart. The
// connections are made before it counts.
func (r *run) rates(ctx context.Context, s server, chart, x string, at float64, g growing) error {
	o := order(s.addresses(), g.connections)
	o.Keys, o.Pipeline, o.Timeout = g.keys, g.pipeline, 30*time.Second
	o.MinValueBytes, o.MaxValueBytes = g.valueBytes, g.valueBytes
	all := o
	all.Connections, all.Pipeline = 50, 1+15*min(1, 4096/g.valueBytes) // long values one by one
	if err := r.write(ctx, s, all); err != nil {
		return err
	}
	o.Duration, o.Warmup = r.time, max(r.time/4, time.Duration(g.connections)*500*time.Microsecond)
	for _, line := range []string{"SET", "GET"} {
		if line == "GET" {
			o.ReadFraction = 1
		}
		result, err := r.goLoad(ctx, s, o, false)
		if err := noneFailed(result, err); err != nil {
			return fmt.Errorf("%s, %g %s, %s: %w", chart, at, x, line, err)
		}
		r.noteSeries(chart, line, x, "/s", point{at, result.PerSecond})
	}
	return nil
}

func (r *run) growKeys(ctx context.Context) error {
	s, err := r.startRingkv(ctx, 1, 1, 0)
	if err != nil {
		return err
	}
	defer s.stop()
	for _, n := range []int{100_000, 300_000, 1_000_000, 3_000_000, 10_000_000} {
		if n > r.most {
			break
		}
		if err := r.rates(ctx, s, "keys", "keys", float64(n), growing{50, 16, n, smallValue}); err != nil {
			return err
		}
		time.Sleep(settle)
		pids, err := s.pids()
		if err != nil {
			return err
		}
		bytes, err := residentBytes(pids[0])
		if err != nil {
			return err
		}
		r.noteSeries("memory", "one node", "keys", perKey, point{float64(n), float64(bytes) / float64(n)})
	}
	return nil
}

// mostValues bounds the memory that large values take in each copy.
const mostValues = 256 << 20

func (r *run) growValues(ctx context.Context) error {
	for _, size := range []int{16, 256, 4 << 10, 64 << 10, 1 << 20} {
		s, err := r.startRingkv(ctx, 3, 3, 0)
		if err != nil {
			return err
		}
		err = r.rates(ctx, s, "values", "bytes a value", float64(size), growing{50, 1, min(keys, mostValues/size), size})
		s.stop()
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *run) growPartitions(ctx context.Context) error {
	for _, n := range []int{1, 4, 16, 64, 256, 1024} {
		s, err := r.startRingkv(ctx, 3, 3, n)
		if err != nil {
			return err
		}
		err = r.rates(ctx, s, "partitions", "partitions", float64(n), growing{50, 16, keys, valueBytes})
		if err == nil {
			err = r.idleOf(s, n)
		}
		s.stop()
		if err != nil {
			return err
		}
	}
	return nil
}

// idleOf notes what the busiest node takes with nobody asking.
func (r *run) idleOf(s *ringkvServer, partitions int) error {
	used, err := idle(s)
	if err != nil {
		return err
	}
	r.noteSeries("idle", "the busiest of three nodes", "partitions", ofACore, point{float64(partitions), slices.Max(used)})
	return nil
}

func (r *run) growConnections(ctx context.Context) error {
	s, err := r.startRingkv(ctx, 3, 3, 0)
	if err != nil {
		return err
	}
	defer s.stop()
	for _, n := range []int{10, 30, 100, 300, 1000, 3000, 10_000} {
		if err := r.rates(ctx, s, "connections", "connections", float64(n), growing{n, 1, keys, valueBytes}); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) growNodes(ctx context.Context) error {
	for _, n := range []int{3, 6, 12, 30} {
		s, err := r.startRingkv(ctx, n, 3, 0)
		if err != nil {
			return err
		}
		err = r.rates(ctx, s, "nodes", "nodes", float64(n), growing{50, 1, keys, valueBytes})
		s.stop()
		if err != nil {
			return err
		}
	}
	return nil
}
