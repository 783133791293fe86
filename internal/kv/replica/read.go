package replica

import (
	"encoding/binary"
	"maps"
	"slices"

	"go.etcd.io/raft/v3"

	"github.com/ringkv/ringkv/internal/kv/command"
)

// Reads without a lease ask a quorum whether this replica still leads, and then
// wait until everything that was committed when they asked is applied (ReadIndex;
// Ongaro, 6.4). All reads that arrive while one question is out share the next.

// reads are the reads that wait for a quorum or for entries to be applied.
type reads struct {
	sequence uint64 // of the last question; never used twice
	asked    map[uint64][]*Request
	waiting  []readBatch // confirmed, by rising index
}

type readBatch struct {
	index uint64
	calls []*Request
}

// TryRead answers a read at once if a lease allows it, and tells whether it did.
// If it did not, the call is untouched. Any goroutine may call it.
func (r *Replica) TryRead(c *command.Call) bool {
	check, ok := r.lease.begin(r.clock.Monotonic())
	if !ok {
		return false
	}
	r.run(c)
	if !r.lease.held(check, r.clock.Monotonic()) {
		c.Out.Reset()
		return false
	}
	return true
}

// ReadAny answers a read from whatever this replica has applied, possibly behind.
// It tells whether it did: an empty replica cannot. Any goroutine may call it.
func (r *Replica) ReadAny(c *Request) bool {
	r.published.Lock()
	usable := r.published.readable
	r.published.Unlock()
	if !usable {
		return false
	}
	r.run(c.Call)
	return true
}

// run executes a read on the store as it is.
func (r *Replica) run(c *command.Call) {
	r.contexts.Read(c, r.store.Load(), r.now(), r.partition, r.count)
}

// now is the time in milliseconds since the Unix epoch, but never before that of a
// batch that was applied: under a leader whose clock is behind, what had expired
// must not come back. Any goroutine may call it.
func (r *Replica) now() int64 { return max(r.clock.WallMillis(), r.newest.Load()) }

// askReads starts one question to the quorum for all queued reads, unless the
// lease answers them.
//
// It waits until an entry of this leader's own term is applied. For a single voter the
// library does not: it would answer with the commit index that it started with, which may
// be older than what an earlier life has acknowledged.
func (r *Replica) askReads() {
	if !r.leading || r.appliedTerm != r.raftTerm {
		return
	}
	r.queue.Lock()
	calls := r.queue.reads
	r.queue.reads = nil
	r.queue.Unlock()
	var ask []*Request
	for _, c := range calls {
		if r.TryRead(c.Call) {
			r.host.Finish(c, Done)
		} else {
			ask = append(ask, c)
		}
	}
	if len(ask) == 0 {
		return
	}
	r.reads.sequence++
	if r.reads.asked == nil {
		r.reads.asked = map[uint64][]*Request{}
	}
	r.reads.asked[r.reads.sequence] = ask
	r.rn.ReadIndex(binary.BigEndian.AppendUint64(nil, r.reads.sequence))
}

// confirmed notes the quorum's answer.
func (rs *reads) confirmed(s raft.ReadState) {
	seq := binary.BigEndian.Uint64(s.RequestCtx)
	if calls := rs.asked[seq]; len(calls) > 0 {
		rs.waiting = append(rs.waiting, readBatch{index: s.Index, calls: calls})
	}
	delete(rs.asked, seq)
}

// serveReads answers the reads whose index is applied.
func (r *Replica) serveReads() {
	for len(r.reads.waiting) > 0 && r.reads.waiting[0].index <= r.applied {
		for _, c := range r.reads.waiting[0].calls {
			r.run(c.Call)
			r.host.Finish(c, Done)
		}
		r.reads.waiting = r.reads.waiting[1:]
	}
}

// fail gives all waiting reads back: a read can always be tried elsewhere.
func (rs *reads) fail(r *Replica) {
	for _, seq := range slices.Sorted(maps.Keys(rs.asked)) {
		r.finishAll(rs.asked[seq], NotExecuted)
	}
	clear(rs.asked)
	for _, b := range rs.waiting {
		r.finishAll(b.calls, NotExecuted)
	}
	rs.waiting = nil
}

// expire gives back reads whose deadline has passed.
func (rs *reads) expire(r *Replica, now int64) {
	if len(rs.asked) == 0 && len(rs.waiting) == 0 {
		return
	}
	for _, seq := range slices.Sorted(maps.Keys(rs.asked)) {
		calls := rs.asked[seq]
		r.finishAll(splitExpired(&calls, now), NotExecuted)
		if rs.asked[seq] = calls; len(calls) == 0 {
			delete(rs.asked, seq)
		}
	}
	for i := range rs.waiting {
		r.finishAll(splitExpired(&rs.waiting[i].calls, now), NotExecuted)
	}
}
