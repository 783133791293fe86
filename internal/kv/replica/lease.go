package replica

import (
	"math"
	"slices"
	"sync/atomic"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// A lease lets the leader answer reads alone. It rests on a promise that every
// voter keeps (CheckQuorum in the library, and voteHold below): for promise()
// after it heard the leader it votes for nobody else. So once a quorum has
// answered heartbeats, no other leader can exist until promise() after the time
// that the oldest of the quorum's newest answered heartbeats was SENT, by the
// leader's own monotonic clock, less what the clocks of two machines may drift
// apart meanwhile. (Ongaro, "Consensus: Bridging Theory and Practice", 6.4.1.)
//
// Two things break the promise and have a rule each:
//   - A leader that hands over tells a voter to campaign at once. It gives its
//     lease up before that message leaves and takes none for the rest of its
//     term: the message may arrive late.
//   - A voter that restarts has forgotten when it heard the leader. It answers no
//     vote requests for promise() after its start (see voteHold).
//
// A configuration counts from when it is applied. The new voters can elect
// without the old ones only after they learned from this leader that the change
// is committed, which is later than any heartbeat that the lease rests on.

// driftDivisor bounds how much faster a voter's monotonic clock may run than the
// leader's: a tenth. It is far above what NTP slews (0.05 %).
const driftDivisor = 10

// never is a time before every start of a monotonic clock, far enough from the
// end of the range to be reckoned with.
const never = math.MinInt64 / 2

// lease is read by any goroutine and written by the owner.
type lease struct {
	// until is the monotonic time at which the lease ends; 0 when there is none.
	until atomic.Int64
	// generation is raised by every revocation, so that a reader can tell that
	// the lease it checked after reading is the one that it checked before.
	generation atomic.Uint64
}

// leaseCheck is what a reader saw before it read.
type leaseCheck struct{ generation uint64 }

// begin tells whether a read may start at now.
func (l *lease) begin(now int64) (leaseCheck, bool) {
	g := l.generation.Load()
	return leaseCheck{g}, now < l.until.Load()
}

// held tells whether the lease that c saw still holds at now. Only then may what
// was read be given out: the process may have been stopped between the two for
// longer than the lease.
func (l *lease) held(c leaseCheck, now int64) bool {
	return now < l.until.Load() && l.generation.Load() == c.generation
}

func (l *lease) revoke() {
	l.until.Store(0)
	l.generation.Add(1)
}

// acknowledge notes that a voter answered the heartbeat sent at sentAt.
func (r *Replica) acknowledge(from uint64, sentAt int64) {
	if sentAt > r.acked[from] {
		r.acked[from] = sentAt
		r.renewLease()
	}
}

// renewLease recomputes the lease from what voters have acknowledged.
func (r *Replica) renewLease() {
	if !r.leading || r.handedOver || r.appliedTerm != r.raftTerm || r.settings.Reads == cluster.ReadsIndex {
		return
	}
	now := r.clock.Monotonic()
	base := r.quorumAck(r.config.Voters, now)
	if r.config.Joint() {
		base = min(base, r.quorumAck(r.config.Outgoing, now))
	}
	promise := r.timing.promise().Nanoseconds()
	if until := base + promise - promise/driftDivisor; until > r.lease.until.Load() {
		r.lease.until.Store(until)
	}
}

// quorumAck returns the latest time such that a majority of voters have answered
// a heartbeat sent then or later. The leader's own answer is now.
func (r *Replica) quorumAck(voters []cluster.Replica, now int64) int64 {
	times := make([]int64, 0, 7)
	for _, v := range voters {
		at, ok := r.acked[v.ID]
		switch {
		case v.ID == r.id:
			at = now
		case !ok:
			at = never
		}
		times = append(times, at)
	}
	if len(times) == 0 {
		return never
	}
	slices.Sort(times)
	return times[(len(times)-1)/2]
}
