package sim

import (
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/ringkv/ringkv/internal/kv/coordinator"
	"github.com/ringkv/ringkv/internal/kv/vfs/crashfs"
)

// Config makes a run. The same one makes the same run.
type Config struct {
	Seed       uint64
	Machines   int
	Partitions int
	Replicas   int // at first; faults change it
	// Duration is how long there are load and faults, in simulated time.
	Duration time.Duration
	// FaultEvery is about the time between two faults.
	FaultEvery time.Duration
	// ReadIndex turns leases off.
	ReadIndex bool
	// Interval acknowledges what the operating system has. Then processes end, but no
	// machine alone loses its power: all do at once, at most once, see loss.
	Interval bool
	// Loads are clients beyond those that every run has; see loads.
	Loads []string `json:",omitempty"`
	// Beyond lets faults take copies away that nothing can replace. What is lost stays
	// lost then, and has to be called so.
	Beyond bool `json:",omitempty"`
	// Faults is the schedule; nil makes one up from the seed.
	Faults []Fault
	// Log takes what happens, for people; nil for nothing.
	Log io.Writer `json:"-"`
}

// Failure is a broken promise.
type Failure struct {
	At      time.Duration
	Message string
}

// Result is what a run came to.
type Result struct {
	Config     Config // with its schedule
	Failure    *Failure
	Trace      uint64 // equal for runs in which the same happened
	Simulated  time.Duration
	Events     int
	Faults     int // that took effect
	Stops      int // of a process in the middle of something
	Operations int
	Answered   int
	Lost       int                   // of those answered, by a power loss that may do that
	Checks     int                   // applied indexes that were compared
	Blocked    []coordinator.Blocked // what the coordinator says in the end
	Recovery   time.Duration         // from the end of the faults until all was well
	// Silence is the longest time without an answer to an operation of a kind.
	Silence map[string]time.Duration
}

// Random returns a configuration that a seed stands for.
func Random(seed uint64) Config {
	random := rand.New(rand.NewPCG(seed, 0xc0f16))
	replicas := []int{1, 2, 3, 3, 3, 3, 3, 5}[random.IntN(8)]
	c := Config{
		Seed:       seed,
		Machines:   max(replicas, 3+random.IntN(3)),
		Partitions: 1 << random.IntN(3),
		Replicas:   replicas,
		Interval:   random.IntN(6) == 0,
		Duration:   time.Duration(20+random.IntN(40)) * time.Second,
		FaultEvery: time.Duration(300+random.IntN(2000)) * time.Millisecond,
		ReadIndex:  random.IntN(4) == 0,
	}
	for _, l := range loads {
		if random.IntN(2) == 0 {
			c.Loads = append(c.Loads, l.name)
		}
	}
	if c.Interval && random.IntN(3) > 0 {
		c.Loads = nil // these are not judged across a loss of power
	}
	return c
}

// Run runs a cluster under faults, heals it, and judges.
func Run(c Config) Result {
	if c.Faults == nil {
		c.Faults = schedule(c)
	}
	w := &world{config: c, replicas: c.Replicas, trace: fnv.New64a(), streams: map[string]*rand.Rand{}, log: c.Log}
	defer w.seedSecrets()()
	w.network = &network{w: w, cut: map[[2]string]int64{}}
	w.clients = &clients{w: w, byToken: map[string]*operation{}, versions: map[version]string{}}
	w.oracle = newOracle(w)
	w.store = &recordStore{record: &coordinator.Record{}}
	for range c.Machines {
		w.addMachine().start()
	}
	w.startOperator("operator")
	w.oracle.watch()
	w.clients.start()
	w.clients.startTransactors()
	w.clients.startLoads()
	w.watchers = &watchers{w: w, told: map[stateKey]string{}}
	w.watchers.start()
	for _, f := range c.Faults {
		w.at(int64(f.At), nil, func() { w.inject(f) })
	}
	w.runUntil(int64(c.Duration))
	recovery := w.heal()
	w.clients.resting = true
	w.runUntil(w.now + int64(25*time.Second)) // longer than any call
	w.oracle.look()
	w.rest()
	w.clients.lookAtLast()
	if w.failure == nil {
		w.clients.check()
		w.clients.checkAny()
		w.watchers.check(w.clients.ops)
	}
	failure, blocked := w.failure, w.blocked()
	w.drain()
	r := Result{
		Config: c, Failure: failure, Trace: w.trace.Sum64(), Simulated: time.Duration(w.now), Events: w.count, Faults: w.faults, Stops: w.stops,
		Operations: len(w.clients.ops), Checks: w.oracle.checks, Recovery: recovery, Blocked: blocked, Silence: w.clients.silence(),
	}
	for _, o := range w.clients.ops {
		if o.outcome == answered {
			r.Answered++
			if o.lost {
				r.Lost++
			}
		}
	}
	return r
}

