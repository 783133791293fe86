// Package cluster holds the plain types that nodes and the coordinator share:
// who is in the cluster, what a node reports about itself, and what the
// coordinator may ask of it. It has no behaviour beyond checking values.
//
// All types travel as JSON on the admin endpoints of the peer port and rest as
// JSON on volumes, so their field tags are a format: fields may be added, never
// renamed or given another meaning.
package cluster

import (
	"crypto/rand"
	"encoding/hex"
	"math"
	"time"
)

// NodeID names a node: 40 lower-case hexadecimal digits, made at random on an
// empty volume and kept there. It is not the ordinal of a pod: a pod that lost
// its volume comes back under a new NodeID. The form is that of Redis Cluster.
type NodeID string

// NewNodeID returns a fresh random NodeID.
func NewNodeID() NodeID { return NodeID(randomHex(20)) }

// Short returns the first eight digits, for messages to people.
func (id NodeID) Short() string {
	if len(id) <= 8 {
		return string(id)
	}
	return string(id[:8])
}

// NewClusterID returns a fresh random name for a cluster: 16 hexadecimal digits.
func NewClusterID() string { return randomHex(8) }

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails (crypto/rand, Go 1.24 and later)
	return hex.EncodeToString(b)
}

// Reads says who may answer a read.
type Reads string

// The read modes. ReadsLease and ReadsIndex are linearizable.
const (
	ReadsLease Reads = "Lease"     // the leader, from memory, while it holds a quorum's lease
	ReadsIndex Reads = "ReadIndex" // the leader, after asking a quorum each time (batched)
	ReadsAny   Reads = "Any"       // any replica, possibly behind
)

// Sync says when a write is on stable storage.
type Sync string

// The sync modes.
const (
	SyncAlways   Sync = "Always"   // before it is acknowledged
	SyncInterval Sync = "Interval" // up to a second later: a power loss on a majority can lose that second
)

// Settings are the cluster-wide options that can change while it runs.
type Settings struct {
	Reads Reads `json:"reads"`
	Sync  Sync  `json:"sync"`
	// A partition is compacted after this many operations or log bytes,
	// whichever comes first.
	CompactionOperations int64 `json:"compactionOperations"`
	CompactionBytes      int64 `json:"compactionBytes"`
	// Upper bound of snapshot traffic that a node sends, in bytes per second; 0
	// means no bound.
	SnapshotBytesPerSecond int64 `json:"snapshotBytesPerSecond"`
}

// DefaultSettings returns the settings of a cluster that names none.
func DefaultSettings() Settings {
	return Settings{
		Reads:                ReadsLease,
		Sync:                 SyncAlways,
		CompactionOperations: 100_000,
		CompactionBytes:      16 << 20,
	}
}

// MemberState says what the ring makes of a member.
type MemberState string

// The member states. Whether a member answers right now is not a state: it is
// observed, never stored.
const (
	MemberActive  MemberState = "Active"  // holds its share of the ring
	MemberLeaving MemberState = "Leaving" // off the ring; its replicas move away, then it is removed
	MemberLost    MemberState = "Lost"    // its volume is known to be gone: another node identity answers in its place
)

// Member is a node of the cluster as the map knows it.
type Member struct {
	ID    NodeID      `json:"id"`
	Name  string      `json:"name"` // the seat: a pod name such as demo-0, or n1 in a local cluster
	State MemberState `json:"state"`
	Zone  string      `json:"zone,omitempty"`
	// Addresses as host:port; the host is a stable DNS name in Kubernetes.
	PeerAddress    string `json:"peerAddress"`
	RESPAddress    string `json:"respAddress"`
	ClusterAddress string `json:"clusterAddress,omitempty"` // RESP for cluster clients
	// ClusterTLSAddress is the same with TLS, OutsideAddress what cluster clients
	// use that cannot reach the others. Empty: the node does not serve them.
	ClusterTLSAddress string `json:"clusterTLSAddress,omitempty"`
	OutsideAddress    string `json:"outsideAddress,omitempty"`
	HTTPAddress       string `json:"httpAddress,omitempty"`
}

// MaxReplicaID is the largest replica ID: what follows an ID must be one, too, for
// the tombstone of its replica.
const MaxReplicaID = math.MaxUint64 - 1

// Replica is one copy of a partition on a node.
type Replica struct {
	ID   uint64 `json:"id"` // never 0, never used twice in the life of the partition
	Node NodeID `json:"node"`
}

// Map is the cluster map: what the coordinator decided about the whole cluster.
// Every node keeps the newest map that it has seen on its volume. Who leads and
// who holds a partition at this moment is not in it: the Raft groups decide
// that, and nodes tell each other (see Leadership).
type Map struct {
	ClusterID string `json:"clusterID"`
	// Epoch is the version of the ring's membership: raised whenever a member
	// comes, goes or changes its state.
	Epoch uint64 `json:"epoch"`
	// Revision is raised with every change of the map, those of the epoch
	// included. A node takes a map only if its Revision is higher.
	Revision          uint64   `json:"revision"`
	Partitions        int      `json:"partitions"` // a power of two, fixed for life
	VirtualNodes      int      `json:"virtualNodes"`
	ReplicationFactor int      `json:"replicationFactor"`
	Settings          Settings `json:"settings"`
	Members           []Member `json:"members"` // sorted by ID
	// Initial is the configuration that every partition started with, indexed
	// by partition. It is written once, when the cluster is made, and is what
	// keeps two coordinators from starting one partition in two ways.
	Initial [][]Replica `json:"initial"`
}

// Member returns the member with that ID, or nil.
func (m *Map) Member(id NodeID) *Member {
	for i := range m.Members {
		if m.Members[i].ID == id {
			return &m.Members[i]
		}
	}
	return nil
}

// Clone returns a deep copy.
func (m *Map) Clone() *Map {
	if m == nil {
		return nil
	}
	c := *m
	c.Members = append([]Member(nil), m.Members...)
	c.Initial = make([][]Replica, len(m.Initial))
	for i, r := range m.Initial {
		c.Initial[i] = append([]Replica(nil), r...)
	}
	return &c
}

// Leadership is what the leader of a partition tells all nodes, so that any of
// them can route to it: on every change and to every new peer.
type Leadership struct {
	Partition uint32    `json:"partition"`
	Term      uint64    `json:"term"`
	ConfIndex uint64    `json:"confIndex"`
	Leader    Replica   `json:"leader"`
	Voters    []Replica `json:"voters"`
}

// Millis is a point in time as milliseconds since the Unix epoch.
type Millis int64

// MillisOf converts t.
func MillisOf(t time.Time) Millis { return Millis(t.UnixMilli()) }
