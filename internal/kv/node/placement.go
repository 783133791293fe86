package node

import (
	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/ring"
)

// Placement is what a node knows of its cluster.
type Placement struct {
	// Map is the newest map that the node has. It must not be changed.
	Map *cluster.Map
	// Leaders is what was heard of each partition's leader; its node is "" while there
	// is none.
	Leaders []cluster.Leadership
}

// Placement returns what the node knows now, or false if it belongs to no cluster yet.
func (n *Node) Placement() (*Placement, bool) {
	v := n.view.Load()
	if v == nil {
		return nil, false
	}
	t := &Placement{Map: v.m, Leaders: make([]cluster.Leadership, v.m.Partitions)}
	for p := range t.Leaders {
		if l := v.routing.entries[p].Load(); l != nil {
			t.Leaders[p] = *l
		}
	}
	return t, true
}

// Partition returns the partition of a key.
func (t *Placement) Partition(key []byte) uint32 {
	return ring.Partition(ring.Slot(key), t.Map.Partitions)
}

// Slot returns the slot of a key.
func (t *Placement) Slot(key []byte) uint16 { return ring.Slot(key) }

// Preferred returns, by partition, the nodes that the ring prefers, best first, as many
// as there should be replicas.
func (t *Placement) Preferred() [][]string {
	var members []ring.Member
	for _, m := range t.Map.Members {
		if m.State == cluster.MemberActive {
			members = append(members, ring.Member{ID: string(m.ID), Zone: m.Zone})
		}
	}
	r := ring.New(members, t.Map.VirtualNodes)
	out := make([][]string, t.Map.Partitions)
	for p := range out {
		order := r.Preference(p, t.Map.Partitions)
		out[p] = order[:min(t.Map.ReplicationFactor, len(order))]
	}
	return out
}
