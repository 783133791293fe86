package sim

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/node"
	"github.com/ringkv/ringkv/internal/kv/transport"
	"github.com/ringkv/ringkv/internal/kv/vfs/crashfs"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

// machine is a seat: a disk, a clock, and the process that runs there, if any.
type machine struct {
	w       *world
	name    string
	fs      *crashfs.FS
	process *process
	gone    bool             // it left the cluster for good
	leaving bool             // it should
	wipe    bool             // its volume is replaced before the next start
	rate    float64          // of its monotonic clock
	wall    int64            // how far its wall clock is off, in milliseconds
	slow    int64            // factor of what its disk takes
	ids     []cluster.NodeID // that lived here; the last may live
}

// process is one life of a node. It is the node's driver.
type process struct {
	m       *machine
	w       *world
	node    *node.Node // nil while it opens
	dead    bool
	started int64 // true time

	loops   []*loop
	tasks   []*task
	work    func() time.Duration // of the log
	pending bool                 // work is wanted
	workID  int                  // the newest schedule of work counts
	wire    *wire

	stoppedUntil int64 // true time; the process gets no CPU until after it
	stopIn       int   // readings of the clock until it is stopped; 0: never
	stopFor      time.Duration
	stopAfter    bool   // stop after the clock was read, not before
	stopInRead   bool   // stop in the next read that this process may serve
	stopped      func() // runs when it goes on; nil for nothing
}

var _ node.Driver = (*process)(nil)

// ended is what a process panics with when its machine goes down under it.
type ended struct{ p *process }

const (
	dataDir      = "/data"
	segmentBytes = 32 << 10
)

// start begins a life. A node that cannot open its volume stays down.
func (m *machine) start() {
	if m.process != nil || m.gone {
		return
	}
	if m.wipe {
		m.fs, m.wipe = crashfs.New(), false
	}
	p := &process{m: m, w: m.w, started: m.w.now, stoppedUntil: -1}
	m.process = p
	m.fs.StopAfter(1 << 40)
	p.run(func() {
		n, err := node.Open(node.Options{
			FS: m.fs, Dir: dataDir, Name: m.name, PeerAddress: m.name, RESPAddress: m.name,
			Shards: 2, Driver: p, Logger: m.w.logger(m.name), Fatal: p.fatal,
			Log: wal.Options{
				SegmentBytes: segmentBytes, TailBytes: 16 << 10, ReserveBytes: 2 * segmentBytes,
				Clock: p.clockTime, Manual: p.logHasWork,
			},
		})
		if err != nil {
			if !m.fs.Stopped() {
				m.w.logf("%s cannot start: %v", m.name, err)
				m.w.oracle.cannotStart(m, err)
			}
			panic(ended{p})
		}
		p.node = n
		if len(m.ids) == 0 || m.ids[len(m.ids)-1] != n.ID() {
			m.ids = append(m.ids, n.ID())
		}
		m.w.logf("%s started as %s", m.name, n.ID().Short())
		m.w.oracle.lookAt(p)
	})
}

// fatal is the node's: its log cannot be written any more.
func (p *process) fatal(err error) {
	p.w.logf("%s: the log has failed: %v", p.m.name, err)
	panic(ended{p})
}

// run runs fn as this process, and ends the process where its machine went down.
func (p *process) run(fn func()) {
	if p.dead {
		return
	}
	defer func() {
		if v := recover(); v != nil {
			e, ok := v.(ended)
			switch {
			case ok && e.p == p:
				p.end(0.5)
			case ok:
				panic(v)
			default:
				p.w.fail("%s panicked: %v\n%s", p.m.name, v, debug.Stack())
				p.kill()
			}
		} else if !p.dead && p.m.fs.Stopped() {
			p.end(0.5)
		}
	}()
	fn()
}

// end takes the process away with everything that was not synced; keep is the
// chance of every unsynced sector to be on the disk all the same.
func (p *process) end(keep float64) {
	if p.dead {
		return
	}
	p.finish(p.m.fs.Crash(keep, p.w.random("crash").Uint64()))
	p.w.logf("%s crashed", p.m.name)
}

// kill ends the process alone: the machine goes on and knows what was written.
func (p *process) kill() {
	if !p.dead {
		p.finish(p.m.fs.Kill())
		p.w.logf("%s was killed", p.m.name)
	}
}

func (p *process) finish(fs *crashfs.FS) {
	p.dead = true
	p.m.fs.StopAfter(0)
	p.m.fs, p.m.process = fs, nil
	for _, t := range p.tasks {
		t.abandon()
	}
	p.w.network.ended(p)
}

// Monotonic implements replica.Clock. Reading the clock is where a process can be
// stopped in the middle of what it does.
func (p *process) Monotonic() int64 {
	now := p.monotonic()
	if p.stopIn > 0 {
		if p.stopIn--; p.stopIn == 0 {
			p.stopHere()
			if !p.stopAfter {
				now = p.monotonic()
			}
		}
	}
	return now
}

func (p *process) monotonic() int64 { return int64(float64(p.w.now-p.started)*p.m.rate) + 1 }

// stopHere stops the process as SIGSTOP would, in the middle of an event, while the
// rest of the world goes on.
func (p *process) stopHere() {
	w := p.w
	until := w.now + int64(p.stopFor)
	p.stoppedUntil = until
	resumed := p.stopped
	p.stopped = nil
	if w.inStop {
		return // another one is stopped in the middle of an event; this one stops behind its event
	}
	task := w.task
	w.logf("%s is stopped for %v", p.m.name, p.stopFor)
	w.inStop = true
	w.stops++
	w.runUntil(until)
	w.task, w.inStop = task, false
	if resumed != nil {
		resumed()
	}
	if p.dead {
		panic(ended{p})
	}
}

