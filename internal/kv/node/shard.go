package node

import (
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/replica"
	"github.com/ringkv/ringkv/internal/kv/transport"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

// A shard is one goroutine that owns a part of the node's replicas. It works in
// rounds: take all that has arrived, give it to the replicas, let each replica
// that was touched flush, then hand all log writes to the log and all messages to
// the transport, one call each. Under load a round grows, and with it the batch.
type shard struct {
	node *Node

	mu    sync.Mutex
	inbox []event       // guarded by mu
	wake  chan struct{} // holds one token when the inbox is not empty
	// wakeUp takes the place of wake if the node has a driver.
	wakeUp func()

	// Owned by the goroutine.

	replicas map[uint32]*replica.Replica
	inOrder  []*replica.Replica // by partition
	events   []event            // of the last round, for its memory
	touched  []*replica.Replica
	isTouch  map[*replica.Replica]bool
	writes   []*wal.Write
	out      map[cluster.NodeID][]transport.Message
	lastTick int64
}

// event is one thing for a replica, or, with r nil, for the shard.
type event struct {
	r    *replica.Replica
	fn   func()
	from cluster.NodeID
	msg  *transport.Message
}

func newShard(n *Node) *shard {
	return &shard{
		node:     n,
		wake:     make(chan struct{}, 1),
		replicas: map[uint32]*replica.Replica{},
		isTouch:  map[*replica.Replica]bool{},
		out:      map[cluster.NodeID][]transport.Message{},
	}
}

// post queues events; any goroutine may call it.
func (s *shard) post(es ...event) {
	s.mu.Lock()
	s.inbox = append(s.inbox, es...)
	s.mu.Unlock()
	if s.wakeUp != nil {
		s.wakeUp()
		return
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// do runs fn on the shard's goroutine and waits for it. It returns false if the
// node is closing.
func (s *shard) do(fn func()) bool {
	done := make(chan struct{})
	s.post(event{fn: func() { fn(); close(done) }})
	return s.node.await(done)
}

// own makes a replica the shard's.
func (s *shard) own(r *replica.Replica) {
	s.replicas[r.Partition()] = r
	s.sort()
}

// disown forgets a replica.
func (s *shard) disown(r *replica.Replica) {
	delete(s.replicas, r.Partition())
	delete(s.isTouch, r)
	s.sort()
}

func (s *shard) sort() {
	clear(s.inOrder)
	s.inOrder = s.inOrder[:0]
	for _, p := range slices.Sorted(maps.Keys(s.replicas)) {
		s.inOrder = append(s.inOrder, s.replicas[p])
	}
}

// run is the goroutine.
func (s *shard) run() {
	tick := s.node.timing.Tick
	timer := time.NewTimer(tick)
	defer timer.Stop()
	for {
		select {
		case <-s.node.stopping:
			s.close()
			return
		case <-s.wake:
			// Let everybody who can run add to the round: who woke this goroutine
			// makes it the next to run, with little to do.
			runtime.Gosched()
		case <-timer.C:
		}
		if s.round() {
			timer.Reset(tick)
		}
	}
}

// round does all that there is to do, and tells whether that was a tick. Ticks are
// spaced from the last tick that was given, never made up for: see
// replica.Replica.Tick.
func (s *shard) round() (ticked bool) {
	s.mu.Lock()
	events := s.inbox
	s.inbox = s.events[:0]
	s.mu.Unlock()
	for i := range events {
		s.handle(&events[i])
		events[i] = event{}
	}
	s.events = events
	if now := s.node.clock.Monotonic(); now-s.lastTick >= s.node.timing.Tick.Nanoseconds() {
		s.lastTick, ticked = now, true
		for _, r := range s.inOrder {
			r.Tick()
			s.touch(r)
		}
		s.node.beat(s)
	}
	s.flush()
	return ticked
}

func (s *shard) handle(e *event) {
	switch {
	case e.msg != nil:
		r := s.replicas[e.msg.Partition]
		if r == nil || r.ID() != e.msg.Raft.GetTo() {
			return // a replica that is gone, or not yet here
		}
		r.Step(e.from, replica.Message{Raft: e.msg.Raft, SentAt: e.msg.SentAt, Echo: e.msg.Echo})
		s.touch(r)
	case e.fn != nil:
		e.fn()
		if e.r != nil {
			s.touch(e.r)
		}
	case e.r != nil:
		s.touch(e.r)
	}
}

func (s *shard) touch(r *replica.Replica) {
	if !s.isTouch[r] {
		s.isTouch[r] = true
		s.touched = append(s.touched, r)
	}
}

// flush ends a round.
func (s *shard) flush() {
	for i := 0; i < len(s.touched); i++ {
		s.touched[i].Flush()
	}
	clear(s.touched)
	s.touched = s.touched[:0]
	clear(s.isTouch)
	if len(s.writes) > 0 {
		s.node.log.Append(s.writes...)
		clear(s.writes)
		s.writes = s.writes[:0]
	}
	if len(s.out) == 0 {
		return
	}
	for _, to := range slices.Sorted(maps.Keys(s.out)) {
		s.node.transport.Send(to, s.out[to])
	}
	clear(s.out)
}

// close gives back all calls.
func (s *shard) close() {
	for _, r := range s.inOrder {
		r.Close()
	}
	s.mu.Lock()
	s.inbox = nil
	s.mu.Unlock()
}
