package node

import "time"

const (
	// workSlice is for how long work in the background goes on without a rest. Go's
	// scheduler would let it have a processor for 10 ms at a time.
	workSlice = time.Millisecond
	// longestRest bounds a rest after a piece that took long.
	longestRest = 50 * time.Millisecond
)

// pace makes work in the background rest for as long as it worked, waiting for the disk
// included: half a processor and half of the disk's time are left to others, and nobody
// waits for longer than a slice.
type pace struct {
	now   func() int64 // monotonic, nanoseconds
	sleep func(time.Duration)
	hurry func() bool // no rest: the work is what everybody waits for
	since int64       // when the slice began
}

func (p *pace) rest() {
	worked := time.Duration(p.now() - p.since)
	if worked < workSlice {
		return
	}
	if !p.hurry() {
		p.sleep(min(worked, longestRest))
	}
	p.since = p.now()
}

// Pace implements replica.Host. A simulation has nobody who would have to wait.
func (s *shard) Pace() (rest func()) {
	n := s.node
	if n.opts.Driver != nil {
		return func() {}
	}
	p := &pace{now: n.clock.Monotonic, sleep: time.Sleep, hurry: func() bool { return n.log.Full() || n.isStopping() }}
	p.since = p.now()
	return p.rest
}

// BeginCompaction implements replica.Host.
func (s *shard) BeginCompaction() bool { return s.node.compacting.CompareAndSwap(false, true) }

// EndCompaction implements replica.Host.
func (s *shard) EndCompaction() { s.node.compacting.Store(false) }
