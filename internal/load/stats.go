package load

import (
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
)

// Millis is a duration as a number of milliseconds, which is what its JSON is.
type Millis float64

// MillisOf converts d.
func MillisOf(d time.Duration) Millis { return Millis(d.Seconds() * 1e3) }

// Duration converts back.
func (m Millis) Duration() time.Duration { return time.Duration(float64(m) * 1e6) }

// Stats is a snapshot of a load.
type Stats struct {
	Started time.Time `json:"started"`
	Running bool      `json:"running"` // Fill or Run is under way
	Prefix  string    `json:"prefix"`  // of all keys
	Keys    int       `json:"keys"`    // that exist for the load, written or not
	// Written is the number of keys with at least one acknowledged write.
	Written int `json:"written"`
	// Late counts writes of unknown outcome that were seen only after a later
	// write had been acknowledged. See the package comment.
	Late        uint64      `json:"late"`
	LateSamples []Violation `json:"lateSamples,omitempty"`
	Violations  Violations  `json:"violations"`
	// LastError is the newest answer that was not a success; empty if none.
	LastError string `json:"lastError,omitempty"`
	// Total is everything since New; Phases divides it.
	Total  PhaseStats   `json:"total"`
	Phases []PhaseStats `json:"phases"`
}

// Phase returns the newest phase of that name, or nil.
func (s Stats) Phase(name string) *PhaseStats {
	for i := len(s.Phases) - 1; i >= 0; i-- {
		if s.Phases[i].Name == name {
			return &s.Phases[i]
		}
	}
	return nil
}

// PhaseStats is what happened between two marks.
type PhaseStats struct {
	Name    string         `json:"name"`
	Started time.Time      `json:"started"`
	Millis  Millis         `json:"millis"` // how long it was, or has been so far
	Reads   OperationStats `json:"reads"`
	Writes  OperationStats `json:"writes"`
}

// LongestPause is the longer of the pauses of reads and writes.
func (p *PhaseStats) LongestPause() Pause {
	if p.Reads.Pause.Millis > p.Writes.Pause.Millis {
		return p.Reads.Pause
	}
	return p.Writes.Pause
}

// OperationStats is about the operations of one kind.
type OperationStats struct {
	Succeeded uint64 `json:"succeeded"` // operations; a write counts once it is acknowledged
	// Refused and Unknown count attempts that did not succeed.
	Refused uint64 `json:"refused"`
	Unknown uint64 `json:"unknown"`
	// Abandoned operations had not succeeded when Fill or Run was told to stop.
	Abandoned uint64 `json:"abandoned"`
	// Pause is the operation that took longest, retries included. It counts with
	// its whole length for every phase that had at least a tenth of it, so that a
	// pause across a mark is not made to look like two short ones.
	Pause Pause `json:"pause"`
	// Gap is the longest time in which no worker had a success.
	Gap     Pause   `json:"gap"`
	Latency Latency `json:"latency"`
}

// Pause is a length of time and when it began.
type Pause struct {
	Millis Millis    `json:"millis"`
	At     time.Time `json:"at,omitzero"`
	// Key is one that the operation was about; empty for a gap.
	Key string `json:"key,omitempty"`
}

// Latency is the distribution of the times of operations that succeeded,
// retries included.
type Latency struct {
	P50  Millis `json:"p50"`
	P90  Millis `json:"p90"`
	P99  Millis `json:"p99"`
	P999 Millis `json:"p999"`
	Max  Millis `json:"max"`
}

// newHistogram holds 1 microsecond to an hour with two significant digits: 24
// kB, small enough for every phase.
func newHistogram() *hdr.Histogram { return hdr.New(1, time.Hour.Microseconds(), 2) }

func latencyOf(h *hdr.Histogram) Latency {
	at := func(q float64) Millis { return Millis(float64(h.ValueAtQuantile(q)) / 1e3) }
	return Latency{P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: Millis(float64(h.Max()) / 1e3)}
}

// Verification is the result of reading every key back.
type Verification struct {
	// Acknowledged is the number of keys of which a write was acknowledged or
	// seen, and which so must have a value.
	Acknowledged int `json:"acknowledged"`
	// Read is the number of keys that were read back, out of all.
	Read int `json:"read"`
	Keys int `json:"keys"`
	// Lost is the number of keys without a value, or with one that is older than
	// the last acknowledged one.
	Lost int `json:"lost"`
	// Wrong is the number of keys with a value that was refused or never written.
	Wrong int `json:"wrong"`
	// Late is the number of keys that hold a write of unknown outcome which came
	// after a later one had been acknowledged.
	Late int `json:"late"`
	// Samples are the first of the lost, the wrong and the late.
	Samples []Violation `json:"samples,omitempty"`
	// LastError says why not every key could be read; empty if all were.
	LastError string `json:"lastError,omitempty"`
}

// OK tells whether every key was read and every value was right.
func (v *Verification) OK() bool { return v.Read == v.Keys && v.Lost == 0 && v.Wrong == 0 }

// Account is all that there is to say at the end.
type Account struct {
	OK           bool          `json:"ok"`
	Verification *Verification `json:"verification"` // nil if the keys were not read back
	Stats        Stats         `json:"stats"`
}

// NewAccount puts the two together. It is OK if no answer was ever wrong and the
// keys were all read back and right; without a verification it is not.
func NewAccount(s Stats, v *Verification) Account {
	return Account{OK: v != nil && v.OK() && s.Violations.Total() == 0, Verification: v, Stats: s}
}
