package load

import (
	"fmt"
	"time"
)

// history is what happened lately to keys that had trouble: attempts without a
// success, and what came after them. Keys without trouble cost nothing. It makes
// a violation, or a late arrival, something that can be looked into.
type history map[int][]event // by register

// event is one attempt, or one value seen.
type event struct {
	kind         Kind
	seq          uint64 // of a write, or as it was read
	outcome      outcome
	began, ended time.Time // of the attempt
	address      string
	err          error // nil after a success
}

// maxEvents is how many of a key are kept.
const maxEvents = 16

// add notes an event of a register that has trouble, or has had.
func (h history) add(register int, e event) {
	events, troubled := h[register]
	if !troubled && e.outcome == succeeded {
		return
	}
	if len(events) == maxEvents {
		events = append(events[:0], events[1:]...)
	}
	h[register] = append(events, e)
}

// tell returns the events of a register in words, oldest first.
func (h history) tell(register int) []string {
	var lines []string
	for _, e := range h[register] {
		const clock = "15:04:05.000000"
		line := fmt.Sprintf("%s to %s: %s %d: ", e.began.Format(clock), e.ended.Format(clock), e.kind, e.seq)
		switch e.outcome {
		case succeeded:
			line += "succeeded"
		case refused:
			line += "refused"
		case unknown:
			line += "outcome unknown"
		}
		if e.address != "" {
			line += " at " + e.address
		}
		if e.err != nil {
			line += ": " + e.err.Error()
		}
		lines = append(lines, line)
	}
	return lines
}
