package cluster

import "context"

// KeyStatus is what one node holds of one key at the moment of the question, for
// people who want to see replication at work. It is no way to read: a follower can
// be behind, and a leader may have been replaced.
type KeyStatus struct {
	Node      NodeID `json:"node"`
	Slot      uint16 `json:"slot"`
	Partition uint32 `json:"partition"`
	// Replica is the ID of this node's copy of the partition; 0 if it has none,
	// and then nothing below is set.
	Replica      uint64       `json:"replica"`
	State        ReplicaState `json:"state,omitempty"`
	Role         Role         `json:"role,omitempty"`
	Term         uint64       `json:"term,omitempty"`
	AppliedIndex uint64       `json:"appliedIndex,omitempty"`
	// Found tells whether the copy has the key, and it has not expired.
	Found bool `json:"found"`
	// Version is the partition's revision at which the key was last set. The same
	// write has the same version in every copy; 0 if the key is not there.
	Version    uint64 `json:"version,omitempty"`
	ValueBytes int    `json:"valueBytes,omitempty"`
}

// KeyInspector is what a node can say about one key: *node.Node does it, and
// *rpc.Client carries it over the peer port.
type KeyInspector interface {
	// Key returns what the node holds of key. The error is ErrNotFound on a node
	// that belongs to no cluster yet.
	Key(ctx context.Context, key []byte) (*KeyStatus, error)
}
