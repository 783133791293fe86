// Package sim runs whole clusters on one goroutine, from one seed: the real node,
// with its log, its replicas, its routing and the transport's encodings, and the
// real coordinator. Only clock, network and disk are simulated, so hours pass in
// minutes, anything can fail at any point, and a failure can be had again.
package sim

import (
	"container/heap"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/fnv"
	"io"
	mrand "math/rand/v2"
	"strconv"
	"time"
)

// world is the simulation: a queue of events in the order of true time.
type world struct {
	config   Config
	replicas int   // that every partition should have now
	now      int64 // nanoseconds of true time since the start
	events   events
	ordinal  uint64
	trace    hash.Hash64
	count    int // events that happened
	streams  map[string]*mrand.Rand

	machines []*machine
	network  *network
	clients  *clients
	watchers *watchers
	oracle   *oracle
	operator []*operator
	store    *recordStore
	faults   int // that took effect
	stops    int // of a process in the middle of an event
	// membersChanged runs, once, when a change of members has been applied; nil for nothing.
	membersChanged func()
	// earliest and latest wall clock that a machine ever had, in milliseconds off.
	slowest, fastest int64

	task    *task // the coroutine that runs, if any
	inStop  bool  // a process is stopped in the middle of an event
	failure *Failure
	log     io.Writer // what happened, for people; nil for none
}

// event is something that happens at a time. Events of a process that has ended
// do not happen; those of one that is stopped wait.
type event struct {
	at      int64
	ordinal uint64
	process *process
	fn      func()
}

type events []*event

func (q events) Len() int { return len(q) }
func (q events) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].ordinal < q[j].ordinal
}
func (q events) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *events) Push(x any)   { *q = append(*q, x.(*event)) }
func (q *events) Pop() any {
	old := *q
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return e
}

// random returns a stream of random numbers for one purpose: what one part of the
// simulation draws does not change what others draw.
func (w *world) random(purpose string) *mrand.Rand {
	r := w.streams[purpose]
	if r == nil {
		h := fnv.New64a()
		_, _ = io.WriteString(h, purpose) // never fails
		r = mrand.New(mrand.NewPCG(w.config.Seed, h.Sum64()))
		w.streams[purpose] = r
	}
	return r
}

// clientRandom returns a client's stream of random numbers.
func (w *world) clientRandom(client int) *mrand.Rand {
	return w.random("client " + strconv.Itoa(client))
}

// secrets is what crypto/rand reads from: node IDs, salts, election timeouts.
type secrets struct{ random *mrand.Rand }

// Read implements io.Reader.
func (s secrets) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(s.random.Uint32())
	}
	return len(p), nil
}

// seedSecrets makes crypto/rand repeat, and returns what undoes that.
func (w *world) seedSecrets() (restore func()) {
	was := rand.Reader
	rand.Reader = secrets{w.random("secrets")}
	return func() { rand.Reader = was }
}

// at schedules fn; with a process it runs as that process.
func (w *world) at(t int64, p *process, fn func()) {
	w.ordinal++
	heap.Push(&w.events, &event{at: max(t, w.now), ordinal: w.ordinal, process: p, fn: fn})
}

func (w *world) after(d time.Duration, p *process, fn func()) { w.at(w.now+int64(d), p, fn) }

// between returns a time from a to b.
func between(r *mrand.Rand, a, b time.Duration) time.Duration {
	return a + time.Duration(r.Int64N(int64(b-a)+1))
}

// runUntil lets everything happen up to a time, or until something is found.
func (w *world) runUntil(t int64) {
	for w.failure == nil && len(w.events) > 0 && w.events[0].at <= t {
		e := heap.Pop(&w.events).(*event)
		p := e.process
		switch {
		case p == nil:
			w.step(e)
		case p.dead:
		case p.stoppedUntil >= e.at:
			w.at(p.stoppedUntil+1, p, e.fn)
		default:
			w.step(e)
		}
	}
	w.now = max(w.now, t)
}

func (w *world) step(e *event) {
	w.now = max(w.now, e.at)
	w.count++
	w.note(uint64(w.now), e.ordinal)
	if e.process != nil {
		e.process.run(e.fn)
	} else {
		e.fn()
	}
}

// note adds numbers to the trace. Two runs are the same if their traces are.
func (w *world) note(numbers ...uint64) {
	var b [8]byte
	for _, n := range numbers {
		binary.LittleEndian.PutUint64(b[:], n)
		w.trace.Write(b[:])
	}
}

func (w *world) logf(format string, args ...any) {
	if w.log != nil {
		fmt.Fprintf(w.log, "%10.4f  %s\n", time.Duration(w.now).Seconds(), fmt.Sprintf(format, args...))
	}
}

// fail ends the run: a promise is broken.
func (w *world) fail(format string, args ...any) {
	if w.failure == nil {
		w.failure = &Failure{At: time.Duration(w.now), Message: fmt.Sprintf(format, args...)}
		w.logf("FAILURE: %s", w.failure.Message)
	}
}
