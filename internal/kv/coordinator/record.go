package coordinator

import (
	"context"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// Record is all that a coordinator must not forget.
type Record struct {
	ClusterID string `json:"clusterID,omitempty"`
	// Initialized is true from when every first member confirmed the first map,
	// for ever. With it, empty nodes are a loss and not a beginning.
	Initialized bool `json:"initialized"`
	// Map is the newest map; nil before the first.
	Map *cluster.Map `json:"map,omitempty"`
	// Rebalance is the account of the moves under way, so that progress is told
	// from where it began; nil when there are none. Losing it loses no more
	// than the count.
	Rebalance *Rebalance `json:"rebalance,omitempty"`

	// Version is the store's token for compare and swap. It is no part of the
	// content.
	Version string `json:"-"`
}

// Rebalance is the account of moves from when there were none.
type Rebalance struct {
	Started    time.Time `json:"started"`
	MovesTotal int       `json:"movesTotal"`
	BytesTotal uint64    `json:"bytesTotal"`
}

// Clone returns a deep copy.
func (r *Record) Clone() *Record {
	c := *r
	c.Map = r.Map.Clone()
	if r.Rebalance != nil {
		rebalance := *r.Rebalance
		c.Rebalance = &rebalance
	}
	return &c
}

// Store keeps the record: a file for local clusters, a ConfigMap in Kubernetes.
type Store interface {
	// Load returns the record; a record of zero values when there is none yet,
	// never nil without an error. An unreadable record is an error: it must not
	// look like a new cluster.
	Load(ctx context.Context) (*Record, error)
	// Save writes the record if nobody else wrote since it was loaded (Version)
	// and sets its Version anew; cluster.ErrConflict otherwise. It returns only
	// after the record is on stable storage.
	Save(ctx context.Context, r *Record) error
}
