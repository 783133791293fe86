package bench

import (
	"sync"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"

	"github.com/ringkv/ringkv/internal/respclient"
)

// Kind is what a command did.
type Kind int

// The kinds.
const (
	Read Kind = iota
	Write
	kinds
)

// newHistogram holds a microsecond to a minute with three significant digits.
func newHistogram() *hdr.Histogram { return hdr.New(1, time.Minute.Microseconds(), 3) }

// recorder collects the results of some connections.
type recorder struct {
	mu     sync.Mutex
	total  [kinds]*hdr.Histogram // microseconds; guarded by mu
	second [kinds]*hdr.Histogram // since the last tick of the clock; guarded by mu
	missed uint64                // reads of keys that are not there; guarded by mu
	moved  uint64                // times that a command was sent on; guarded by mu
	failed map[string]uint64     // by the first word of the error; guarded by mu
	sample map[string]string     // an example of each; guarded by mu
	from   time.Duration         // what was due earlier is warm-up
}

func newRecorder(warmup time.Duration) *recorder {
	r := &recorder{failed: map[string]uint64{}, sample: map[string]string{}, from: warmup}
	for k := range kinds {
		r.total[k], r.second[k] = newHistogram(), newHistogram()
	}
	return r
}

// outcome is what became of one command.
type outcome struct {
	kind     Kind
	due, end time.Duration // since the start
	missing  bool
	moved    int // how often it was sent on
	err      error

	// Until it has its answer: where to send the command next, the slot of its key in
	// cluster mode, and its bytes among those of the turn.
	server   string
	slot     int
	from, to int
}

func (r *recorder) record(outcomes []outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range outcomes {
		o := &outcomes[i]
		if o.due < r.from {
			continue
		}
		r.moved += uint64(o.moved)
		if o.err != nil {
			word := "connection"
			if answered, ok := o.err.(respclient.ServerError); ok { //nolint:errorlint // as the reply gave it, never wrapped
				word = answered.Prefix()
			}
			r.failed[word]++
			if r.sample[word] == "" {
				r.sample[word] = o.err.Error()
			}
			continue
		}
		if o.missing {
			r.missed++
		}
		// What took longer than the histogram can say counts as its end.
		micros := min(max((o.end-o.due).Microseconds(), 1), r.total[o.kind].HighestTrackableValue())
		_ = r.total[o.kind].RecordValue(micros) // in range
		_ = r.second[o.kind].RecordValue(micros)
	}
}

// tick moves what came since the last tick into into.
func (r *recorder) tick(into *[kinds]*hdr.Histogram) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k := range kinds {
		into[k].Merge(r.second[k])
		r.second[k].Reset()
	}
}

// add adds everything to the result.
func (r *recorder) add(to *totals) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k := range kinds {
		to.histograms[k].Merge(r.total[k])
	}
	to.missed += r.missed
	to.moved += r.moved
	for word, n := range r.failed {
		to.failed[word] += n
		to.sample[word] = r.sample[word]
	}
}

// totals are the results of all connections.
type totals struct {
	histograms [kinds]*hdr.Histogram
	missed     uint64
	moved      uint64
	failed     map[string]uint64
	sample     map[string]string
}
