package coordinator

import (
	"fmt"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/ring"
)

// Seat is a place for a node: a pod or a local process. The node at a seat can
// change its identity, when its volume is lost.
type Seat struct {
	Name        string
	PeerAddress string // host:port of the node's peer port
	// Zone is where the seat is; empty means what the node itself reports.
	Zone string
	// Wanted is false for a seat that still exists but whose node should leave.
	// Keep naming a seat until it was reported as removable and is gone: a seat
	// that is not named is not asked, and what is not asked is unknown.
	Wanted bool
}

// QuorumLoss says what to do when a group of two replicas has lost one of them
// for good.
type QuorumLoss string

// The quorum loss policies.
const (
	// QuorumLossWait waits for the missing node. The default.
	QuorumLossWait QuorumLoss = "Wait"
	// QuorumLossPromoteSurvivor makes the survivor of two the only voter. With
	// two voters every commit needed both, so the survivor has every
	// acknowledged write; until the other returns there is only one copy.
	QuorumLossPromoteSurvivor QuorumLoss = "PromoteSurvivor"
)

// Defaults of a Spec.
const (
	DefaultMaxConcurrentMoves = 4
	DefaultQuorumLossAfter    = 2 * time.Minute
)

// Spec is what is wanted.
type Spec struct {
	Seats             []Seat
	ReplicationFactor int
	// Partitions is a power of two from 1 to ring.Slots, fixed for the life of
	// the cluster.
	Partitions   int
	VirtualNodes int
	Settings     cluster.Settings
	// MaxConcurrentMoves bounds the copies under way at a time; 0 means
	// DefaultMaxConcurrentMoves.
	MaxConcurrentMoves int
	// Paused starts no moves: neither for balance nor to empty a node. Moves
	// under way are finished, and missing copies are still made, since a lost
	// volume must not wait for a person.
	Paused       bool
	OnQuorumLoss QuorumLoss // empty means QuorumLossWait
	// QuorumLossAfter is how long a node must have stayed away, as seen by one
	// coordinator without a break, before OnQuorumLoss acts; 0 means
	// DefaultQuorumLossAfter.
	QuorumLossAfter time.Duration
}

func (s Spec) withDefaults() Spec {
	if s.MaxConcurrentMoves <= 0 {
		s.MaxConcurrentMoves = DefaultMaxConcurrentMoves
	}
	if s.QuorumLossAfter <= 0 {
		s.QuorumLossAfter = DefaultQuorumLossAfter
	}
	if s.Settings == (cluster.Settings{}) {
		s.Settings = cluster.DefaultSettings()
	}
	return s
}

// Validate says what is wrong with the spec by itself, whatever the cluster.
func (s Spec) Validate() error {
	switch {
	case s.ReplicationFactor < 1:
		return fmt.Errorf("the replication factor is %d; it must be at least 1", s.ReplicationFactor)
	case s.Partitions < 1 || s.Partitions > ring.Slots || s.Partitions&(s.Partitions-1) != 0:
		return fmt.Errorf("the number of partitions is %d; it must be a power of two from 1 to %d", s.Partitions, ring.Slots)
	case s.VirtualNodes < 1:
		return fmt.Errorf("the number of virtual nodes is %d; it must be at least 1", s.VirtualNodes)
	}
	seen := map[string]bool{}
	for _, seat := range s.Seats {
		if seat.Name == "" {
			return fmt.Errorf("a seat has no name")
		}
		if seen[seat.Name] {
			return fmt.Errorf("seat %s is named twice", seat.Name)
		}
		seen[seat.Name] = true
	}
	return nil
}

func (s Spec) wanted() (n int) {
	for _, seat := range s.Seats {
		if seat.Wanted {
			n++
		}
	}
	return n
}
