package bench

import (
	"math/rand/v2"
	"time"
)

// schedule says when the commands of one connection are due. All times are since
// the start.
type schedule struct {
	gap     time.Duration // between two commands; 0 is the closed loop
	next    time.Duration
	random  *rand.Rand // nil for even gaps
	perTurn int        // the most commands at once
}

// newSchedule returns the schedule of connection i.
func newSchedule(o *Options, i int) *schedule {
	s := &schedule{perTurn: o.Pipeline}
	if o.Rate == 0 {
		return s
	}
	s.gap = time.Duration(float64(o.Connections) / o.Rate * float64(time.Second))
	s.gap = max(s.gap, 1)
	// The connections take turns: together they are as even as one would be.
	s.next = s.gap * time.Duration(i) / time.Duration(o.Connections)
	if o.Poisson {
		s.random = rand.New(rand.NewPCG(o.Seed, uint64(i)<<32))
		s.next = s.exponential()
	}
	return s
}

func (s *schedule) exponential() time.Duration {
	return max(time.Duration(s.random.ExpFloat64()*float64(s.gap)), 1)
}

// open tells whether there is a schedule at all.
func (s *schedule) open() bool { return s.gap > 0 }

// take appends when each of the commands to be sent now was due: all that are due
// and have not been taken, up to the pipeline; in a closed loop a whole pipeline,
// due now.
func (s *schedule) take(now time.Duration, due []time.Duration) []time.Duration {
	for len(due) < s.perTurn {
		if !s.open() {
			due = append(due, now)
			continue
		}
		if s.next > now {
			break
		}
		due = append(due, s.next)
		if s.random != nil {
			s.next += s.exponential()
		} else {
			s.next += s.gap
		}
	}
	return due
}
