package cluster

import "context"

// NodeStatus is what a node reports about itself. It is made fresh for every
// question.
type NodeStatus struct {
	Node NodeID `json:"node"`
	Name string `json:"name"`
	// ClusterID is empty on a node that belongs to no cluster yet.
	ClusterID string `json:"clusterID,omitempty"`
	// Epoch and Revision are those of the map that the node holds; 0 if none.
	Epoch    uint64 `json:"epoch"`
	Revision uint64 `json:"revision"`
	Version  string `json:"version"` // of the kvnode build
	Started  Millis `json:"started"`

	// The addresses are those of Member, and of /metrics.
	Zone              string `json:"zone,omitempty"`
	PeerAddress       string `json:"peerAddress"`
	RESPAddress       string `json:"respAddress"`
	ClusterAddress    string `json:"clusterAddress,omitempty"`
	ClusterTLSAddress string `json:"clusterTLSAddress,omitempty"`
	OutsideAddress    string `json:"outsideAddress,omitempty"`
	HTTPAddress       string `json:"httpAddress,omitempty"`
	MetricsAddress    string `json:"metricsAddress,omitempty"`

	DiskTotal   uint64 `json:"diskTotal"` // bytes
	DiskFree    uint64 `json:"diskFree"`
	LogBytes    uint64 `json:"logBytes"`
	MemoryUsed  uint64 `json:"memoryUsed"` // bytes of data held
	MemoryLimit uint64 `json:"memoryLimit"`
	// Draining is true from a drain until the process ends: the node gives its
	// leaderships away and takes none.
	Draining bool `json:"draining,omitempty"`
	// Problems are sentences for people: a full disk, a damaged log.
	Problems []string `json:"problems,omitempty"`

	// Replicas on this node, sorted by partition.
	Replicas []ReplicaStatus `json:"replicas"`
}

// ReplicaState says what a node holds for a partition.
type ReplicaState string

// The replica states.
const (
	ReplicaEmpty   ReplicaState = "Empty"   // created, waiting for the leader to add and fill it
	ReplicaRunning ReplicaState = "Running" // takes part in its group
	ReplicaRemoved ReplicaState = "Removed" // saw its own removal from the configuration; keeps its data until told
	ReplicaRefused ReplicaState = "Refused" // its log or snapshot is damaged: it takes no part, and must be replaced
)

// Role is the part that a running replica plays.
type Role string

// The roles.
const (
	RoleLeader    Role = "Leader"
	RoleFollower  Role = "Follower"
	RoleCandidate Role = "Candidate"
	RoleLearner   Role = "Learner"
)

// ReplicaStatus is one replica as its node sees it.
type ReplicaStatus struct {
	Partition uint32       `json:"partition"`
	ID        uint64       `json:"id"`
	State     ReplicaState `json:"state"`
	Reason    string       `json:"reason,omitempty"` // why it is refused

	Role   Role   `json:"role,omitempty"`
	Term   uint64 `json:"term"`
	Leader uint64 `json:"leader"` // replica ID of the leader it knows; 0 if none

	FirstIndex   uint64 `json:"firstIndex"` // of the log still held
	LastIndex    uint64 `json:"lastIndex"`
	CommitIndex  uint64 `json:"commitIndex"`
	AppliedIndex uint64 `json:"appliedIndex"`
	Keys         uint64 `json:"keys"`
	Bytes        uint64 `json:"bytes"` // of keys and values

	// Config is the configuration that this replica has applied.
	Config Config `json:"config"`
	// Doubtful: the end of the node's log was cut, so that this copy may lack what it
	// had confirmed. It does not vote before it knows better.
	Doubtful bool `json:"doubtful,omitempty"`
	// Outdated says what in its log this build cannot execute, because a later one
	// wrote it. The copy is whole: it keeps its log and votes, but serves nothing and
	// leads nobody before the node runs a build that can.
	Outdated string `json:"outdated,omitempty"`

	// Progress is how far the leader knows the others to be. Only a leader that
	// a quorum has answered within an election timeout reports it: its absence
	// means that the status is no proof of anything.
	Progress []Progress `json:"progress,omitempty"`
}

