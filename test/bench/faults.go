package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/ringkv/ringkv/internal/bench"
	"github.com/ringkv/ringkv/internal/localcluster"
)

// The closed loop of faults: few clients, so that their gaps are the store's.
const (
	faultConnections = 24
	faultBefore      = 700 * time.Millisecond // from the start of the load to the fault
	faultTime        = 3 * time.Second
	gracefulStops    = 9                      // a third of them with clients of the stopped node
	memberDown       = 500 * time.Millisecond // as long as a node of ringkv stays down
)

// underFault runs the load on some addresses of a store and calls fault while it runs.
func (r *run) underFault(ctx context.Context, s server, addresses []string, fault func() error) (*bench.Result, error) {
	o := order(addresses, faultConnections)
	o.ReadFraction, o.Duration = 0.5, faultTime
	done := r.inBackground(ctx, s, o)
	time.Sleep(faultBefore)
	err := fault()
	out := <-done
	return out.result, cmp.Or(err, out.err)
}

// busiest is the node that leads most.
func (s *ringkvServer) busiest() localcluster.Node {
	return slices.MaxFunc(s.nodes(), func(a, b localcluster.Node) int { return cmp.Compare(a.Leaders, b.Leaders) })
}

// measureKills: kill -9 of the node that leads most partitions, and of etcd's leader,
// under load. The longest time that any client was without an answer counts.
func measureKills(ctx context.Context, r *run) error {
	c := newContest("kills")
	work := fmt.Sprintf("longest gap of any of %d clients, %d kills", faultConnections, r.kills)
	kill := func(system string, s server, fault, mend func() error) error {
		defer s.stop()
		if err := r.fill(ctx, s); err != nil {
			return err
		}
		for range r.kills {
			result, err := r.underFault(ctx, s, s.addresses(), fault)
			if err != nil {
				return err
			}
			c.note(system, work, "ms", result.LongestGap)
			if err := mend(); err != nil {
				return err
			}
		}
		return nil
	}
	s, err := r.startRingkv(ctx, 3, 3, 0)
	if err != nil {
		return err
	}
	err = kill(ringkv, s, func() error { return s.Kill(s.busiest().Name) }, func() error { return s.ready(ctx) })
	if err != nil {
		return err
	}
	row := comparison{Work: work, Unit: "ms", Worst: true, Target: target{ValueAtMost: 1500}}
	if r.etcd != "" {
		row.Peer, row.Target.RatioAtMost = etcdThree, 0.5
		s, err := r.startEmptyEtcd(ctx)
		if err != nil {
			return err
		}
		err = kill(etcdThree, s, func() error { return s.killLeader(ctx) }, func() error { return s.whole(ctx) })
		if err != nil {
			return err
		}
	}
	c.add(r.results, row, work)
	return nil
}

// killLeader kills the member that leads and starts it again a moment later.
func (s *etcdServer) killLeader(ctx context.Context) error {
	leader, err := s.leader(ctx)
	if err != nil {
		return err
	}
	s.members[leader].kill()
	time.Sleep(memberDown)
	return s.startMember(leader)
}

// whole waits until every member serves.
func (s *etcdServer) whole(ctx context.Context) error {
	for i := range s.members {
		if err := await(ctx, func(ctx context.Context) error { return s.healthy(ctx, i) }); err != nil {
			return err
		}
	}
	return nil
}

// measureDrain: SIGTERM, as Kubernetes sends it, to the node that leads most. Its own
// clients lose their connections and turn to another node; in Kubernetes a Service has
// sent new ones elsewhere by then. All others should notice nothing.
func measureDrain(ctx context.Context, r *run) error {
	c := newContest("drain")
	s, err := r.startRingkv(ctx, 3, 3, 0)
	if err != nil {
		return err
	}
	defer s.stop()
	if err := r.fill(ctx, s); err != nil {
		return err
	}
	for i := range gracefulStops {
		victim := s.busiest()
		work, addresses := ofOthers, s.addresses()
		if i%3 == 2 {
			work = ofAll
		} else {
			addresses = slices.DeleteFunc(addresses, func(a string) bool { return a == victim.RESP })
		}
		result, err := r.underFault(ctx, s, addresses, func() error { return syscall.Kill(victim.PID, syscall.SIGTERM) })
		if err != nil {
			return err
		}
		if err := s.ready(ctx); err != nil {
			return err
		}
		c.note(ringkv, work+longestGap, "ms", result.LongestGap)
		c.note(ringkv, work+failedCommands, failures, float64(result.Failed))
		for word, n := range result.Errors {
			fmt.Printf("  %d %s: %s\n", n, word, result.ErrorSamples[word])
		}
	}
	c.add(r.results, comparison{Work: ofOthers + longestGap, Unit: "ms", Worst: true, Target: target{ValueAtMost: 50}}, "")
	c.add(r.results, comparison{Work: ofOthers + failedCommands, Unit: failures, Worst: true, Target: target{None: true}}, "")
	c.add(r.results, comparison{Work: ofAll + longestGap, Unit: "ms", Worst: true}, "")
	c.add(r.results, comparison{Work: ofAll + failedCommands, Unit: failures, Worst: true, Note: "a closed connection answers no more"}, "")
	return nil
}

// The works of graceful stops.
const (
	ofOthers       = "24 clients of the other nodes"
	ofAll          = "24 clients of all nodes"
	longestGap     = ": longest gap of any"
	failedCommands = ": commands that failed"
	failures       = "failed"
)
