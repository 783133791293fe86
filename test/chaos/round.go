//go:build linux

package chaos

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// roundLength is how long faults go on before the cluster may become whole.
const roundLength = 40 * time.Second

// round injects the faults of a schedule, ends them all, and waits until the cluster is
// whole. That of a soak measures the nodes in the end. False means that the run cannot
// go on.
func (c *chaos) round(ctx context.Context, number int) bool {
	c.logf("ROUND %d", number)
	began := time.Now()
	end := began.Add(roundLength)
	var all sync.WaitGroup
	for _, f := range schedule(c.seed, number, roundLength, c.means, c.gentle, c.owed()) {
		time.Sleep(time.Until(began.Add(f.at)))
		machines := c.list()
		m := machines[f.machine%len(machines)]
		all.Go(func() { c.inject(f, m, end) })
	}
	all.Wait()
	healed := time.Now()
	if err := c.awaitWhole(ctx); err != nil {
		c.problem("%v", err)
		return false
	}
	for _, m := range c.list() {
		m.spoilt.Store(false)
		m.failing.Store(false)
	}
	c.compare(ctx)
	if c.gentle {
		if err := c.load.forget(ctx); err != nil {
			c.problem("%v", err)
			return false
		}
		u, err := c.measure(ctx)
		if err != nil {
			c.problem("%v", err)
			return false
		}
		c.usage = append(c.usage, u)
	}
	c.logf("whole %.1f s after the last fault", time.Since(healed).Seconds())
	return true
}

// inject makes a fault happen and ends it, at the latest at end.
func (c *chaos) inject(f fault, m *machine, end time.Time) {
	from := c.now()
	c.logf("FAULT %s, %s, for %v", f.kind.name, m.name, f.lasts)
	until := time.Now().Add(f.lasts)
	if end.Before(until) {
		until = end
	}
	err := f.kind.inject(c, f, m, func() { time.Sleep(time.Until(until)) })
	switch {
	case errors.Is(err, errNotNow):
		c.logf("%s, %s: it had nothing to work on", f.kind.name, m.name)
		return
	case err != nil:
		c.problem("%s, %s: %v", f.kind.name, m.name, err)
	}
	c.count(f.kind.name)
	c.outages.fault(f.kind.name, from, c.now())
}

// status asks a machine's node, for no longer than a fault can wait.
func (m *machine) status() (*cluster.NodeStatus, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return m.admin.Status(ctx)
}
