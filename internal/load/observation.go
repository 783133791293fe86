package load

import (
	"slices"
	"time"
)

// observation is a value that was read back, judged.
type observation struct {
	late  bool
	fault *Violation // nil if the value was right
}

// judge compares the answer to a read with the register. scratch is reused and
// returned.
func judge(r *register, a *attempt, address string, valueBytes int, scratch []byte) (observation, []byte) {
	violation := func(f Fault) observation {
		found := "(none)"
		if !a.missing {
			found = shorten(a.reply)
		}
		return observation{fault: &Violation{
			Fault:    f,
			Key:      a.key,
			Address:  address,
			At:       time.Now(),
			Expected: append([]uint64{r.current}, slices.Clone(r.open)...),
			Found:    found,
		}}
	}
	var seq uint64
	if !a.missing {
		var ok bool
		if seq, ok, scratch = parseValue(a.reply, a.key, valueBytes, scratch); !ok {
			return violation(FaultForeign), scratch
		}
	}
	switch r.observe(seq) {
	case lateArrival:
		return observation{late: true}, scratch
	case older:
		return violation(FaultOlder), scratch
	case refusedSeen:
		return violation(FaultRefused), scratch
	case neverSent:
		return violation(FaultForeign), scratch
	default:
		return observation{}, scratch
	}
}