// patience is how long a cluster may take to be well after the last fault: the
// longest fault is still on for a while, and copies are made one after the other.
const patience = 3 * time.Minute

// heal ends all faults and waits until the cluster is whole and serves every key.
func (w *world) heal() time.Duration {
	from := w.now
	clear(w.network.cut)
	w.network.loss, w.network.chaos = 0, 0
	for _, m := range w.machines {
		m.fs.SetSize(1 << 40)
		m.fs.Heal()
		m.slow = 1
		if p := m.process; p != nil {
			p.stopIn = 0
		}
	}
	if len(w.operator) == 0 {
		w.startOperator("operator-at-last")
	}
	why := ""
	for w.failure == nil && w.now-from < int64(patience) {
		for _, m := range w.machines {
			if m.process != nil && m.process.dead {
				m.process = nil
			}
			if m.process == nil {
				m.start()
			}
		}
		w.runUntil(w.now + int64(500*time.Millisecond))
		if why = w.oracle.unsettled(); why != "" {
			if w.config.Beyond && w.gaveUp() {
				return time.Duration(w.now - from)
			}
			continue
		}
		before := len(w.clients.ops)
		w.runUntil(w.now + int64(time.Second))
		for _, o := range w.clients.ops[before:] {
			if o.outcome == answered && w.oracle.unsettled() == "" {
				return time.Duration(w.now - from)
			}
		}
		why = "no call is answered"
	}
	w.fail("not whole again %v after the last fault: %s", patience, why)
	return time.Duration(w.now - from)
}

// blocked returns what keeps the newest coordinator from its goal.
func (w *world) blocked() []coordinator.Blocked {
	if len(w.operator) == 0 {
		return nil
	}
	return w.operator[len(w.operator)-1].last.Blocked
}

// gaveUp tells whether the coordinator says that something cannot be had back.
func (w *world) gaveUp() bool {
	return slices.ContainsFunc(w.blocked(), func(b coordinator.Blocked) bool {
		return b.Reason == coordinator.ReasonDataLost || b.Reason == coordinator.ReasonQuorumLost
	})
}

// rest waits until all copies are the same, which they soon are without load.
func (w *world) rest() {
	why := ""
	for range 50 {
		if why = w.oracle.atRest(); why == "" || w.failure != nil {
			return
		}
		w.runUntil(w.now + int64(100*time.Millisecond))
	}
	w.fail("without load, %s", why)
}

// drain lets the goroutines of coordinators end, and the coroutines of processes.
func (w *world) drain() {
	for _, o := range slices.Clone(w.operator) {
		o.crash()
	}
	for _, m := range w.machines {
		if m.process != nil && !m.process.dead {
			m.process.kill()
		}
	}
	w.failure = nil
	w.runUntil(w.now + int64(5*time.Second))
}

// addMachine makes a seat with an empty volume.
func (w *world) addMachine() *machine {
	random := w.random("machines")
	m := &machine{
		w: w, name: fmt.Sprintf("n%d", len(w.machines)), fs: crashfs.New(), slow: 1,
		// Two clocks drift apart by a tenth at most, which is what leases allow.
		rate: 0.955 + 0.09*random.Float64(), wall: random.Int64N(2000) - 1000,
	}
	w.machines = append(w.machines, m)
	w.noteClock(m)
	return m
}
