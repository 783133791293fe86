//go:build linux

package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// fault is one thing that goes wrong, as the schedule of a round names it. What n means
// depends on the kind.
type fault struct {
	at      time.Duration // since the round began
	kind    *kind
	machine int // which of the machines of that moment, modulo their number
	peer    int
	lasts   time.Duration
	n       int
}

func (f fault) String() string {
	return fmt.Sprintf("%v %s machine %d peer %d for %v n %d", f.at, f.kind.name, f.machine, f.peer, f.lasts, f.n)
}

// kind is a kind of fault: how often it comes, and what it does.
type kind struct {
	name   string
	weight int
	// inject makes it happen, returns when the time is over and it has been mended, and
	// may call over, which waits for that. The error says that it could not be done or
	// mended.
	inject func(c *chaos, f fault, m *machine, over func()) error
	// possible tells whether the machine allows it; nil means always.
	possible func(*means) bool
	// gentle faults leave processes alone, so that a soak can tell what they leak.
	gentle bool
}

// kinds are all that may come at any time, and those that come at the beginning of a
// round alone.
var (
	kinds    = slices.Concat(processKinds, networkKinds, diskKinds, scaleKinds)
	allKinds = slices.Concat(kinds, losingKinds)
)

// processKinds are the faults of processes.
var processKinds = []*kind{
	{name: "kill -9", weight: 8, inject: func(_ *chaos, _ fault, m *machine, over func()) error {
		return m.down(syscall.SIGKILL, over)
	}},
	{name: "graceful restart", weight: 4, inject: func(_ *chaos, _ fault, m *machine, over func()) error {
		return m.down(syscall.SIGTERM, over)
	}},
	{name: "rolling restart", weight: 1, inject: func(c *chaos, _ fault, _ *machine, _ func()) error {
		for _, m := range c.list() {
			if err := m.down(syscall.SIGTERM, func() {}); err != nil {
				return err
			}
		}
		return nil
	}},
	{name: "stop", weight: 4, gentle: true, inject: func(_ *chaos, _ fault, m *machine, over func()) error {
		defer m.pause()()
		over()
		return nil
	}},
	{name: "stop of a leader for longer than its lease", weight: 6, gentle: true, inject: func(c *chaos, f fault, m *machine, over func()) error {
		defer c.leaderOf(uint32(f.n%partitions), m).pause()()
		over()
		return nil
	}},
	{name: "kill -9 of the coordinator", weight: 3, gentle: true, inject: func(c *chaos, _ fault, _ *machine, over func()) error {
		release, err := c.coordinator.hold(syscall.SIGKILL)
		if err != nil {
			return err
		}
		over()
		return release()
	}},
	{name: "stop of the coordinator", weight: 1, gentle: true, inject: func(c *chaos, _ fault, _ *machine, over func()) error {
		defer c.coordinator.pause()()
		over()
		return nil
	}},
}

// down ends a machine's process with a signal, and starts it again when over returns.
func (m *machine) down(signal syscall.Signal, over func()) error {
	release, err := m.hold(signal)
	if err != nil {
		_ = release() // it goes on, but what is wrong is told
		return err
	}
	over()
	return release()
}

// peerOf returns another machine than m.
func (c *chaos) peerOf(f fault, m *machine) *machine {
	machines := slices.DeleteFunc(c.list(), func(x *machine) bool { return x == m })
	return machines[f.peer%len(machines)]
}

// leaderOf returns the machine that leads a partition as far as it knows, or other if
// none answers so.
func (c *chaos) leaderOf(partition uint32, other *machine) *machine {
	var leader *machine
	var term uint64
	for _, m := range c.list() {
		s, err := m.status()
		if err != nil {
			continue
		}
		for _, r := range s.Replicas {
			if r.Partition == partition && r.Role == cluster.RoleLeader && r.Term >= term {
				leader, term = m, r.Term
			}
		}
	}
	if leader == nil {
		return other
	}
	c.logf("%s leads partition %d", leader.name, partition)
	return leader
}

// schedule makes up the faults of a round. The kinds that are owed, because they have not
// come yet, come first, mixed with others.
func schedule(seed uint64, round int, length time.Duration, m *means, gentle bool, owed []*kind) []fault {
	random := rand.New(rand.NewPCG(seed, uint64(round)))
	owed = slices.Clone(owed)
	random.Shuffle(len(owed), func(i, j int) { owed[i], owed[j] = owed[j], owed[i] })
	var faults []fault
	for at := time.Second; at < length; at += between(random, time.Second, 5*time.Second) {
		from, debt := kinds, random.IntN(3) > 0
		if len(faults) == 0 && !gentle && (random.IntN(3) > 0 || slices.ContainsFunc(owed, losing)) {
			from, debt = losingKinds, true // all is whole now
		}
		choice := choose(from, m, gentle)
		k := choice[random.IntN(len(choice))]
		if i := slices.IndexFunc(owed, func(x *kind) bool { return slices.Contains(from, x) }); i >= 0 && debt {
			k = owed[i]
			owed = slices.Delete(owed, i, i+1)
		}
		f := fault{at: at, kind: k, machine: random.IntN(1 << 16), peer: random.IntN(1 << 16), n: random.IntN(1 << 20)}
		f.lasts = between(random, 200*time.Millisecond, 5*time.Second)
		if random.IntN(4) == 0 {
			f.lasts += 8 * time.Second // longer than any client or server waits
		}
		faults = append(faults, f)
	}
	return faults
}

func losing(k *kind) bool { return slices.Contains(losingKinds, k) }

// mayCome tells whether this run can have faults of a kind.
func (k *kind) mayCome(m *means, gentle bool) bool {
	return (k.possible == nil || k.possible(m)) && (k.gentle || !gentle)
}

// choose returns the kinds that may come, each as often as it weighs.
func choose(from []*kind, m *means, gentle bool) []*kind {
	var choice []*kind
	for _, k := range from {
		if k.mayCome(m, gentle) {
			for range k.weight {
				choice = append(choice, k)
			}
		}
	}
	return choice
}

// owed returns the kinds that may come and have not yet.
func (c *chaos) owed() []*kind {
	c.mu.Lock()
	defer c.mu.Unlock()
	var owed []*kind
	for _, k := range allKinds {
		if k.mayCome(c.means, c.gentle) && c.counts[k.name] == 0 {
			owed = append(owed, k)
		}
	}
	return owed
}

func between(random *rand.Rand, from, to time.Duration) time.Duration {
	return (from + time.Duration(random.Int64N(int64(to-from)))).Round(time.Millisecond)
}
