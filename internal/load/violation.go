package load

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Kind is what an operation does.
type Kind string

// The kinds of operations.
const (
	Read  Kind = "read"
	Write Kind = "write"
)

// Fault is a way in which an answer can be wrong.
type Fault string

// The faults. FaultOlder is a stale read when it was seen on the way, and a lost
// write when it is there at the end.
const (
	FaultOlder   Fault = "older"   // no value, or one that a later acknowledged or seen write had replaced
	FaultRefused Fault = "refused" // the value of a write that the server had refused
	FaultForeign Fault = "foreign" // a value that was never written to this key

	// FaultLate is none, but looks like one: a write of unknown outcome that was
	// seen after a later one had been acknowledged.
	FaultLate Fault = "late"
)

// Violation is one answer that no linearizable store can give, or a late arrival.
type Violation struct {
	Fault   Fault     `json:"fault"`
	Key     string    `json:"key"`
	Address string    `json:"address"` // of the node that gave the answer
	At      time.Time `json:"at"`
	// Expected are the sequence numbers that would have been right: the last
	// one known, then those of unknown outcome. 0 means no value.
	Expected []uint64 `json:"expected"`
	// Found is the value as it was read, shortened; "(none)" if there was none.
	Found string `json:"found"`
	// History is what happened to the key lately, if it has had trouble before;
	// oldest first, this read last.
	History []string `json:"history,omitempty"`
}

// String is a sentence for people.
func (v Violation) String() string {
	want := make([]string, len(v.Expected))
	for i, seq := range v.Expected {
		want[i] = fmt.Sprintf("write %d", seq)
		if seq == 0 {
			want[i] = "no value"
		}
	}
	return fmt.Sprintf("%s at %s: expected %s, found %s (%s)", v.Key, v.Address, strings.Join(want, " or "), v.Found, v.Fault)
}

// Violations counts wrong answers and keeps the first of them.
type Violations struct {
	Older   uint64 `json:"older"`
	Refused uint64 `json:"refused"`
	Foreign uint64 `json:"foreign"`
	// Samples are the first violations, at most one for each key.
	Samples []Violation `json:"samples,omitempty"`
}

// Total is the number of wrong answers.
func (v *Violations) Total() uint64 { return v.Older + v.Refused + v.Foreign }

// maxSamples bounds what is kept of a run in which everything is wrong.
const maxSamples = 10

func (v *Violations) add(n Violation) {
	switch n.Fault {
	case FaultOlder:
		v.Older++
	case FaultRefused:
		v.Refused++
	case FaultForeign:
		v.Foreign++
	}
	v.Samples = addSample(v.Samples, n)
}

// addSample keeps the first samples, one for each key.
func addSample(samples []Violation, n Violation) []Violation {
	if len(samples) == maxSamples || slices.ContainsFunc(samples, func(s Violation) bool { return s.Key == n.Key }) {
		return samples
	}
	return append(samples, n)
}

// shorten makes a value fit into a message.
func shorten(value []byte) string {
	const most = 60
	if len(value) <= most {
		return fmt.Sprintf("%q", value)
	}
	return fmt.Sprintf("%q... (%d bytes)", value[:most], len(value))
}
