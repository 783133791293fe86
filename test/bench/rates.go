package main

import (
	"context"
	"fmt"
)

// oneNodeWork is a row of what redis-benchmark measures.
type oneNodeWork struct {
	load  redisLoad
	least float64 // ratio
}

func (w oneNodeWork) String() string {
	name := map[string]string{"set": "SET", "get": "GET"}[w.load.test]
	return fmt.Sprintf("%s, %d connections, pipeline %d", name, w.load.connections, w.load.pipeline)
}

// oneNodeWorks: SETs come first, so that GETs find what they wrote.
var oneNodeWorks = []oneNodeWork{
	{redisLoad{"set", 50, 1, manyKeys, valueBytes}, 1.2},
	{redisLoad{"set", 200, 1, manyKeys, valueBytes}, 1.2},
	{redisLoad{"set", 50, 16, manyKeys, valueBytes}, 1.2},
	{redisLoad{"set", 200, 16, manyKeys, valueBytes}, 1.2},
	{redisLoad{"get", 50, 1, manyKeys, valueBytes}, 1},
	{redisLoad{"get", 50, 16, manyKeys, valueBytes}, 1},
}

// measureOneNode: one node that keeps one copy, beside one redis-server; the client
// is redis-benchmark for both.
func measureOneNode(ctx context.Context, r *run) error {
	c := newContest("rf1")
	all := func(system string, s server) error {
		defer s.stop()
		for _, w := range oneNodeWorks {
			rate, p99, err := w.load.benchmark(ctx, s.addresses()[0], r.time)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", system, w, err)
			}
			c.note(system, w.String(), "/s", rate)
			c.note(system, w.String()+slowest, "ms", p99)
		}
		return nil
	}
	redis := func(system, appendfsync string) func() error {
		return func() error {
			s, err := r.startEmptyRedis(ctx, appendfsync)
			if err != nil {
				return err
			}
			return all(system, s)
		}
	}
	for round := range r.rounds {
		err := inTurn(round, func() error {
			s, err := r.startRingkv(ctx, 1, 1, 0)
			if err != nil {
				return err
			}
			return all(ringkv, s)
		}, redis(redisAlways, "always"), redis(redisEverySec, "everysec"))
		if err != nil {
			return err
		}
	}
	for _, w := range oneNodeWorks {
		c.add(r.results, comparison{Work: w.String(), Unit: "/s", Peer: redisAlways, Target: target{RatioAtLeast: w.least}}, w.String())
	}
	for _, w := range oneNodeWorks {
		c.add(r.results, comparison{Work: w.String() + slowest, Unit: "ms", Peer: redisAlways}, w.String()+slowest)
	}
	for _, w := range oneNodeWorks {
		if w.load.test == "set" {
			c.add(r.results, comparison{Work: w.String(), Unit: "/s", Peer: redisEverySec, Note: "which may lose a second"}, w.String())
		}
	}
	return nil
}

// The works of three nodes that keep three copies.
var (
	threeSets = []rate{
		{work: "SET, 50 connections", connections: 50},
		{work: "SET, 200 connections", connections: 200},
	}
	threeGets = []rate{
		{work: "GET, 50 connections", connections: 50, reads: true},
		{work: "GET, 200 connections", connections: 200, reads: true},
	}
	threeLeaderGets = []rate{
		{work: "GET, 50 connections, cluster port", connections: 50, reads: true, asks: clusterPort},
		{work: "GET, 200 connections, cluster port", connections: 200, reads: true, asks: clusterPort},
	}
	deepSet       = rate{work: "SET, 50 connections, pipeline 16", connections: 50, pipeline: 16}
	deepLeaderSet = rate{work: "SET, 50 connections, pipeline 16, cluster port", connections: 50, pipeline: 16, asks: clusterPort}
)

// measureThreeNodes: three processes that keep three copies, beside three of etcd; the
// clients are Go programs of one make. Gets are linearizable.
func measureThreeNodes(ctx context.Context, r *run) error {
	c := newContest("rf3")
	all := func(system string, s server, works ...[]rate) error {
		defer s.stop()
		if err := r.fill(ctx, s); err != nil {
			return err
		}
		for _, some := range works {
			for _, w := range some {
				if err := r.measure(ctx, c, system, s, w); err != nil {
					return err
				}
			}
		}
		return nil
	}
	parts := []func() error{
		func() error {
			s, err := r.startRingkv(ctx, 3, 3, 0)
			if err != nil {
				return err
			}
			return all(ringkv, s, threeSets, threeGets, threeLeaderGets, []rate{deepSet, deepLeaderSet})
		},
		func() error {
			s, err := r.startEmptyRedis(ctx, "always")
			if err != nil {
				return err
			}
			return all(redisAlways, s, []rate{deepSet})
		},
	}
	if r.etcd != "" {
		parts = append(parts, func() error {
			s, err := r.startEmptyEtcd(ctx)
			if err != nil {
				return err
			}
			return all(etcdThree, s, threeSets, threeGets)
		})
	}
	for round := range r.rounds {
		if err := inTurn(round, parts...); err != nil {
			return err
		}
	}
	for _, w := range threeSets {
		c.add(r.results, comparison{Work: w.work, Unit: "/s", Peer: etcdThree, Target: target{RatioAtLeast: 10}}, w.work)
		c.add(r.results, comparison{Work: w.work + slowest, Unit: "ms", Peer: etcdThree, Target: target{RatioAtMost: 1}}, w.work+slowest)
	}
	for i, w := range threeGets {
		c.add(r.results, comparison{Work: w.work, Unit: "/s", Peer: etcdThree, Target: target{RatioAtLeast: 10}}, w.work)
		c.add(r.results, comparison{Work: threeLeaderGets[i].work, Unit: "/s", Peer: etcdThree, Target: target{RatioAtLeast: 15}}, w.work)
	}
	for _, w := range []rate{deepSet, deepLeaderSet} {
		row := comparison{Work: w.work, Unit: "/s", Peer: redisAlways, Note: "Redis keeps one copy"}
		if w == deepSet {
			row.Target.RatioAtLeast = 0.6
		}
		c.add(r.results, row, deepSet.work)
	}
	return nil
}

// measureForwarding: the same work asked of nodes that have to forward it and of
// those that lead.
func measureForwarding(ctx context.Context, r *run) error {
	c := newContest("forward")
	const atLeader = "asked of the leader"
	works := []rate{
		{work: "GET, 1 connection", connections: 1, reads: true},
		{work: "SET, 1 connection", connections: 1},
		{work: "GET, 16 connections", connections: 16, reads: true},
		{work: "SET, 16 connections", connections: 16},
	}
	s, err := r.startRingkv(ctx, 3, 3, 0)
	if err != nil {
		return err
	}
	defer s.stop()
	if err := r.fill(ctx, s); err != nil {
		return err
	}
	for round := range r.rounds {
		for _, w := range works {
			direct, wrong := w, w
			direct.asks, wrong.asks = leader, wrongNode
			err := inTurn(round,
				func() error { return r.measure(ctx, c, ringkv, s, wrong) },
				func() error { return r.measure(ctx, c, atLeader, s, direct) })
			if err != nil {
				return err
			}
		}
	}
	for _, w := range works {
		c.add(r.results, comparison{Work: w.work + medianTime, Unit: "ms", Peer: atLeader, Target: target{RatioAtMost: 1.6}}, w.work+medianTime)
	}
	return nil
}
