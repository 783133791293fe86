package target

import (
	"fmt"
	"slices"

	"github.com/ringkv/ringkv/internal/units"
)

// ChangeKind groups changes.
type ChangeKind string

// The kinds of changes.
const (
	NodeChanged   ChangeKind = "node"    // came, went, is up, is down
	CopyMade      ChangeKind = "copied"  // a node has become a full copy of a partition
	CopyRemoved   ChangeKind = "removed" // a node's copy has left a partition
	LeaderChanged ChangeKind = "leader"
	ClusterState  ChangeKind = "cluster" // availability, blocked, settled
)

// Change is what differs between two observations, for people.
type Change struct {
	Kind ChangeKind `json:"kind"`
	Text string     `json:"text"`

	// Of CopyMade and CopyRemoved: which copy it was, and the keys in it.
	Node      string `json:"node,omitempty"`
	Partition uint32 `json:"partition,omitempty"`
	Keys      uint64 `json:"keys,omitempty"`
}

// Changes returns what happened from before to after.
func Changes(before, after *Observation) []Change {
	var out []Change
	add := func(kind ChangeKind, format string, args ...any) {
		out = append(out, Change{Kind: kind, Text: fmt.Sprintf(format, args...)})
	}
	for i := range after.Nodes {
		n := &after.Nodes[i]
		switch was := before.Node(n.Name); {
		case was == nil:
			add(NodeChanged, "node %s is new: %s", n.Name, n.State())
		case was.State() != n.State():
			add(NodeChanged, "node %s is %s, was %s", n.Name, n.State(), was.State())
		}
	}
	for i := range before.Nodes {
		if after.Node(before.Nodes[i].Name) == nil {
			add(NodeChanged, "node %s is gone", before.Nodes[i].Name)
		}
	}
	states(before, after, add)
	was, now := before.Partitions(), after.Partitions()
	for p := range now {
		if p < len(was) && len(was[p].Copies) > 0 && len(now[p].Copies) > 0 {
			out = append(out, copies(&was[p], &now[p])...)
		}
	}
	for p := range now {
		if p < len(was) && now[p].Leader != nil && was[p].Leader != nil && now[p].Leader.Name != was[p].Leader.Name {
			add(LeaderChanged, "partition %d is led by %s, was by %s", p, now[p].Leader.Name, was[p].Leader.Name)
		}
	}
	return out
}

// states tells what the coordinator says that it did not say before.
func states(before, after *Observation, add func(kind ChangeKind, format string, args ...any)) {
	for _, b := range after.Blocked {
		if !slices.Contains(before.Blocked, b) {
			add(ClusterState, "blocked: %s", b)
		}
	}
	if len(after.Blocked) == 0 && len(before.Blocked) > 0 {
		add(ClusterState, "nothing is blocked any more")
	}
	if before.Ready() != after.Ready() {
		if after.Ready() {
			add(ClusterState, "all is as wanted")
		} else {
			add(ClusterState, "not all is as wanted")
		}
	}
}

// copies tells which nodes came to be full copies of a partition, and which left.
func copies(was, now *Partition) (out []Change) {
	voters := func(p *Partition) (nodes []string) {
		for _, c := range p.Copies {
			if !c.Learner {
				nodes = append(nodes, c.Node)
			}
		}
		return nodes
	}
	before, after := voters(was), voters(now)
	for _, node := range after {
		if !slices.Contains(before, node) {
			out = append(out, Change{
				Kind: CopyMade, Node: node, Partition: now.ID, Keys: now.Keys,
				Text: fmt.Sprintf("Copied partition %d (%s keys) to %s", now.ID, units.Count(now.Keys), node),
			})
		}
	}
	for _, node := range before {
		if !slices.Contains(after, node) {
			out = append(out, Change{
				Kind: CopyRemoved, Node: node, Partition: now.ID, Keys: now.Keys,
				Text: fmt.Sprintf("Removed partition %d from %s", now.ID, node),
			})
		}
	}
	return out
}
