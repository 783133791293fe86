package replica

import (
	"maps"
	"slices"
	"sync"

	"github.com/ringkv/ringkv/internal/kv/command"
)

const (
	// maxBatchBytes ends a batch; one larger command still makes one of its own.
	maxBatchBytes = 1 << 20
	// maxUnsynced is how many own entries may wait for the local log at a time.
	// The next batch forms while the last one syncs.
	maxUnsynced = 1
)

// queue holds calls between the goroutines that submit them and the owner.
type queue struct {
	sync.Mutex
	closed bool // nobody takes anything out any more
	writes []*Request
	reads  []*Request
}

// proposals are the writes that are in the log or on the way there.
type proposals struct {
	pending  map[uint64]*proposal // by sequence number
	sequence uint64
	unsynced int
	buffer   []*Request // of the batch being made
}

// proposal is one entry that this replica has put into the log.
type proposal struct {
	term  uint64
	calls []*Request // nil where the caller has stopped waiting
}

// Submit queues a call. The host gets it back through Finish. It returns false, and
// does nothing, if the replica is closed: it was removed from here, or the node stops.
func (r *Replica) Submit(c *Request) bool {
	r.queue.Lock()
	if r.queue.closed {
		r.queue.Unlock()
		return false
	}
	if c.Write {
		r.queue.writes = append(r.queue.writes, c)
	} else {
		r.queue.reads = append(r.queue.reads, c)
	}
	r.queue.Unlock()
	r.host.Wake(r)
	return true
}

// take removes a batch of writes from the queue, in order.
func (q *queue) take(into []*Request) []*Request {
	q.Lock()
	defer q.Unlock()
	size, n := 0, 0
	for n < len(q.writes) && (n == 0 || size < maxBatchBytes) {
		for _, a := range q.writes[n].Call.Args {
			size += len(a) + 4
		}
		n++
	}
	into = append(into[:0], q.writes[:n]...)
	rest := copy(q.writes, q.writes[n:])
	clear(q.writes[rest:])
	q.writes = q.writes[:rest]
	return into
}

// proposeQueued puts what has queued up into one entry.
//
// Writes that a client sent one after the other must not overtake each other, also
// not when they are tried again elsewhere. So while the outcome of earlier writes
// is open here, later ones are not given back but wait.
func (r *Replica) proposeQueued() {
	p := &r.proposals
	if !r.leading {
		if len(p.pending) == 0 {
			r.refuseQueued()
		} else {
			r.refuseQueuedReads()
		}
		return
	}
	if p.unsynced >= maxUnsynced {
		return
	}
	if len(p.pending) > 0 && r.appliedTerm != r.raftTerm {
		return // what an earlier term began may be given back yet: see settleBefore
	}
	p.buffer = r.queue.take(p.buffer)
	if len(p.buffer) == 0 {
		return
	}
	calls := append([]*Request(nil), p.buffer...)
	clear(p.buffer)
	if err := r.propose(calls); err != nil {
		// Dropped: no leader any more, a hand-over under way, or too much
		// uncommitted. None of it reached the log.
		if len(p.pending) == 0 {
			r.finishAll(calls, NotExecuted)
			r.refuseQueuedWrites() // they came behind it
		} else {
			r.queue.putBack(calls)
		}
		return
	}
	p.sequence++
	p.pending[p.sequence] = &proposal{term: r.raftTerm, calls: calls}
}

// close makes Submit take nothing any more.
func (q *queue) close() {
	q.Lock()
	defer q.Unlock()
	q.closed = true
}

// payloads lends buffers to build entries in: the library copies what is proposed.
var payloads = sync.Pool{New: func() any { return new([]byte) }}

// propose offers commands to the group as the next batch.
func (r *Replica) propose(calls []*Request) error {
	buf := payloads.Get().(*[]byte)
	payload := command.AppendBatchHeader((*buf)[:0], r.id, r.proposals.sequence+1, r.now())
	for _, c := range calls {
		payload = command.AppendCommand(payload, c.Call.Args)
	}
	err := r.rn.Propose(payload)
	if cap(payload) <= maxBatchBytes {
		*buf = payload
		payloads.Put(buf)
	}
	return err
}