// WallMillis implements replica.Clock.
func (p *process) WallMillis() int64 { return epoch + p.w.now/1e6 + p.m.wall }

// epoch is when the simulation starts, in milliseconds since 1970.
const epoch = 1_700_000_000_000

func (p *process) clockTime() time.Time {
	return time.UnixMilli(epoch).Add(time.Duration(p.monotonic()))
}

// local turns a duration on the process's clock into true time.
func (p *process) local(d time.Duration) time.Duration { return time.Duration(float64(d) / p.m.rate) }

// AfterFunc implements node.Driver.
func (p *process) AfterFunc(d time.Duration, fn func()) {
	p.w.after(p.local(d)+time.Microsecond, p, fn)
}

// loop is an event loop of a node.
type loop struct {
	p      *process
	round  func()
	queued bool
}

// Loop implements node.Driver.
func (p *process) Loop(period time.Duration, round func()) func() {
	l := &loop{p: p, round: round}
	p.loops = append(p.loops, l)
	random := p.w.random("schedule " + p.m.name)
	var tick func()
	tick = func() {
		l.now()
		p.w.after(p.local(period)+between(random, time.Microsecond, 2*time.Millisecond), p, tick)
	}
	p.w.after(between(random, 0, p.local(period)), p, tick)
	return func() {
		if !l.queued {
			l.queued = true
			p.w.after(between(random, time.Microsecond, 50*time.Microsecond), p, func() {
				if l.queued {
					l.now()
				}
			})
		}
	}
}

func (l *loop) now() {
	l.queued = false
	l.round()
}

// Await implements node.Driver: what the node waits for is done at once.
func (p *process) Await(done <-chan struct{}) {
	for range 1000 {
		select {
		case <-done:
			return
		default:
		}
		for _, l := range p.loops {
			if l.queued {
				l.now()
			}
		}
		if p.pending {
			p.workNow()
		}
	}
	panic(fmt.Sprintf("%s waits for something that does not come", p.m.name))
}

// logHasWork is the log's: a disk takes its time.
func (p *process) logHasWork(work func() time.Duration) {
	p.work = work
	if p.pending {
		return
	}
	p.pending = true
	random := p.w.random("disk " + p.m.name)
	d := between(random, 100*time.Microsecond, 3*time.Millisecond)
	if random.IntN(50) == 0 {
		d *= 10
	}
	p.workIn(d * time.Duration(max(1, p.m.slow)))
}

func (p *process) workIn(d time.Duration) {
	p.workID++
	id := p.workID
	p.w.after(d, p, func() {
		if p.workID == id {
			p.workNow()
		}
	})
}

func (p *process) workNow() {
	p.pending = false
	p.workID++
	if d := p.work(); d > 0 && !p.pending {
		p.workIn(p.local(d) + time.Microsecond)
	}
}

// task is a coroutine of a process: something that may wait.
type task struct {
	p     *process
	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool
	runs  bool // between next and yield
}

// Background implements node.Driver.
func (p *process) Background(fn func()) {
	d := between(p.w.random("schedule "+p.m.name), 10*time.Microsecond, 5*time.Millisecond)
	p.w.after(d*time.Duration(max(1, p.m.slow)), p, func() { p.begin(fn) })
}

func (p *process) begin(fn func()) {
	t := &task{p: p}
	t.next, t.stop = iter.Pull(func(yield func(struct{}) bool) {
		t.yield = yield
		fn()
	})
	p.tasks = append(p.tasks, t)
	t.resume()
}

// resume lets a task run until it waits again or ends.
func (t *task) resume() {
	was := t.p.w.task
	t.p.w.task, t.runs = t, true
	defer func() { t.p.w.task, t.runs = was, false }()
	if _, more := t.next(); !more {
		t.p.tasks = slices.DeleteFunc(t.p.tasks, func(o *task) bool { return o == t })
	}
}

// park makes the task that runs wait for resume.
func (t *task) park() {
	if !t.yield(struct{}{}) {
		panic(ended{t.p})
	}
}

// abandon ends a task of a process that has ended. The one that brought the end
// about unwinds by itself.
func (t *task) abandon() {
	if t.runs {
		return
	}
	defer func() {
		if v := recover(); v != nil {
			if e, ok := v.(ended); !ok || e.p != t.p {
				panic(v)
			}
		}
	}()
	t.stop()
}

// Transport implements node.Driver.
func (p *process) Transport(c transport.Config) node.Transport { return p.w.network.join(p, c) }

// running returns the machine's node if it takes part in events now.
func (m *machine) running() *node.Node {
	if p := m.process; p != nil && !p.dead && p.node != nil && p.stoppedUntil < m.w.now {
		return p.node
	}
	return nil
}

// logger writes what a node says into the world's log.
func (w *world) logger(name string) *slog.Logger {
	if w.log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(lines{w: w, name: name})
}

type lines struct {
	w    *world
	name string
	with string
}

// Enabled implements slog.Handler.
func (lines) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

// Handle implements slog.Handler.
func (l lines) Handle(_ context.Context, r slog.Record) error {
	s := l.name + ": " + r.Message + l.with
	r.Attrs(func(a slog.Attr) bool { s += " " + a.String(); return true })
	l.w.logf("%s", s)
	return nil
}

// WithAttrs implements slog.Handler.
func (l lines) WithAttrs(as []slog.Attr) slog.Handler {
	for _, a := range as {
		if a.Key != "node" {
			l.with += " " + a.String()
		}
	}
	return l
}

// WithGroup implements slog.Handler.
func (l lines) WithGroup(string) slog.Handler { return l }

var errDown = errors.New("connection refused")
