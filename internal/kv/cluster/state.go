package cluster

import "context"

// StateStatus is a fingerprint of what one node holds of one partition at the moment
// of the question. Copies of equal Revision must have equal Hash: it is how a test,
// or a person, sees that replicas agree.
type StateStatus struct {
	Node      NodeID `json:"node"`
	Partition uint32 `json:"partition"`
	// Replica is the ID of this node's copy; 0 if it has none, and then nothing below
	// is set.
	Replica  uint64       `json:"replica"`
	State    ReplicaState `json:"state,omitempty"`
	Revision uint64       `json:"revision,omitempty"` // raised by every write that was applied
	Hash     string       `json:"hash,omitempty"`     // of all keys, values, versions and expiry times: 16 hexadecimal digits
}

// StateInspector is what a node can say about its copy of a partition: *node.Node
// does it, and *rpc.Client carries it over the peer port.
type StateInspector interface {
	// PartitionState looks at every key of the partition, whose writes wait meanwhile.
	PartitionState(ctx context.Context, partition uint32) (*StateStatus, error)
}
