package node

import (
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

	// Owned by the goroutine.

	replicas map[uint32]*replica.Replica
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
	select {
	case <-done:
		return true
	case <-s.node.stopped:
		return false
	}
}

// run is the goroutine. Ticks are spaced from the last tick that was given, never
// made up for: see replica.Replica.Tick.
func (s *shard) run() {
	tick := s.node.timing.Tick
	timer := time.NewTimer(tick)
	defer timer.Stop()
	var events []event
	for {
		select {
		case <-s.node.stopping:
			s.close()
			return
		case <-s.wake:
		case <-timer.C:
		}
		s.mu.Lock()
		events, s.inbox = s.inbox, events[:0]
		s.mu.Unlock()
		for i := range events {
			s.handle(&events[i])
			events[i] = event{}
		}
		if now := s.node.clock.Monotonic(); now-s.lastTick >= tick.Nanoseconds() {
			s.lastTick = now
			for _, r := range s.replicas {
				r.Tick()
				s.touch(r)
			}
			timer.Reset(tick)
			s.node.beat(s)
		}
		s.flush()
	}
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
	for to, msgs := range s.out {
		if len(msgs) > 0 {
			s.node.transport.Send(to, msgs)
			s.out[to] = nil
		}
	}
}

// close gives back all calls.
func (s *shard) close() {
	for _, r := range s.replicas {
		r.Close()
	}
	s.mu.Lock()
	s.inbox = nil
	s.mu.Unlock()
}
