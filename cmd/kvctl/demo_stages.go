package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/load"
	"github.com/ringkv/ringkv/internal/localcluster"
)

// demo is a run of the demo. Its stages are called one after the other.
type demo struct {
	flags   *demoFlags
	cluster *localcluster.Cluster
	out     io.Writer
	load    *load.Load          // from fill on
	status  localcluster.Status // after the last stage
	account account
}

func newDemo(f *demoFlags, c *localcluster.Cluster, out io.Writer) *demo {
	return &demo{flags: f, cluster: c, out: out, account: account{began: time.Now()}}
}

// stage runs one stage within the patience.
func (d *demo) stage(ctx context.Context, stage func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, d.flags.patience, fmt.Errorf("not done after %s", d.flags.patience))
	defer cancel()
	err := stage(ctx)
	if err != nil && ctx.Err() != nil {
		err = errors.Join(append([]error{context.Cause(ctx)}, d.troubles()...)...)
	}
	return err
}

// troubles is what can be seen to be wrong.
func (d *demo) troubles() (errs []error) {
	for _, b := range d.status.Blocked {
		errs = append(errs, errors.New(b))
	}
	for _, n := range d.status.Nodes {
		if n.Problem != "" {
			errs = append(errs, fmt.Errorf("%s, started again %d times (%s): %s", n.Name, n.Restarts, cmp.Or(n.LastExit, "never ended"), n.Problem))
		}
	}
	if d.load != nil {
		if e := d.load.Stats().LastError; e != "" {
			errs = append(errs, fmt.Errorf("the load's last error: %s", e))
		}
	}
	return errs
}

// say prints a line of the story.
func (d *demo) say(format string, args ...any) {
	fmt.Fprintf(d.out, "%5.1fs  %s\n", time.Since(d.account.began).Seconds(), fmt.Sprintf(format, args...))
}

// wait waits until the cluster is as wanted and the condition holds, both seen by
// a look that began after the call.
func (d *demo) wait(ctx context.Context, condition func(*localcluster.Status) bool) error {
	since := time.Now()
	d.cluster.Rebalance()
	var err error
	d.status, err = d.cluster.WaitFor(ctx, func(s *localcluster.Status) bool {
		return condition(s) && s.Ready() && s.ObservedAt.After(since)
	})
	return err
}

// asWanted is for waits that want no more than that.
func asWanted(*localcluster.Status) bool { return true }

func (d *demo) start(ctx context.Context) error {
	began := time.Now()
	if err := d.wait(ctx, asWanted); err != nil {
		return err
	}
	var where []string
	for _, n := range d.status.Nodes {
		where = append(where, n.Name+" on "+n.RESP)
	}
	d.say("%s serve after %s: %d partitions, %d copies of each", strings.Join(where, ", "),
		since(began), d.status.Partitions, d.status.ReplicationFactor)
	return nil
}

func (d *demo) addresses() []string {
	var addresses []string
	for _, n := range d.status.Nodes {
		addresses = append(addresses, n.RESP)
	}
	return addresses
}

func (d *demo) fill(ctx context.Context) error {
	var err error
	d.load, err = load.New(load.Options{
		Addresses:    d.addresses(),
		Keys:         d.flags.keys,
		Rate:         d.flags.rate,
		ReadFraction: 0.5,
		FillPipeline: 64,
	})
	if err != nil {
		return err
	}
	began := time.Now()
	if err := d.load.Fill(ctx); err != nil {
		return err
	}
	took := time.Since(began)
	d.say("%d keys written, each acknowledged, in %s (%.0f per second)", d.load.Stats().Written, since(began),
		float64(d.flags.keys)/took.Seconds())
	return nil
}

// underLoad marks a stage in the statistics and returns the longest pause in it,
// in words.
func (d *demo) underLoad(name string, stage func() error) (pause string, err error) {
	d.load.Phase(name)
	d.account.phases = append(d.account.phases, name)
	if err := stage(); err != nil {
		return "", err
	}
	stats := d.load.Stats()
	return short(stats.Phase(name).LongestPause().Millis), nil
}

func (d *demo) grow(ctx context.Context) error {
	before, began := d.status, time.Now()
	var names []string
	for i := range demoNewNodes {
		names = append(names, fmt.Sprintf("n%d", demoNodes+i+1))
	}
	pause, err := d.underLoad("while nodes joined", func() error {
		for _, name := range names {
			if err := d.cluster.AddNode(localcluster.NewNode{Name: name}); err != nil {
				return err
			}
		}
		return d.wait(ctx, asWanted)
	})
	if err != nil {
		return err
	}
	d.load.SetAddresses(d.addresses())
	m := d.noteMoves(&before)
	d.say("%s added: %s in %s; longest pause of the load %s", strings.Join(names, " and "), m, since(began), pause)
	return nil
}

