//go:build linux

package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/localcluster"
)

// The cluster's form at the beginning.
const (
	nodes      = 5
	replicas   = 3
	partitions = 16
	// compaction makes snapshots of what is small: each partition gets its next one
	// after some seconds of load.
	compaction = 300
)

// chaos is one run.
type chaos struct {
	seed     uint64
	dir      string // everything of the run
	binaries string
	means    *means
	network  *network // nil without a sandbox
	basePort int      // without a sandbox
	began    time.Time
	print    func(string)

	coordinator program
	load        *load
	outages     outages
	usage       []usage // of a soak, one for each round
	gentle      bool    // a soak: the first machines' processes are left alone, and stay

	mu       sync.Mutex
	machines []*machine          // guarded by mu
	coming   int                 // machines that are being made; guarded by mu
	numbers  map[int]bool        // those in use; guarded by mu
	problems []string            // promises that were broken; guarded by mu
	counts   map[string]int      // what happened, for the report; guarded by mu
	states   map[stateKey]string // hashes; guarded by mu
	compared int                 // states that were seen on more than one copy; guarded by mu
}

type stateKey struct {
	partition uint32
	revision  uint64
}

func (c *chaos) now() time.Duration { return time.Since(c.began) }

func (c *chaos) logf(format string, args ...any) {
	c.print(fmt.Sprintf("%8.2fs  %s", c.now().Seconds(), fmt.Sprintf(format, args...)))
}

// problem notes that a promise was broken.
func (c *chaos) problem(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	c.logf("PROBLEM %s", text)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.problems = append(c.problems, fmt.Sprintf("%.2fs: %s", c.now().Seconds(), text))
}

func (c *chaos) count(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[what]++
}

// list returns the machines of this moment.
func (c *chaos) list() []*machine {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*machine(nil), c.machines...)
}

// addMachine starts a new machine. It is not in the cluster yet.
func (c *chaos) addMachine() (*machine, error) {
	number := c.takeNumber()
	m, err := c.newMachine(number)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.machines = append(c.machines, m)
	c.mu.Unlock()
	return m, nil
}

// takeNumber returns the smallest number that no machine has: one that is gone leaves
// its cable to the next.
func (c *chaos) takeNumber() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	number := 1
	for c.numbers[number] {
		number++
	}
	c.numbers[number] = true
	return number
}

// start makes the cluster and waits until it serves.
func (c *chaos) start(ctx context.Context) error {
	var seeds []string
	for range nodes {
		m, err := c.addMachine()
		if err != nil {
			return err
		}
		seeds = append(seeds, m.name+"="+m.at.Peer)
	}
	dir := filepath.Join(c.dir, "coordinator")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	c.coordinator = program{
		name: "coordinator", logFile: filepath.Join(dir, "output.log"), launch: func(start func() error) error { return start() },
		args: []string{
			filepath.Join(c.binaries, "kvctl"), "coordinate", "--dir", dir, "--seeds", strings.Join(seeds, ","),
			"--replication-factor", fmt.Sprint(replicas), "--partitions", fmt.Sprint(partitions), "--compaction-operations", fmt.Sprint(compaction),
		},
	}
	c.coordinator.died = func(how string) {
		c.problem("the coordinator ended by itself (%s): %s", how, lastLines(c.coordinator.logFile, 3))
	}
	if err := c.coordinator.run(); err != nil {
		return err
	}
	return c.awaitWhole(ctx)
}

// control reaches the coordinator.
func (c *chaos) control() (*localcluster.Client, error) {
	return localcluster.Connect(filepath.Join(c.dir, "coordinator"))
}

// change asks the coordinator for something. It may be down: then nothing happens.
func (c *chaos) change(ask func(context.Context, *localcluster.Client) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	control, err := c.control()
	if err != nil {
		return err
	}
	return ask(ctx, control)
}

// wholeLimit is how long a cluster may take to be whole once nothing fails any more:
// copies may have to be made again, one after the other.
const wholeLimit = 3 * time.Minute

