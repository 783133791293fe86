package load

import "slices"

// register is what is known of one key. It belongs to one worker, whose turn
// guards it. It is pure: attempts and answers go in, judgements come out.
type register struct {
	// attempted is the highest sequence number given to a write; 0 if none.
	attempted uint64
	// current is the write that the register is known to hold unless one of
	// open has happened since: the last acknowledged one, or one that a read
	// has seen after it. 0 means no value.
	current uint64
	// highest is the highest number of a write that is known to have happened:
	// more than current after a late arrival.
	highest uint64
	// open are the writes of unknown outcome that nobody has seen: each may
	// happen at any time from now on, once. Ascending.
	open []uint64
}

// attempt returns the sequence number of a new attempt to write. Every attempt
// has its own, retries included, so that it can be told which of them was seen.
func (r *register) attempt() uint64 {
	r.attempted++
	return r.attempted
}

// acknowledged notes that the write happened.
func (r *register) acknowledged(seq uint64) { r.happened(seq) }

func (r *register) happened(seq uint64) {
	r.current = seq
	r.highest = max(r.highest, seq)
}

// unknown notes that the write may have happened or may still happen. A write
// that was refused needs no note: it must never be seen.
func (r *register) unknown(seq uint64) { r.open = append(r.open, seq) }

// judgement says what a value that was read back means.
type judgement int

const (
	asExpected  judgement = iota
	lateArrival           // an open write, seen after a later one was acknowledged: legal
	older                 // a write that had been replaced, or no value at all
	refusedSeen           // a write that the server had refused
	neverSent             // a number that was never given to a write
)

// observe judges the sequence number that a read returned, 0 for no value, and
// learns from it what is legal.
func (r *register) observe(seq uint64) judgement {
	if seq == r.current {
		return asExpected
	}
	if i, found := slices.BinarySearch(r.open, seq); found {
		late := seq < r.current
		r.open = slices.Delete(r.open, i, i+1)
		r.happened(seq)
		if late {
			return lateArrival
		}
		return asExpected
	}
	switch {
	case seq > r.attempted:
		return neverSent
	case seq > r.highest:
		return refusedSeen
	default:
		return older
	}
}
