package compat

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var differentialSeed = flag.Uint64("differential-seed", 0, "seed of the commands that are compared with Redis; 0: a random one")

// startRedis runs a real redis-server until the test ends.
func startRedis(t *testing.T) (address string) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		missing(t, "redis-server is not installed (Debian package redis-server)")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address = l.Addr().String()
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	require.NoError(t, l.Close())
	cmd := exec.Command(path, "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir())
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return address
}

// comparison does the same to ringkv and to Redis, on keys that nobody else uses, and
// compares what they answer.
//
// A command whose outcome is unknown was executed once, or never, or may yet be. So the
// state of its keys is read, which must be that of Redis with or without the command;
// from then on other keys are used, and at the end the old ones are looked at again.
type comparison struct {
	name         string
	ours, theirs *conversation
	commands     commands
	group        int       // of keys, by number
	abandoned    []outcome // of unknown outcomes
}

// outcome is a group of keys whose last command was executed or not.
type outcome struct {
	commands      commands
	command       [][]string
	before, after string // the states that are right
}

func newComparison(name string, ours []string, theirs string, random *rand.Rand) *comparison {
	c := &comparison{
		name: name, ours: &conversation{addresses: ours}, theirs: &conversation{addresses: []string{theirs}}, commands: commands{Rand: random},
	}
	c.begin()
	return c
}

// begin begins with new keys.
func (c *comparison) begin() {
	c.group++
	c.commands.tag = fmt.Sprintf("%s-%d", c.name, c.group)
}

// step compares one command.
func (c *comparison) step(ctx context.Context) error {
	if c.commands.IntN(500) == 0 {
		c.begin()
	}
	command := c.commands.next()
	ours, err := c.ours.do(ctx, command)
	if errors.Is(err, errUnknownOutcome) {
		return c.settle(ctx, command)
	}
	if err != nil {
		return err
	}
	theirs, err := c.theirs.do(ctx, command)
	if err == nil && ours != theirs {
		err = fmt.Errorf("%.300q\nours:  %.300q\nRedis: %.300q", command, ours, theirs)
	}
	return err
}

// settle finds out what became of a command.
func (c *comparison) settle(ctx context.Context, command [][]string) error {
	before, err := c.theirs.do(ctx, c.commands.state())
	if err != nil {
		return err
	}
	if _, err := c.theirs.do(ctx, command); err != nil {
		return err
	}
	after, err := c.theirs.do(ctx, c.commands.state())
	if err != nil {
		return err
	}
	o := outcome{c.commands, command, before, after}
	c.abandoned = append(c.abandoned, o)
	c.begin()
	return c.check(ctx, &o)
}

// check reads the keys of an unknown outcome.
func (c *comparison) check(ctx context.Context, o *outcome) error {
	for {
		now, err := c.ours.do(ctx, o.commands.state())
		switch {
		case errors.Is(err, errUnknownOutcome): // of a read: once more
		case err != nil:
			return err
		case now != o.before && now != o.after:
			return fmt.Errorf("after %.300q, whose outcome was unknown\nours:          %.300q\nRedis without: %.300q\nRedis with:    %.300q", o.command, now, o.before, o.after)
		default:
			return nil
		}
	}
}

// end looks at all unknown outcomes once more, and gives the connections up.
func (c *comparison) end(ctx context.Context) error {
	for i := range c.abandoned {
		if err := c.check(ctx, &c.abandoned[i]); err != nil {
			return err
		}
	}
	c.ours.leave("")
	c.theirs.leave("")
	return nil
}

// compare runs comparisons on both ports while disturb runs, and at least so many
// commands in each.
func compare(t *testing.T, least int, disturb func(ctx context.Context) error) {
	if nodes == nil {
		t.Skip("needs real processes and some seconds")
	}
	seed := *differentialSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d: again with -differential-seed", seed)
	redis := startRedis(t)
	run := rand.Uint32() // the cluster may have keys of an earlier run
	ctx, cancel := context.WithTimeout(t.Context(), 4*budget)
	defer cancel()
	disturbed := make(chan struct{})
	var all sync.WaitGroup
	var comparisons []*comparison
	for _, p := range []port{plain, clustered} {
		for i := range 3 {
			name := fmt.Sprintf("%x-%s-%d", run, p, i)
			c := newComparison(name, p.addresses(), redis, rand.New(rand.NewPCG(seed, uint64(len(comparisons)))))
			comparisons = append(comparisons, c)
			all.Go(func() {
				var err error
				for over := false; err == nil && (!over || c.ours.replies < least); {
					select {
					case <-disturbed:
						over = true
					default:
					}
					err = c.step(ctx)
				}
				if err == nil {
					err = c.end(ctx)
				}
				if err != nil {
					t.Errorf("%s, after %d replies: %v", c.name, c.ours.replies, err)
				}
			})
		}
	}
	err := disturb(ctx)
	close(disturbed)
	all.Wait()
	require.NoError(t, err)
	for _, c := range comparisons {
		t.Logf("%s: %d replies compared, %d unknown outcomes, %d times MOVED", c.name, c.ours.replies, len(c.abandoned), c.ours.moved)
	}
}

func TestAClusterAnswersAsRedis(t *testing.T) {
	compare(t, 5000, func(context.Context) error { return nil })
}

func TestAClusterAnswersAsRedisWhileLeadersChange(t *testing.T) {
	compare(t, 500, func(ctx context.Context) error {
		for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
			for i := range nodes.Status(ctx).Nodes {
				if err := endNode(ctx, i, signal); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// endNode ends a node with a signal and waits until it is back and all is well.
func endNode(ctx context.Context, i int, signal syscall.Signal) error {
	before := nodes.Status(ctx).Nodes[i]
	if err := syscall.Kill(before.PID, signal); err != nil {
		return err
	}
	for end := time.Now().Add(budget); ; {
		s := nodes.Status(ctx)
		switch {
		case s.Nodes[i].Restarts > before.Restarts && s.Ready():
			return nil
		case time.Now().After(end):
			return fmt.Errorf("%s is not back %s after %s", before.Name, budget, signal)
		}
		time.Sleep(20 * time.Millisecond) // between two looks
	}
}