// awaitWhole waits until all is as wanted; the error says what is not.
func (c *chaos) awaitWhole(ctx context.Context) error {
	since := time.Now()
	ctx, cancel := context.WithTimeout(ctx, wholeLimit)
	defer cancel()
	for {
		why := c.unsettled(ctx, since)
		if why == "" {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not whole %v after the faults ended: %s", wholeLimit, why)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// near is how many entries a replica may be behind under load and still count as
// having caught up.
const near = 50

// unsettled says what keeps the cluster from being as it is wanted, or "". What was
// known before since does not count.
func (c *chaos) unsettled(ctx context.Context, since time.Time) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	control, err := c.control()
	if err != nil {
		return err.Error()
	}
	status, err := control.Status(ctx)
	switch {
	case err != nil:
		return "the coordinator: " + err.Error()
	case !status.ObservedAt.After(since):
		// One that finds nothing to do looks again when something changes.
		return fmt.Sprintf("the coordinator has not looked yet (asked to: error %v)", control.Rebalance(ctx))
	case !status.Ready():
		return fmt.Sprintf("the coordinator: available %v, settled %v; %s", status.Available, status.Settled,
			strings.Join(append(status.Blocked, status.Notes...), "; "))
	}
	if err := c.takeAway(&status); err != nil {
		c.problem("%v", err)
	}
	leaders, applied := map[uint32]*cluster.ReplicaStatus{}, map[cluster.Replica]map[uint32]uint64{}
	for _, m := range c.list() {
		s, err := m.admin.Status(ctx)
		if err != nil {
			return m.name + ": " + err.Error()
		}
		for _, r := range s.Replicas {
			if r.State != cluster.ReplicaRunning {
				return fmt.Sprintf("replica %d of partition %d on %s is %s: %s", r.ID, r.Partition, m.name, r.State, r.Reason)
			}
			key := cluster.Replica{ID: r.ID, Node: s.Node}
			if applied[key] == nil {
				applied[key] = map[uint32]uint64{}
			}
			applied[key][r.Partition] = r.AppliedIndex
			if r.Role == cluster.RoleLeader && len(r.Progress) > 0 && (leaders[r.Partition] == nil || leaders[r.Partition].Term < r.Term) {
				leaders[r.Partition] = &r
			}
		}
	}
	for p := range uint32(partitions) {
		l := leaders[p]
		switch {
		case l == nil:
			return fmt.Sprintf("partition %d has no leader", p)
		case len(l.Config.Voters) != status.ReplicationFactor || l.Config.Joint() || len(l.Config.Learners) > 0:
			return fmt.Sprintf("partition %d has the configuration %+v", p, l.Config)
		}
		for _, v := range l.Config.Voters {
			if applied[v][p]+near < l.AppliedIndex {
				return fmt.Sprintf("replica %d of partition %d is behind", v.ID, p)
			}
		}
	}
	return ""
}

// compare asks all copies for their state, and compares those of one revision, now or
// earlier. It returns why not all copies of a partition have one revision, or "".
func (c *chaos) compare(ctx context.Context) string {
	apart := ""
	for p := range uint32(partitions) {
		seen := map[uint64]int{}
		for _, m := range c.list() {
			s, err := m.admin.PartitionState(ctx, p)
			if err != nil {
				return m.name + ": " + err.Error()
			}
			if s.Replica == 0 || s.State != cluster.ReplicaRunning {
				continue
			}
			seen[s.Revision]++
			c.mu.Lock()
			k := stateKey{p, s.Revision}
			was, known := c.states[k]
			c.states[k] = s.Hash
			if known {
				c.compared++
			}
			c.mu.Unlock()
			if known && was != s.Hash {
				c.problem("%s has another state of partition %d at revision %d than others", m.name, p, s.Revision)
			}
		}
		if len(seen) != 1 {
			apart = fmt.Sprintf("partition %d is at the revisions %v (count of copies)", p, seen)
		}
	}
	return apart
}

// awaitEqual waits, without load, until all copies of each partition are equal.
func (c *chaos) awaitEqual(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		why := c.compare(ctx)
		if why == "" {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New("copies do not become equal: " + why)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// close ends all processes.
func (c *chaos) close() {
	var all sync.WaitGroup
	for _, m := range c.list() {
		all.Go(func() {
			_ = m.close(9) // nothing is of use any more
			m.admin.Close()
			if m.disk != nil {
				_ = m.disk.unmount()
			}
		})
	}
	all.Go(func() { _ = c.coordinator.close(9) })
	all.Wait()
}
