package coordinator

import (
	"cmp"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// Answer is what one seat said when it was asked.
type Answer struct {
	Status *cluster.NodeStatus // nil when it did not answer
	Err    error
	// At is when the question was sent: the status is at least as new.
	At time.Time
	// UpSince is since when the same process has answered without a break, as
	// far as this coordinator saw; zero when it does not answer.
	UpSince time.Time
	// AwaySince is since when it has not answered, as far as this coordinator
	// saw; zero when it answers. A new coordinator begins to count anew.
	AwaySince time.Time
}

// Observation is the answers by seat name. A seat that is not in it is unknown.
type Observation map[string]Answer

// Input is all that Plan looks at.
type Input struct {
	Spec        Spec
	Record      *Record // nil means none yet
	Observation Observation
	Now         time.Time
	// NewClusterID names the cluster if Plan creates one.
	NewClusterID string
	// Hints make plans better, never safer; all may be nil.
	Hints Hints
	// Limits of what counts as fresh, caught up and calm; zero values mean the
	// defaults.
	Limits Limits
}

// Hints are what a coordinator remembers between passes. Losing them costs time
// at most.
type Hints struct {
	// Transferred is when the leader of a partition was last moved for balance.
	Transferred map[uint32]time.Time
	// MinReplicaID is the smallest replica ID to try for a partition, after a
	// node refused a smaller one as used.
	MinReplicaID map[uint32]uint64
}

// Limits are the thresholds of a plan.
type Limits struct {
	// FreshFor is how old an answer may be to count as evidence.
	FreshFor time.Duration
	// CatchUpLag is how many log entries a replica may be behind its leader to
	// count as caught up. Under load the last few are always on their way.
	CatchUpLag uint64
	// LeaderCalm is how long all nodes must have been up before leaders are
	// moved for balance.
	LeaderCalm time.Duration
	// TransferPause is how long a partition's leader is left alone after such a
	// move.
	TransferPause time.Duration
	// MaxTransfers bounds the leaders moved for balance in one pass.
	MaxTransfers int
}

// Defaults of Limits.
const (
	DefaultFreshFor      = 10 * time.Second
	DefaultCatchUpLag    = 256
	DefaultLeaderCalm    = 5 * time.Second
	DefaultTransferPause = 30 * time.Second
	DefaultMaxTransfers  = 8
)

func (l Limits) withDefaults() Limits {
	l.FreshFor = cmp.Or(l.FreshFor, DefaultFreshFor)
	l.CatchUpLag = cmp.Or(l.CatchUpLag, DefaultCatchUpLag)
	l.LeaderCalm = cmp.Or(l.LeaderCalm, DefaultLeaderCalm)
	l.TransferPause = cmp.Or(l.TransferPause, DefaultTransferPause)
	l.MaxTransfers = cmp.Or(l.MaxTransfers, DefaultMaxTransfers)
	return l
}

// Decision is what Plan makes of an Input.
type Decision struct {
	// NextMap, if not nil, must be saved in the record before anything else is
	// done; then plan again. Steps is empty.
	NextMap *cluster.Map
	// MarkInitialized is true when all first members have confirmed the first
	// map: save it in the record, then plan again. Steps is empty.
	MarkInitialized bool
	// Steps can be done in any order; at most one per partition, besides maps.
	Steps []Step
	// Notes say for people what is done and waited for, and why.
	Notes []string
	// Events are the turning points of the story that NextMap stands for.
	Events []Event
	// Blocked says what stands in the way of the wish; nothing when all goes
	// its way.
	Blocked []Blocked
	// Removable are the unwanted seats that may go, with their proof.
	Removable []Removal
	// Kept are the unwanted seats that may not go yet: Proof holds the checks,
	// the failed ones say why.
	Kept []Removal
	// Remaining is what is left to do.
	Remaining Remaining
	// Health is how the groups are.
	Health Health
	// Converged is true when the map, every node and every group are as wanted,
	// on fresh evidence from all of them. Where leaders sit does not count.
	Converged bool
	// Members are all members of the map and all seats, for status.
	Members []MemberStatus
}

// Reason is a word for programs, in the form of Kubernetes condition reasons.
type Reason string

// The reasons of Blocked.
const (
	ReasonInvalidSpec      Reason = "InvalidSpec"      // the wish contradicts itself
	ReasonPartitionsFixed  Reason = "PartitionsFixed"  // the number of partitions cannot change
	ReasonTooFewNodes      Reason = "TooFewNodes"      // fewer nodes wanted than copies
	ReasonWaitingForNodes  Reason = "WaitingForNodes"  // wanted seats have not answered yet
	ReasonNotEnoughRoom    Reason = "NotEnoughRoom"    // disk or memory of the nodes that would take the data
	ReasonDataLost         Reason = "DataLost"         // the only copies are gone
	ReasonQuorumLost       Reason = "QuorumLost"       // a majority of a group is gone for good
	ReasonUnavailable      Reason = "Unavailable"      // groups without a leader right now
	ReasonNodeUnknown      Reason = "NodeUnknown"      // a node does not answer, or cannot be believed
	ReasonForeignData      Reason = "ForeignData"      // a node belongs to another cluster, or has data before there is one
	ReasonStaleRecord      Reason = "StaleRecord"      // nodes know a newer map than the record
	ReasonWaiting          Reason = "Waiting"          // moves wait for a node or a copy that is not in order
	ReasonPaused           Reason = "Paused"           // moves are paused
	ReasonReplicaRefused   Reason = "ReplicaRefused"   // a damaged replica cannot be replaced yet
	ReasonRecordUnreadable Reason = "RecordUnreadable" // the store failed (only from Tick)
)

// Blocked is something that stands in the way, for a condition.
type Blocked struct {
	Reason  Reason
	Message string
}

// Event is a turning point, for an event or a log line.
type Event struct {
	Reason  string // ClusterCreated, MemberJoined, MemberLeaving, MemberBack, MemberLost, MemberRemoved, SettingsChanged ...
	Message string
}

// Cause says why a copy is made.
type Cause string

// The causes, by falling urgency.
const (
	CauseRepair      Cause = "Repair"      // a copy is lost or damaged
	CauseReplication Cause = "Replication" // the replication factor was raised
	CauseScaleIn     Cause = "ScaleIn"     // a node leaves
	CauseBalance     Cause = "Balance"     // nodes joined, or zones changed
)

// Remaining is what is left to do.
type Remaining struct {
	Moves   int    // copies to be made
	Bytes   uint64 // of keys and values in them, as far as known
	ByCause map[Cause]int
	Active  int // copies under way
	// Cleanups are replicas that are too many: to be taken out of groups or
	// deleted from nodes.
	Cleanups int
}

// Health counts partitions.
type Health struct {
	Partitions int
	// Available have a leader that a quorum follows.
	Available int
	// Full have besides that their full number of voters, all answering and
	// caught up, and no change under way.
	Full int
	// Leaders is the number of partitions led by seat name.
	Leaders map[string]int
}

// AllAvailable tells whether every partition has a leader that a quorum follows.
func (h Health) AllAvailable() bool { return h.Partitions > 0 && h.Available == h.Partitions }

// AllFull tells whether every partition has its full set of caught-up voters: a
// node may be restarted.
func (h Health) AllFull() bool { return h.Partitions > 0 && h.Full == h.Partitions }

// MemberStatus is one member or seat, for status.
type MemberStatus struct {
	Name  string              // the seat
	Node  cluster.NodeID      // empty for a seat whose node never answered
	State cluster.MemberState // empty for a node that is not in the map
	Zone  string
	Up    bool // it answered freshly and can be believed
	// Problem says why it does not count as up; empty if it does.
	Problem  string
	Since    time.Time // up or away since then, as far as this coordinator saw
	Version  string    // of the kvnode build
	Epoch    uint64    // of the map that it holds
	Replicas int
	Leaders  int
	Keys     uint64
	Bytes    uint64 // of keys and values
	DiskFree uint64
	Draining bool
	Problems []string // as the node reports them
}

// Removal is an unwanted seat and the proof that it may go.
type Removal struct {
	Seat  string
	Node  cluster.NodeID // the identity that the proof is about; empty if unknown
	Proof []Check
}
