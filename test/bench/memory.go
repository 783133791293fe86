package main

import (
	"context"
	"fmt"
	"time"
)

// smallValue is the length of values where what counts is the number of keys, which
// have 16 bytes.
const smallValue = 64

// smallKeys fills a server with that many keys.
func (r *run) smallKeys(ctx context.Context, s server, n int) error {
	o := order(s.addresses(), 16)
	o.Keys, o.Pipeline, o.Timeout = n, 64, time.Minute
	o.MinValueBytes, o.MaxValueBytes = smallValue, smallValue
	_, err := r.goLoad(ctx, s, o, true)
	return err
}

// settle is how long a store has for its housekeeping before its memory is looked at.
const settle = 5 * time.Second

// starters start one ringkv node and one redis-server, for what is about the number
// of keys. Redis syncs once a second there: it writes faster, and holds the same.
func (r *run) starters(ctx context.Context) map[string]func() (server, error) {
	return map[string]func() (server, error){
		ringkv:        func() (server, error) { return r.startRingkv(ctx, 1, 1, 0) },
		redisEverySec: func() (server, error) { return r.startEmptyRedis(ctx, "everysec") },
	}
}

// measureMemory: resident memory by key, all of the process's.
func measureMemory(ctx context.Context, r *run) error {
	c := newContest("memory")
	works := map[int]string{}
	var sizes []int
	for _, n := range []int{1_000_000, r.most} {
		if n <= r.most && works[n] == "" {
			works[n], sizes = fmt.Sprintf("%g M keys of 16 bytes with %d bytes", float64(n)/1e6, smallValue), append(sizes, n)
		}
	}
	for system, start := range r.starters(ctx) {
		err := func() error {
			s, err := start()
			if err != nil {
				return err
			}
			defer s.stop()
			for _, n := range sizes {
				if err := r.smallKeys(ctx, s, n); err != nil {
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
				c.note(system, works[n], perKey, float64(bytes)/float64(n))
			}
			return nil
		}()
		if err != nil {
			return err
		}
	}
	for _, n := range sizes {
		c.add(r.results, comparison{Work: works[n], Unit: perKey, Peer: redisEverySec, Target: target{RatioAtMost: 1}}, works[n])
	}
	return nil
}

const perKey = "bytes/key"

// measureRestart: from the start of the process until it answers with the last key
// that was written.
func measureRestart(ctx context.Context, r *run) error {
	c := newContest("restart")
	work := fmt.Sprintf("%g M keys of 16 bytes with %d bytes", float64(r.keys)/1e6, smallValue)
	last := fmt.Sprintf("key:%012d", r.keys-1)
	for system, start := range r.starters(ctx) {
		err := func() error {
			s, err := start()
			if err != nil {
				return err
			}
			defer func() { s.stop() }()
			if err := r.smallKeys(ctx, s, r.keys); err != nil {
				return err
			}
			for range r.rounds {
				s.stop()
				began := time.Now()
				if s, err = startAgain(s); err != nil {
					return err
				}
				address := s.addresses()[0]
				if err := await(ctx, func(ctx context.Context) error { return answers(ctx, address, last) }); err != nil {
					return err
				}
				c.note(system, work, "s", time.Since(began).Seconds())
			}
			return nil
		}()
		if err != nil {
			return err
		}
	}
	c.add(r.results, comparison{Work: work, Unit: "s", Peer: redisEverySec, Target: target{RatioAtMost: 1}}, work)
	return nil
}

// startAgain starts a store that was stopped, on its data.
func startAgain(s server) (server, error) {
	if ours, ok := s.(*ringkvServer); ok {
		return ours, ours.start()
	}
	return startRedis(s.(*redisServer).cmd.Dir, "everysec")
}

// measureIdle: what a cluster that nobody uses takes of the processor.
func measureIdle(ctx context.Context, r *run) error {
	c := newContest("idle")
	const work = "three nodes, 64 partitions of three copies, the busiest node"
	watch := func(system string, s server) error {
		defer s.stop()
		used, err := idle(s)
		for _, percent := range used {
			c.note(system, work, ofACore, percent)
		}
		return err
	}
	s, err := r.startRingkv(ctx, 3, 3, 64)
	if err != nil {
		return err
	}
	if err := watch(ringkv, s); err != nil {
		return err
	}
	row := comparison{Work: work, Unit: ofACore, Worst: true, Target: target{ValueAtMost: 2}}
	if r.etcd != "" {
		row.Peer = etcdThree
		s, err := r.startEmptyEtcd(ctx)
		if err != nil {
			return err
		}
		if err := watch(etcdThree, s); err != nil {
			return err
		}
	}
	c.add(r.results, row, work)
	return nil
}

const ofACore = "% of a core"

// Before a store counts as idle, and how long it is watched then.
const (
	calmDown  = 5 * time.Second
	watchIdle = 10 * time.Second
)

// idle returns what each process of a store that nobody uses takes, in percent of a
// core.
func idle(s server) ([]float64, error) {
	time.Sleep(calmDown)
	pids, err := s.pids()
	if err != nil {
		return nil, err
	}
	before, out := make([]time.Duration, len(pids)), make([]float64, len(pids))
	for i, pid := range pids {
		if before[i], err = cpuTime(pid); err != nil {
			return nil, err
		}
	}
	time.Sleep(watchIdle)
	for i, pid := range pids {
		after, err := cpuTime(pid)
		if err != nil {
			return nil, err
		}
		out[i] = 100 * (after - before[i]).Seconds() / watchIdle.Seconds()
	}
	return out, nil
}
