package load

import (
	"slices"
	"sync"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
)

// recorder collects what all workers see. Its methods are safe for concurrent
// use; workers call them once for each round, not once for each operation.
type recorder struct {
	mu         sync.Mutex
	total      *phase
	phases     []*phase // never empty, the last one is the current one
	late       uint64
	lateOnes   []Violation // the first of them
	violations Violations
	lastError  error
	// lastSuccess is when the last operation of a kind succeeded, or when Fill or
	// Run began; missing while neither runs.
	lastSuccess map[Kind]time.Time
}

// phase is the part between two marks.
type phase struct {
	name       string
	begin, end time.Time // end is zero for the current one
	kinds      map[Kind]*tally
}

type tally struct {
	stats     OperationStats // all but Latency
	histogram *hdr.Histogram // microseconds
}

func newPhase(name string, begin time.Time) *phase {
	return &phase{name: name, begin: begin, kinds: map[Kind]*tally{
		Read:  {histogram: newHistogram()},
		Write: {histogram: newHistogram()},
	}}
}

func newRecorder(now time.Time) *recorder {
	return &recorder{
		total:       newPhase("total", now),
		phases:      []*phase{newPhase("start", now)},
		lastSuccess: make(map[Kind]time.Time),
	}
}

// mark begins a new phase.
func (r *recorder) mark(name string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.phases[len(r.phases)-1].end = now
	r.phases = append(r.phases, newPhase(name, now))
}

// begin starts the clock of the gaps; stop stops it.
func (r *recorder) begin(now time.Time, kinds ...Kind) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range kinds {
		r.lastSuccess[k] = now
	}
}

func (r *recorder) stop(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k, last := range r.lastSuccess {
		r.noteGap(k, last, now)
	}
	clear(r.lastSuccess)
}

// round is what one exchange of a worker brought. All its operations were wished
// at the same time.
type round struct {
	kind      Kind
	began     time.Time
	ended     time.Time
	succeeded int
	key       string // of one that succeeded; empty if none did
	refused   int
	unknown   int
	lastError error
	connected bool // the attempts have left
}

func (r *recorder) record(n round) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n.lastError != nil {
		r.lastError = n.lastError
	}
	for _, p := range []*phase{r.total, r.phases[len(r.phases)-1]} {
		t := p.kinds[n.kind]
		t.stats.Refused += uint64(n.refused)
		t.stats.Unknown += uint64(n.unknown)
		t.stats.Succeeded += uint64(n.succeeded)
		// A time beyond the histogram's range is cut to its end; the pause has the
		// true one.
		micros := min(max(n.ended.Sub(n.began).Microseconds(), 1), t.histogram.HighestTrackableValue())
		_ = t.histogram.RecordValues(micros, int64(n.succeeded)) // fails only outside of the range
	}
	if n.succeeded == 0 {
		return
	}
	r.notePause(n.kind, n.began, n.ended, n.key)
	if last, running := r.lastSuccess[n.kind]; running {
		r.noteGap(n.kind, last, n.ended)
		if n.ended.After(last) {
			r.lastSuccess[n.kind] = n.ended
		}
	}
}

// abandon notes that so many operations, this one among them, were given up.
func (r *recorder) abandon(kind Kind, began time.Time, key string, count int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range []*phase{r.total, r.phases[len(r.phases)-1]} {
		p.kinds[kind].stats.Abandoned += uint64(count)
	}
	r.notePause(kind, began, time.Now(), key)
}

func (r *recorder) judged(v Violation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if v.Fault == FaultLate {
		r.late++
		r.lateOnes = addSample(r.lateOnes, v)
		return
	}
	r.violations.add(v)
}

// overlapping calls fn with the total and with every phase that had at least a
// tenth of that time. The caller holds mu.
func (r *recorder) overlapping(began, ended time.Time, fn func(*phase)) {
	fn(r.total)
	length := ended.Sub(began)
	for i := len(r.phases) - 1; i >= 0; i-- {
		p := r.phases[i]
		from, to := p.begin, p.end
		if from.Before(began) {
			from = began
		}
		if to.IsZero() || to.After(ended) {
			to = ended
		}
		if to.Sub(from) >= length/10 {
			fn(p)
		}
		if !p.begin.After(began) {
			return
		}
	}
}

func (r *recorder) notePause(kind Kind, began, ended time.Time, key string) {
	r.overlapping(began, ended, func(p *phase) { raise(&p.kinds[kind].stats.Pause, began, ended, key) })
}

func (r *recorder) noteGap(kind Kind, began, ended time.Time) {
	r.overlapping(began, ended, func(p *phase) { raise(&p.kinds[kind].stats.Gap, began, ended, "") })
}

func raise(p *Pause, began, ended time.Time, key string) {
	if length := MillisOf(ended.Sub(began)); length > p.Millis {
		*p = Pause{Millis: length, At: began, Key: key}
	}
}

// underWay is an operation that has not succeeded yet.
type underWay struct {
	kind  Kind
	began time.Time
	key   string
}

// snapshot fills in the parts of Stats that the recorder knows. Operations that
// are under way count as pauses so far.
func (r *recorder) snapshot(now time.Time, open []underWay) Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Stats{
		Started:     r.total.begin,
		Late:        r.late,
		LateSamples: slices.Clone(r.lateOnes),
		Violations:  r.violations,
	}
	s.Violations.Samples = slices.Clone(r.violations.Samples)
	if r.lastError != nil {
		s.LastError = r.lastError.Error()
	}
	// What is under way is noted for good: it can only grow.
	for _, o := range open {
		r.notePause(o.kind, o.began, now, o.key)
	}
	for k, last := range r.lastSuccess {
		r.noteGap(k, last, now)
	}
	s.Total = r.total.snapshot(now)
	for _, p := range r.phases {
		s.Phases = append(s.Phases, p.snapshot(now))
	}
	return s
}

func (p *phase) snapshot(now time.Time) PhaseStats {
	end := p.end
	if end.IsZero() {
		end = now
	}
	return PhaseStats{
		Name:    p.name,
		Started: p.begin,
		Millis:  MillisOf(end.Sub(p.begin)),
		Reads:   p.kinds[Read].snapshot(),
		Writes:  p.kinds[Write].snapshot(),
	}
}

func (t *tally) snapshot() OperationStats {
	s := t.stats
	s.Latency = latencyOf(t.histogram)
	return s
}
