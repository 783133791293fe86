package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/vfs/crashfs"
)

// Fault is one thing that goes wrong, as a schedule names it. What a field means
// depends on the kind.
type Fault struct {
	At      time.Duration `json:"at"`
	Kind    string        `json:"kind"`
	Machine int           `json:"machine"`
	Peer    int           `json:"peer,omitempty"`
	For     time.Duration `json:"for,omitempty"`
	N       int           `json:"n,omitempty"`
}

// String shows the fault as a line of a schedule.
func (f Fault) String() string {
	return fmt.Sprintf("%v %s machine %d peer %d for %v n %d", f.At, f.Kind, f.Machine, f.Peer, f.For, f.N)
}

// kind is a kind of fault: how often it comes, and what it does.
type kind struct {
	name   string
	weight int
	inject func(w *world, f Fault, m *machine)
	// loses: it takes acknowledged data away for good. It waits until all
	// copies are there again, and there is one at a time: a majority must keep
	// what it promised.
	loses bool
	// power: what was not synced may be gone.
	power bool
}

var kinds = []kind{
	{"crash", 8, func(w *world, f Fault, m *machine) {
		if m.process != nil {
			m.process.end(float64(f.N%3) / 2)
		}
		w.restart(m, f.For)
	}, false, true},
	{"crash at a disk operation", 8, func(w *world, f Fault, m *machine) {
		m.fs.StopAfter(f.N % 40)
		w.after(f.For, nil, func() {
			if m.process != nil && m.fs.Stopped() {
				m.process.end(0.5)
			}
			m.fs.StopAfter(1 << 40)
			m.start()
		})
	}, false, true},
	{"power loss of all", 2, func(w *world, f Fault, _ *machine) {
		if f.N%2 == 0 {
			w.losePower(f)
			return
		}
		w.membersChanged = func() { w.losePower(f) }
	}, false, false},
	{"kill", 6, func(w *world, f Fault, m *machine) {
		if m.process != nil {
			m.process.kill()
		}
		w.restart(m, f.For)
	}, false, false},
	{"failing sync", 2, func(w *world, f Fault, m *machine) {
		m.fs.Fail(crashfs.OpSync, "", 1+f.N%10, syscall.EIO)
		w.restart(m, f.For)
	}, false, true},
	{"full disk", 2, func(w *world, f Fault, m *machine) {
		m.fs.SetSize(int64(4+f.N%8) * segmentBytes)
		w.after(f.For, nil, func() { m.fs.SetSize(1 << 40) })
	}, false, false},
	{"slow disk", 3, func(w *world, f Fault, m *machine) {
		m.slow = int64(10 + f.N%200)
		w.after(f.For, nil, func() { m.slow = 1 })
	}, false, false},
	{"one-way cut", 4, func(w *world, f Fault, m *machine) { w.cut(m.name, w.peerOf(f).name, f.For) }, false, false},
	{"cut", 4, func(w *world, f Fault, m *machine) {
		w.cut(m.name, w.peerOf(f).name, f.For)
		w.cut(w.peerOf(f).name, m.name, f.For)
	}, false, false},
	{"isolation", 5, func(w *world, f Fault, m *machine) {
		for _, o := range w.machines {
			if f.N%3 != 0 {
				w.cut(m.name, o.name, f.For)
			}
			if f.N%3 != 1 {
				w.cut(o.name, m.name, f.For)
			}
		}
	}, false, false},
	{"loss", 3, func(w *world, f Fault, m *machine) {
		w.network.loss = float64(f.N%40) / 100
		w.after(f.For, nil, func() { w.network.loss = 0 })
	}, false, false},
	{"disorder", 3, func(w *world, f Fault, m *machine) {
		w.network.chaos = float64(f.N%40) / 100
		w.after(f.For, nil, func() { w.network.chaos = 0 })
	}, false, false},
	{"stop", 8, func(w *world, f Fault, m *machine) {
		if m.process != nil {
			m.process.stopIn, m.process.stopFor, m.process.stopAfter = 1+f.N%50, f.For, f.N%2 == 0
		}
	}, false, false},
	{"stop in a read", 4, func(w *world, f Fault, m *machine) {
		for _, m := range w.machines {
			if p := m.process; p != nil && p.node != nil && len(w.leaderships(p)) > 0 {
				p.stopInRead, p.stopFor = true, 2*time.Second+f.For
				return
			}
		}
	}, false, false},
	{"wall clock jump", 2, func(w *world, f Fault, m *machine) {
		m.wall += int64(f.N%7200-3600) * 1000
		w.noteClock(m)
	}, false, false},
	{"hand-over", 5, func(w *world, f Fault, m *machine) {
		if m.process == nil || m.running() == nil {
			return
		}
		p := m.process
		w.after(0, p, func() {
			for _, s := range w.leaderships(p) {
				to := s.Config.Voters[f.N%len(s.Config.Voters)].ID
				_ = p.node.TransferLeader(context.Background(), cluster.TransferLeader{
					ClusterID: w.store.record.ClusterID, Partition: s.Partition, To: to,
				}) // one that is refused is no fault
			}
		})
	}, false, false},
	{"graceful restart", 3, func(w *world, f Fault, m *machine) {
		if m.running() == nil {
			return
		}
		p := m.process
		w.after(0, p, func() {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			_ = p.node.Drain(ctx) // begins it; it goes on by itself
		})
		w.after(500*time.Millisecond, p, func() {
			if err := p.node.Close(); err != nil && !p.m.fs.Stopped() {
				w.fail("%s does not stop: %v", m.name, err)
			}
			p.kill()
		})
		w.restart(m, time.Second+f.For)
	}, false, false},
	{"lost volume", 1, func(w *world, f Fault, m *machine) {
		if m.process != nil {
			m.process.end(0)
		}
		m.fs = crashfs.New()
		w.restart(m, f.For)
	}, true, true},
	{"rot", 2, func(w *world, f Fault, m *machine) {
		if m.process != nil {
			m.process.end(1)
		}
		w.rot(m, f)
		w.restart(m, f.For)
	}, true, true},
	{"scale up", 1, func(w *world, f Fault, _ *machine) {
		if len(w.machines) < w.config.Machines+3 {
			w.addMachine().start()
		}
	}, false, false},
	{"scale down", 1, func(w *world, f Fault, m *machine) {
		stay := 0
		for _, o := range w.machines {
			if !o.leaving {
				stay++
			}
		}
		if stay > w.replicas {
			m.leaving = true
		}
	}, false, false},
	{"replication factor", 1, func(w *world, f Fault, _ *machine) {
		stay := 0
		for _, o := range w.machines {
			if !o.leaving {
				stay++
			}
		}
		if wanted := 1 + f.N%5; wanted <= stay && w.oracle.unsettled() == "" {
			w.replicas = wanted
		}
	}, false, false},
	{"coordinator crash", 3, func(w *world, f Fault, _ *machine) {
		for _, o := range slices.Clone(w.operator) {
			o.crash()
		}
		w.after(f.For, nil, func() {
			if len(w.operator) == 0 {
				w.startOperator(fmt.Sprintf("operator-%d", w.ordinal))
			}
		})
	}, false, false},
	{"second coordinator", 1, func(w *world, f Fault, _ *machine) {
		if len(w.operator) < 2 {
			o := w.startOperator(fmt.Sprintf("operator-%d", w.ordinal))
			w.after(f.For, nil, func() {
				if len(w.operator) > 1 {
					o.crash()
				}
			})
		}
	}, false, false},
}

