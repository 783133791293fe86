package node

import (
	"context"
	"fmt"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/ring"
)

var (
	_ cluster.KeyInspector   = (*Node)(nil)
	_ cluster.StateInspector = (*Node)(nil)
)

// Key implements cluster.KeyInspector. Whatever copy is here is looked at as it is,
// without asking anybody whether it is up to date.
func (n *Node) Key(_ context.Context, key []byte) (*cluster.KeyStatus, error) {
	v := n.view.Load()
	if v == nil {
		return nil, fmt.Errorf("this node belongs to no cluster yet: %w", cluster.ErrNotFound)
	}
	slot := ring.Slot(key)
	s := &cluster.KeyStatus{Node: n.id, Slot: slot, Partition: ring.Partition(slot, v.m.Partitions)}
	if r := n.replica(s.Partition); r != nil {
		r.Inspect(key, s)
	}
	return s, nil
}

// PartitionState implements cluster.StateInspector.
func (n *Node) PartitionState(_ context.Context, partition uint32) (*cluster.StateStatus, error) {
	s := &cluster.StateStatus{Node: n.id, Partition: partition}
	if r := n.replica(partition); r != nil {
		r.InspectState(s)
	}
	return s, nil
}
