package replica

import (
	"encoding/json"
	"fmt"
	"sort"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// changeContext rides on a configuration change in the log, as JSON. It is what
// every replica checks before it applies the change, so that all of them take or
// refuse it alike.
type changeContext struct {
	// Expected is the index of the configuration that the change was made for.
	Expected uint64 `json:"expected"`
	// Nodes names the nodes of the replicas that the change brings in.
	Nodes []cluster.Replica `json:"nodes,omitempty"`
}

// confChange turns a request into a change for the library, after checking it
// against the configuration it is for. Errors wrap cluster.ErrConflict or
// cluster.ErrInvalid.
func confChange(c *cluster.Config, req *cluster.ChangeConfig) (*raftpb.ConfChangeV2, error) {
	if req.ExpectedIndex != c.Index {
		return nil, fmt.Errorf("partition %d: configuration is at index %d, not %d: %w",
			req.Partition, c.Index, req.ExpectedIndex, cluster.ErrConflict)
	}
	if c.Joint() {
		return nil, fmt.Errorf("partition %d: another change is under way: %w", req.Partition, cluster.ErrConflict)
	}
	cc := &raftpb.ConfChangeV2{}
	add := func(t raftpb.ConfChangeType, id uint64) {
		cc.Changes = append(cc.Changes, &raftpb.ConfChangeSingle{Type: t.Enum(), NodeId: new(id)})
	}
	next := c.NextReplicaID
	for _, l := range req.AddLearners {
		if l.ID < next || l.Node == "" {
			return nil, fmt.Errorf("partition %d: replica ID %d is used up (next is %d): %w",
				req.Partition, l.ID, next, cluster.ErrConflict)
		}
		if holds(c, l.Node) {
			return nil, fmt.Errorf("partition %d: node %s already has a replica: %w",
				req.Partition, l.Node.Short(), cluster.ErrInvalid)
		}
		if l.ID > cluster.MaxReplicaID {
			return nil, fmt.Errorf("partition %d: replica ID %d is above %d: %w", req.Partition, l.ID, uint64(cluster.MaxReplicaID), cluster.ErrInvalid)
		}
		next = l.ID + 1
		add(raftpb.ConfChangeAddLearnerNode, l.ID)
	}
	voters := len(c.Voters)
	for _, id := range req.Promote {
		if !contains(c.Learners, id) {
			return nil, fmt.Errorf("partition %d: replica %d is no learner: %w", req.Partition, id, cluster.ErrInvalid)
		}
		voters++
		add(raftpb.ConfChangeAddNode, id)
	}
	for _, id := range req.Remove {
		switch {
		case contains(c.Voters, id):
			voters--
		case !contains(c.Learners, id):
			return nil, fmt.Errorf("partition %d: replica %d is no member: %w", req.Partition, id, cluster.ErrInvalid)
		}
		add(raftpb.ConfChangeRemoveNode, id)
	}
	if len(cc.Changes) == 0 {
		return nil, fmt.Errorf("partition %d: the change names nothing: %w", req.Partition, cluster.ErrInvalid)
	}
	if voters < 1 {
		return nil, fmt.Errorf("partition %d: the change leaves no voter: %w", req.Partition, cluster.ErrInvalid)
	}
	ctx, err := json.Marshal(changeContext{Expected: req.ExpectedIndex, Nodes: req.AddLearners})
	if err != nil {
		return nil, err
	}
	cc.Context = ctx
	return cc, nil
}

// acceptable tells whether a committed change may be applied on top of c. It
// depends on nothing but the log, so all replicas agree. The empty change, by
// which the library leaves a joint configuration, always may.
func acceptable(c *cluster.Config, cc *raftpb.ConfChangeV2) (changeContext, error) {
	var ctx changeContext
	if cc.LeaveJoint() {
		if !c.Joint() {
			return ctx, fmt.Errorf("no joint configuration to leave: %w", cluster.ErrConflict)
		}
		return ctx, nil
	}
	if err := json.Unmarshal(cc.GetContext(), &ctx); err != nil {
		return ctx, fmt.Errorf("decode the context of a configuration change: %w", err)
	}
	if ctx.Expected != c.Index || c.Joint() {
		return ctx, fmt.Errorf("made for configuration %d, found %d: %w", ctx.Expected, c.Index, cluster.ErrConflict)
	}
	return ctx, nil
}

// configOf translates the library's configuration, taking nodes from the one
// before and from the replicas that the change brought.
func configOf(cs *raftpb.ConfState, index uint64, before *cluster.Config, brought []cluster.Replica) cluster.Config {
	nodes := map[uint64]cluster.NodeID{}
	for _, set := range [][]cluster.Replica{before.Voters, before.Outgoing, before.Learners, brought} {
		for _, r := range set {
			nodes[r.ID] = r.Node
		}
	}
	list := func(sets ...[]uint64) []cluster.Replica {
		var out []cluster.Replica
		for _, ids := range sets {
			for _, id := range ids {
				out = append(out, cluster.Replica{ID: id, Node: nodes[id]})
			}
		}
		sort.Slice(out, func(i, j int) bool { return out[i].ID < out[j].ID })
		return out
	}
	c := cluster.Config{
		Index:         index,
		Voters:        list(cs.GetVoters()),
		Outgoing:      list(cs.GetVotersOutgoing()),
		Learners:      list(cs.GetLearners(), cs.GetLearnersNext()),
		NextReplicaID: before.NextReplicaID,
	}
	for _, r := range brought {
		c.NextReplicaID = max(c.NextReplicaID, r.ID+1)
	}
	return c
}

// confState is the library's form of a configuration.
func confState(c *cluster.Config) *raftpb.ConfState {
	ids := func(rs []cluster.Replica) []uint64 {
		var out []uint64
		for _, r := range rs {
			out = append(out, r.ID)
		}
		return out
	}
	cs := &raftpb.ConfState{
		Voters:         ids(c.Voters),
		VotersOutgoing: ids(c.Outgoing),
		AutoLeave:      new(c.Joint()),
	}
	for _, l := range c.Learners {
		if contains(c.Outgoing, l.ID) { // a voter on its way to being a learner
			cs.LearnersNext = append(cs.LearnersNext, l.ID)
		} else {
			cs.Learners = append(cs.Learners, l.ID)
		}
	}
	return cs
}

// InitialConfig is the configuration that a partition starts with.
func InitialConfig(voters []cluster.Replica) cluster.Config {
	c := cluster.Config{Index: initialIndex, Voters: append([]cluster.Replica(nil), voters...), NextReplicaID: 1}
	for _, v := range voters {
		c.NextReplicaID = max(c.NextReplicaID, v.ID+1)
	}
	return c
}

// A partition starts as if a first entry, in a first term, had been compacted
// into an empty state: all its first replicas agree on that without talking.
const (
	initialIndex = 1
	initialTerm  = 1
)

func contains(rs []cluster.Replica, id uint64) bool {
	for _, r := range rs {
		if r.ID == id {
			return true
		}
	}
	return false
}

func holds(c *cluster.Config, n cluster.NodeID) bool {
	for _, set := range [][]cluster.Replica{c.Voters, c.Outgoing, c.Learners} {
		for _, r := range set {
			if r.Node == n {
				return true
			}
		}
	}
	return false
}

// nodeOf returns the node of a member, or "".
func nodeOf(c *cluster.Config, id uint64) cluster.NodeID {
	for _, set := range [][]cluster.Replica{c.Voters, c.Outgoing, c.Learners} {
		for _, r := range set {
			if r.ID == id {
				return r.Node
			}
		}
	}
	return ""
}