// Config is the membership of one Raft group.
type Config struct {
	// Index is the log index of the change that made this configuration. A
	// change names the index that it expects, so that a late one is refused.
	Index    uint64    `json:"index"`
	Voters   []Replica `json:"voters"`             // sorted by replica ID
	Outgoing []Replica `json:"outgoing,omitempty"` // the old voters while a joint change is under way
	Learners []Replica `json:"learners,omitempty"`
	// NextReplicaID is the smallest replica ID that this group has never used.
	NextReplicaID uint64 `json:"nextReplicaID"`
}

// Joint tells whether a joint change is under way.
func (c *Config) Joint() bool { return len(c.Outgoing) > 0 }

// Progress is a leader's view of one replica of its group, itself included.
type Progress struct {
	ID       uint64 `json:"id"`
	Match    uint64 `json:"match"`    // the highest index known to be on its stable storage
	Active   bool   `json:"active"`   // answered within the last election timeout
	Snapshot bool   `json:"snapshot"` // is being sent a snapshot
}

// CreateReplica asks a node for an empty replica, which the leader can then add
// as a learner. Repeating it is harmless.
type CreateReplica struct {
	ClusterID string `json:"clusterID"`
	Partition uint32 `json:"partition"`
	ID        uint64 `json:"id"`
}

// ChangeConfig asks the leader of a partition for one membership change. All
// that it names happens together: more than one voter coming or going makes it
// a joint change, which is left by itself.
type ChangeConfig struct {
	ClusterID string `json:"clusterID"`
	Partition uint32 `json:"partition"`
	// ExpectedIndex is the Config.Index that the caller saw. The change is
	// refused with ErrConflict when the configuration has moved on.
	ExpectedIndex uint64    `json:"expectedIndex"`
	AddLearners   []Replica `json:"addLearners,omitempty"` // IDs from NextReplicaID on
	Promote       []uint64  `json:"promote,omitempty"`     // learners that become voters
	Remove        []uint64  `json:"remove,omitempty"`      // voters or learners
}

// TransferLeader asks the leader of a partition to hand over to a voter.
type TransferLeader struct {
	ClusterID string `json:"clusterID"`
	Partition uint32 `json:"partition"`
	To        uint64 `json:"to"` // replica ID
}

// RemoveReplica asks a node to delete a replica and to leave a tombstone, so that
// no late message brings it back. The caller has the proof that the group's
// configuration no longer has it. Repeating it is harmless.
type RemoveReplica struct {
	ClusterID string `json:"clusterID"`
	Partition uint32 `json:"partition"`
	ID        uint64 `json:"id"`
}

// SoleVoter asks a surviving voter to go on alone when its group has lost its
// quorum for good. See the KVCluster's failover.onQuorumLoss.
type SoleVoter struct {
	ClusterID     string `json:"clusterID"`
	Partition     uint32 `json:"partition"`
	ID            uint64 `json:"id"`
	ExpectedIndex uint64 `json:"expectedIndex"`
}

// Admin is what a node does for the coordinator: *node.Node does it, and
// *rpc.Client carries it over the peer port. All calls are idempotent, return
// soon (they start a change and do not wait for its end) and honour ctx.
//
// Errors: ErrConflict when the caller's view is out of date, ErrNotLeader when
// the replica does not lead, ErrWrongCluster when ClusterID differs,
// ErrNotFound when there is no such replica here, ErrInvalid for a request that
// can never work.
type Admin interface {
	Status(ctx context.Context) (*NodeStatus, error)
	// PublishMap hands the node a map. On a node without a cluster it makes the
	// node a member and creates the replicas that Initial gives it.
	PublishMap(ctx context.Context, m *Map) error
	CreateReplica(ctx context.Context, r CreateReplica) error
	ChangeConfig(ctx context.Context, r ChangeConfig) error
	TransferLeader(ctx context.Context, r TransferLeader) error
	RemoveReplica(ctx context.Context, r RemoveReplica) error
	ForceSoleVoter(ctx context.Context, r SoleVoter) error
	// Drain makes the node give all its leaderships to others and returns when
	// it has none or ctx ends. It is the first part of a graceful stop.
	Drain(ctx context.Context) error
}
