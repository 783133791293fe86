package replica

import (
	"io"
	"log/slog"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/command"
	"github.com/ringkv/ringkv/internal/kv/vfs"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

// Outcome says what became of a call.
type Outcome uint8

// The outcomes.
const (
	// Done: the command was executed and the reply is set.
	Done Outcome = iota
	// NotExecuted: the command was not executed and never will be.
	NotExecuted
	// Unknown: the command may be executed, now or later, or not.
	Unknown
)

// Request is a call on its way through a node.
type Request struct {
	Call      *command.Call
	Partition uint32
	Write     bool
	// Deadline is on the monotonic clock: after it nobody waits any more.
	Deadline int64
	// Waited: it was held back because nobody was known to lead its partition.
	Waited bool
	// Origin, Sequence and Asked, the node that it went to last, are the host's own.
	Origin   any
	Sequence uint64
	Asked    cluster.NodeID
	// Hold is until when, on the monotonic clock, the host may keep a read that has
	// nothing to tell yet; 0 before it was first answered.
	Hold int64
}

// Message is a Raft message on its way to another node, with the time stamps
// that leases need.
type Message struct {
	Raft *raftpb.Message
	// SentAt is the sender's monotonic clock in nanoseconds, on heartbeats.
	SentAt int64
	// Echo is the SentAt of the heartbeat that a heartbeat response answers.
	Echo int64
}

// SnapshotHeader says what a snapshot stream carries.
type SnapshotHeader struct {
	Partition uint32
	From, To  uint64 // replica IDs
	RaftTerm  uint64 // the sending leader's term
	Term      uint64 // of the entry at Index
	Index     uint64
	Config    cluster.Config
}

// Host is what a replica needs from the process that it lives in. All methods
// return at once; except for Wake and Post they are called by the owner only.
type Host interface {
	// Send hands a message to the transport. Messages may be lost, not
	// reordered for one receiver.
	Send(to cluster.NodeID, partition uint32, m Message)
	// SendSnapshot streams body to a replica of another node and then calls
	// done, on any goroutine. It closes body.
	SendSnapshot(to cluster.NodeID, h SnapshotHeader, body io.ReadCloser, done func(error))
	// Write appends to the log at the end of the round.
	Write(w *wal.Write)
	// Post runs fn on the owner in a later round; any goroutine may call it.
	Post(r *Replica, fn func())
	// Wake makes the owner call Flush soon; any goroutine may call it.
	Wake(r *Replica)
	// Background runs fn on a goroutine of its own.
	Background(fn func())
	// BeginCompaction tells whether the replica may write a snapshot of its state
	// now. A node has one compaction under way at a time: many are due together, and
	// each takes as much of the processor and of the disk as it is let.
	BeginCompaction() bool
	// EndCompaction makes room for the next; any goroutine may call it.
	EndCompaction()
	// Pace returns a function that long work off the owner's goroutine calls between
	// small pieces. It makes the work yield to what clients wait for. Any goroutine
	// may call Pace, one the function.
	Pace() (rest func())
	// Finish returns a request that was submitted.
	Finish(req *Request, o Outcome)
	// LeadershipChanged is called when the leader, the term or the
	// configuration that this replica knows has changed.
	LeadershipChanged(r *Replica)
	// Changed is called after a batch of commands was applied.
	Changed(r *Replica)
	// Lost tells whether a node's volume is known to be gone for good.
	Lost(node cluster.NodeID) bool
	// Refuse is called when the replica found that it cannot go on.
	Refuse(r *Replica, reason error)
}

// Clock tells the time. Monotonic nanoseconds never jump; wall milliseconds are
// what goes into data.
type Clock interface {
	Monotonic() int64
	WallMillis() int64
}

// Options make a Replica.
type Options struct {
	Partition uint32
	// Partitions is their number in the cluster.
	Partitions uint32
	ID         uint64
	Node       cluster.NodeID
	Host       Host
	Clock      Clock
	Log        *wal.Group
	FS         vfs.FS
	// SnapshotDir is where snapshot files go.
	SnapshotDir string
	// Seed keys the hash function of the store; all replicas of a partition have
	// the same.
	Seed   uint64
	Logger *slog.Logger
	Timing Timing
	// HistoryBytes is how much of the newest changes is kept for watches.
	HistoryBytes int
	// Settings are the cluster's; they can be changed by SetSettings.
	Settings cluster.Settings
}

// Timing sets the pace of a group. All members of a cluster use the same.
type Timing struct {
	// Tick is the shortest time between two calls of Replica.Tick.
	Tick time.Duration
	// HeartbeatTicks and ElectionTicks count ticks. A follower stands for
	// election after ElectionTicks to 2 x ElectionTicks-1 without its leader.
	HeartbeatTicks, ElectionTicks int
}

// DefaultTiming elects a new leader 0.7 to 1.4 seconds after the old one was
// last heard of.
func DefaultTiming() Timing {
	return Timing{Tick: 50 * time.Millisecond, HeartbeatTicks: 2, ElectionTicks: 14}
}

// promise is how long a follower that just heard its leader refuses to vote for
// another one. The first tick may come right after the message, so one tick does
// not count.
func (t Timing) promise() time.Duration {
	return time.Duration(t.ElectionTicks-1) * t.Tick
}
