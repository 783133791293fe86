package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// KVClusterStatus is what the operator last saw.
//
// Nothing in it changes by the passing of time alone, so that a cluster at rest
// causes no writes: see MemberStatus for the figures.
type KVClusterStatus struct {
	// The generation of the spec that this status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Available, Progressing, Rebalanced and Degraded; each is always there, and
	// Unknown when the operator cannot tell. docs/conditions.md lists the reasons.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// Pods that the cluster has now; the scale subresource reports it.
	// +optional
	Nodes int32 `json:"nodes"`

	// Pods that are ready: they answer and know a leader for every partition.
	// +optional
	ReadyNodes int32 `json:"readyNodes"`

	// Label selector of the pods, for the scale subresource.
	// +optional
	Selector string `json:"selector,omitempty"`

	// The random name of the cluster. Once it is set the cluster has been
	// started, and is never started again on empty volumes.
	// +optional
	ClusterID string `json:"clusterID,omitempty"`

	// Version of the ring's membership.
	// +optional
	Epoch int64 `json:"epoch,omitempty"`

	// The replication factor that the cluster map asks of every partition.
	// +optional
	ReplicationFactor int32 `json:"replicationFactor,omitempty"`

	// The image of the nodes.
	// +optional
	Image string `json:"image,omitempty"`

	// How far the data is on its way to where it should be.
	// +optional
	Rebalance RebalanceStatus `json:"rebalance,omitzero"`

	// Every node, sorted by name. A pod that lost its volume is there twice until
	// the copies of its lost volume are made anew: as Lost and as its new self.
	// +listType=atomic
	// +optional
	Members []MemberStatus `json:"members,omitempty"`
}

// RebalanceStatus tells how far the data is on its way to where it should be.
type RebalanceStatus struct {
	// Why there are moves, in words. Empty when there are none.
	// +optional
	Reason string `json:"reason,omitempty"`
	// For people: "100%" when all data is where it should be, "40%" on the way,
	// "Pending" before moves can begin, "Unknown" when the operator cannot tell.
	// +optional
	Progress string `json:"progress,omitempty"`
	// Share of the moves that is done; 100 when there is nothing to do.
	// +optional
	Percent int32 `json:"percent"`
	// Moves since the last time that there was nothing to do, those still to be
	// made included.
	// +optional
	MovesTotal int32 `json:"movesTotal"`
	// +optional
	MovesDone int32 `json:"movesDone"`
	// Bytes of keys and values of those moves.
	// +optional
	BytesTotal int64 `json:"bytesTotal"`
	// +optional
	BytesDone int64 `json:"bytesDone"`
	// When the moves should be done at their pace so far.
	// +optional
	ETA *metav1.Time `json:"eta,omitempty"`
	// What the moves wait for, in words; empty when nothing holds them.
	// +optional
	Blocked string `json:"blocked,omitempty"`
}

// MemberStatus is a node of the cluster.
//
// Keys and Bytes are for a first impression: they are written again when
// anything else in the status changes, or when they are off by more than half.
// Exact figures are the nodes' metrics.
type MemberStatus struct {
	// Name of the pod.
	Name string `json:"name"`
	// The node's own name for itself, kept on its volume. A pod that lost its
	// volume comes back under another one.
	// +optional
	NodeID string `json:"nodeID,omitempty"`
	// What the ring makes of the node.
	// +optional
	State MemberState `json:"state,omitempty"`
	// Zone of the Kubernetes node that the pod runs on.
	// +optional
	Zone string `json:"zone,omitempty"`
	// The node answers the operator.
	// +optional
	Up bool `json:"up"`
	// The pod is ready.
	// +optional
	Ready bool `json:"ready"`
	// Partitions that the node leads.
	// +optional
	Leaders int32 `json:"leaders"`
	// Partitions that the node has a replica of.
	// +optional
	Replicas int32 `json:"replicas"`
	// Keys in the replicas of this node, roughly.
	// +optional
	Keys int64 `json:"keys"`
	// Bytes of keys and values in the replicas of this node, roughly.
	// +optional
	Bytes int64 `json:"bytes"`
	// When a node that is not up last answered; not set while it is up.
	// +optional
	LastSeen *metav1.Time `json:"lastSeen,omitempty"`
}

// MemberState says what the ring makes of a node.
type MemberState string

// The member states.
const (
	// MemberJoining has a pod and is not in the ring yet.
	MemberJoining MemberState = "Joining"
	// MemberActive holds its share of the data.
	MemberActive MemberState = "Active"
	// MemberLeaving hands its data to the others and is then removed.
	MemberLeaving MemberState = "Leaving"
	// MemberLost has lost its volume for good; its data is copied from the others.
	MemberLost MemberState = "Lost"
)

// The types of the conditions of a KVCluster.
const (
	// ConditionAvailable is True while every partition has a leader and a quorum:
	// every key can be read and written.
	ConditionAvailable = "Available"
	// ConditionProgressing is True while the operator works towards the spec.
	ConditionProgressing = "Progressing"
	// ConditionRebalanced is True while all data is where the ring wants it.
	ConditionRebalanced = "Rebalanced"
	// ConditionDegraded is True while something is not as it should be and will
	// not be so merely by finishing what is under way.
	ConditionDegraded = "Degraded"
)