func (d *demo) kill(ctx context.Context) error {
	victim := slices.MaxFunc(d.status.Nodes, func(a, b localcluster.Node) int { return cmp.Compare(a.Leaders, b.Leaders) })
	began := time.Now()
	pause, err := d.underLoad("while a node was dead", func() error {
		if err := d.cluster.Kill(victim.Name); err != nil {
			return err
		}
		var err error
		d.status, err = d.cluster.WaitFor(ctx, func(s *localcluster.Status) bool {
			n := s.Node(victim.Name)
			return n != nil && n.Restarts > victim.Restarts && n.Up
		})
		if err != nil {
			return err
		}
		return d.wait(ctx, asWanted)
	})
	if err != nil {
		return err
	}
	d.say("%s, leader of %d partitions, killed with -9: started again, and all as before after %s; longest pause %s",
		victim.Name, victim.Leaders, since(began), pause)
	return nil
}

func (d *demo) shrink(ctx context.Context) error {
	before, began := d.status, time.Now()
	name := d.status.Nodes[0].Name
	pause, err := d.underLoad("while a node left", func() error {
		if err := d.cluster.RemoveNode(name); err != nil {
			return err
		}
		return d.wait(ctx, func(s *localcluster.Status) bool { return s.Node(name) == nil })
	})
	if err != nil {
		return err
	}
	d.load.SetAddresses(d.addresses())
	m := d.noteMoves(&before)
	d.say("%s removed: %s in %s; longest pause %s", name, m, since(began), pause)
	return nil
}

func (d *demo) readBack(ctx context.Context) error {
	began := time.Now()
	v := d.load.Verify(ctx)
	d.account.final = load.NewAccount(d.load.Stats(), v)
	if v.Read < v.Keys && ctx.Err() != nil {
		return errors.New(v.LastError)
	}
	d.say("every key read back in %s", since(began))
	return nil
}

// moved counts copies that are where they were not before.
type moved struct {
	partitions int
	keys       uint64
}

func (m moved) String() string {
	return fmt.Sprintf("%d copies of partitions moved, with %d keys,", m.partitions, m.keys)
}

// noteMoves compares what the nodes hold now with what they held before.
func (d *demo) noteMoves(before *localcluster.Status) moved {
	held := make(map[cluster.NodeID]map[uint32]uint64)
	for _, n := range before.Nodes {
		held[n.ID] = n.Copies
	}
	var m moved
	for _, n := range d.status.Nodes {
		for partition, keys := range n.Copies {
			if _, had := held[n.ID][partition]; !had {
				m.partitions++
				m.keys += keys
			}
		}
	}
	d.account.moved.partitions += m.partitions
	d.account.moved.keys += m.keys
	return m
}

func since(t time.Time) string { return short(load.MillisOf(time.Since(t))) }

// String is the account for people.
func (a *account) String() string {
	var b strings.Builder
	stats, v := a.final.Stats, a.final.Verification
	var longest load.Pause
	var when string
	for _, name := range a.phases {
		if p := stats.Phase(name).LongestPause(); p.Millis > longest.Millis {
			longest, when = p, name
		}
	}
	fmt.Fprintf(&b, "\nkeys            %d acknowledged, %d read back\n", v.Acknowledged, v.Read)
	fmt.Fprintf(&b, "lost            %d\n", v.Lost+v.Wrong)
	fmt.Fprintf(&b, "answers checked %d reads and %d writes; %d wrong\n",
		stats.Total.Reads.Succeeded+uint64(v.Read), stats.Total.Writes.Succeeded, stats.Violations.Total()+uint64(v.Lost+v.Wrong))
	fmt.Fprintf(&b, "moved           %d copies of partitions, %d copies of keys\n", a.moved.partitions, a.moved.keys)
	fmt.Fprintf(&b, "longest pause   %s, %s\n", short(longest.Millis), when)
	fmt.Fprintf(&b, "took            %s\n", since(a.began))
	for _, sample := range append(stats.Violations.Samples, v.Samples...) {
		fmt.Fprintf(&b, "  %s\n", sample)
	}
	return b.String()
}