// schedule makes up the faults of a run.
func schedule(c Config) []Fault {
	random := rand.New(rand.NewPCG(c.Seed, 0x5c4ed))
	total := 0
	for _, k := range kinds {
		total += k.weight
	}
	var out []Fault
	for at := calm; at < c.Duration; at += between(random, 50*time.Millisecond, 2*c.FaultEvery) {
		n := random.IntN(total)
		i := 0
		for ; n >= kinds[i].weight; i++ {
			n -= kinds[i].weight
		}
		f := Fault{At: at, Kind: kinds[i].name, Machine: random.IntN(16), Peer: random.IntN(16), N: random.IntN(1 << 20)}
		f.For = between(random, 50*time.Millisecond, 4*time.Second)
		if random.IntN(8) == 0 {
			f.For *= 4
		}
		out = append(out, f)
	}
	return out
}

// calm is how long a cluster is left alone at first.
const calm = 3 * time.Second

func (w *world) inject(f Fault) {
	m := w.machines[f.Machine%len(w.machines)]
	for _, k := range kinds {
		if k.name != f.Kind {
			continue
		}
		if m.gone || k.power && w.config.Interval || k.loses && w.replicas < 3 && !w.config.Beyond {
			return
		}
		if k.loses {
			if why := w.oracle.unsettled(); why != "" || w.losing(m) {
				return
			}
		}
		w.faults++
		w.logf("FAULT %v (%s)", f, m.name)
		if k.loses {
			w.oracle.rotten, w.oracle.damaged = true, true
			if w.config.Beyond {
				// What is acknowledged may be in a log that nobody can apply, and not to be watched.
				w.oracle.whole, w.watchers.missed = false, true
			}
		}
		k.inject(w, f, m)
		return
	}
	w.fail("no fault is called %q", f.Kind)
}