// putBack undoes take.
func (q *queue) putBack(calls []*Request) {
	q.Lock()
	q.writes = append(calls, q.writes...)
	q.Unlock()
}

// refuseQueued gives back what this replica cannot propose or read now.
func (r *Replica) refuseQueued() {
	r.refuseQueuedWrites()
	r.refuseQueuedReads()
}

// refuseQueuedWrites gives back all queued writes. The host lets none follow one that
// it got back, but may have queued some before it did.
func (r *Replica) refuseQueuedWrites() {
	for {
		r.queue.Lock()
		writes := r.queue.writes
		r.queue.writes = nil
		r.queue.Unlock()
		if len(writes) == 0 {
			return
		}
		r.finishAll(writes, NotExecuted)
	}
}

func (r *Replica) refuseQueuedReads() {
	r.queue.Lock()
	reads := r.queue.reads
	r.queue.reads = nil
	r.queue.Unlock()
	r.finishAll(reads, NotExecuted)
}

// stopLeading gives back what only a leader can finish. Proposals stay: they may
// be committed yet, and applying tells (see settleBefore). Queued writes follow
// when those are settled.
func (r *Replica) stopLeading() { r.reads.fail(r) }

// settleBefore gives back proposals that can never be committed. Terms only rise
// along a log, so once an entry of a later term is applied, no entry of an
// earlier term can follow it. All entries before that one must have been applied here,
// one by one: what a snapshot skips may be among them (see settleInside).
//
// What has queued up behind them goes back as well, lest it overtake them.
func (r *Replica) settleBefore(term uint64) {
	given := false
	for _, seq := range slices.Sorted(maps.Keys(r.proposals.pending)) {
		if p := r.proposals.pending[seq]; p.term < term {
			delete(r.proposals.pending, seq)
			r.finishAll(p.calls, NotExecuted)
			given = true
		}
	}
	if given {
		r.refuseQueuedWrites()
	}
}

// settleInside ends the wait for proposals that may have been committed inside a snapshot
// whose last entry is of term: it holds what they did, if they did, and not whether. Those
// of a later term come behind it.
func (r *Replica) settleInside(term uint64) {
	for _, seq := range slices.Sorted(maps.Keys(r.proposals.pending)) {
		if p := r.proposals.pending[seq]; p.term <= term {
			delete(r.proposals.pending, seq)
			r.finishAll(p.calls, Unknown)
		}
	}
}

// expireCalls gives back calls whose deadline has passed: those that have not
// been proposed certainly did not happen, those that have may.
func (r *Replica) expireCalls() {
	now := r.clock.Monotonic()
	r.queue.Lock()
	writes := splitExpired(&r.queue.writes, now)
	reads := splitExpired(&r.queue.reads, now)
	r.queue.Unlock()
	r.finishAll(writes, NotExecuted)
	r.finishAll(reads, NotExecuted)
	r.reads.expire(r, now)
	if len(r.proposals.pending) == 0 {
		return
	}
	for _, seq := range slices.Sorted(maps.Keys(r.proposals.pending)) {
		p := r.proposals.pending[seq]
		waiting := false
		for i, c := range p.calls {
			switch {
			case c == nil:
			case c.Deadline <= now:
				p.calls[i] = nil
				r.host.Finish(c, Unknown)
			default:
				waiting = true
			}
		}
		if !waiting {
			delete(r.proposals.pending, seq)
		}
	}
}

// splitExpired removes and returns the calls whose deadline has passed.
func splitExpired(calls *[]*Request, now int64) []*Request {
	var expired []*Request
	kept := (*calls)[:0]
	for _, c := range *calls {
		if c.Deadline <= now {
			expired = append(expired, c)
		} else {
			kept = append(kept, c)
		}
	}
	clear((*calls)[len(kept):])
	*calls = kept
	return expired
}

func (r *Replica) finishAll(calls []*Request, o Outcome) {
	for _, c := range calls {
		if c != nil {
			r.host.Finish(c, o)
		}
	}
}