// losing tells whether somebody else holds less than it promised.
func (w *world) losing(m *machine) bool {
	for _, o := range w.machines {
		if o != m && o.wipe {
			return true
		}
	}
	return false
}

// losePower takes the power from all machines at once. They come back one by one.
func (w *world) losePower(f Fault) {
	w.membersChanged = nil
	if w.config.Interval && !w.oracle.expectLoss() {
		return
	}
	random := w.random("power")
	for _, m := range w.machines {
		keep := float64(f.N/2%3) / 2
		if f.N/6%2 == 0 {
			keep = 0 // all of them end where they were synced last, and nothing is torn
		}
		switch {
		case m.gone:
			continue
		case m.process != nil:
			m.process.end(keep)
		default: // it may have unsynced writes of a process that was killed
			m.fs = m.fs.Crash(keep, random.Uint64())
		}
		w.restart(m, between(random, 50*time.Millisecond, f.For+50*time.Millisecond))
	}
}

func (w *world) restart(m *machine, d time.Duration) {
	w.after(d, nil, func() {
		if m.process != nil && m.process.dead {
			m.process = nil
		}
		m.start()
	})
}

func (w *world) cut(from, to string, d time.Duration) {
	k := [2]string{from, to}
	w.network.cut[k] = max(w.network.cut[k], w.now+int64(d))
}

func (w *world) peerOf(f Fault) *machine { return w.machines[f.Peer%len(w.machines)] }

// leaderships returns what a process leads.
func (w *world) leaderships(p *process) []cluster.ReplicaStatus {
	var out []cluster.ReplicaStatus
	for _, r := range p.node.Replicas() {
		if s := r.Status(); s.Role == cluster.RoleLeader && len(s.Config.Voters) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// rot damages what a machine had synced: a segment anywhere, its end, or a
// snapshot.
func (w *world) rot(m *machine, f Fault) {
	dir := dataDir + "/log"
	if f.N%4 == 0 {
		dir = dataDir + "/snapshots"
	}
	names, err := m.fs.List(dir)
	if err != nil {
		return
	}
	var files []string
	for _, n := range names {
		if strings.HasSuffix(n, ".wal") || strings.HasSuffix(n, ".snap") {
			files = append(files, n)
		}
	}
	if len(files) == 0 {
		return
	}
	name := dir + "/" + files[f.N/4%len(files)]
	if f.N%4 == 1 {
		name = dir + "/" + files[len(files)-1]
	}
	b, err := m.fs.ReadFile(name)
	if err != nil || len(b) == 0 {
		return
	}
	end := len(b)
	for end > 1 && b[end-1] == 0 {
		end--
	}
	at := f.N / 64 % end
	if f.N%4 == 1 {
		at = max(0, end-1-f.N/64%60) // in the last record
	}
	// The last sector stays: that all of the last batch turns into zeros is the one thing
	// that the log does not promise to see (docs/log-format.md).
	if sector := at / sectorBytes * sectorBytes; f.N%4 == 2 && sector+sectorBytes < end {
		err = m.fs.Zero(name, int64(sector), sectorBytes)
		w.logf("%s: bytes %d to %d of %s are zero (it ends at %d)", m.name, sector, sector+sectorBytes, name, end)
	} else {
		err = m.fs.Flip(name, int64(at), uint(f.N))
		w.logf("%s: bit %d of byte %d of %s is flipped (it ends at %d)", m.name, f.N&7, at, name, end)
	}
	if err != nil {
		w.fail("%s cannot be damaged: %v", name, err)
	}
}

// sectorBytes is what a disk writes or loses as a whole.
const sectorBytes = 512
