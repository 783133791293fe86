package target

import (
	"cmp"
	"slices"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/coordinator"
)

// Observation is what a cluster's nodes, its coordinator and its record say, at one
// moment.
type Observation struct {
	Name string // of the cluster, for people
	At   time.Time
	// Wanted is what was asked for, granted or not.
	Wanted Wanted
	// Record is the coordinator's; nil, with the reason, if it cannot be read.
	Record    *coordinator.Record
	RecordErr error
	// Nodes are in the order in which they were added.
	Nodes []Node

	// What the coordinator says.

	Available bool // every partition has a leader that a quorum follows
	Settled   bool // all is as wanted: members, copies, places
	Progress  Progress
	Notes     []string // what is done and waited for
	Blocked   []string // what stands in the way
	// Stale says why what the coordinator says may be old; empty if it is not.
	Stale string
}

// Wanted is the size that was asked for.
type Wanted struct {
	Nodes             int
	ReplicationFactor int
	Partitions        int
	VirtualNodes      int
}

// Progress is how far moves are, counted from when there were none.
type Progress struct {
	MovesDone, MovesTotal int
	BytesDone, BytesTotal uint64 // of keys and values; 0 if not known
	ETA                   time.Duration
}

// Node is one node or the place of one.
type Node struct {
	Name      string
	Zone      string
	Leaving   bool
	Addresses map[Port]string // as the cluster knows them

	PID      int // of a local process that runs; else 0
	Restarts int
	LastExit string // how its process ended the last time; empty if it never has
	NotReady string // why it cannot serve all; empty if it can or that is not known

	// Status is its answer; nil, with the reason, if it gave none.
	Status *cluster.NodeStatus
	Err    error
	Asked  time.Time
}

// Up tells whether the node answered.
func (n *Node) Up() bool { return n.Status != nil }

// Node returns the node of that name, or nil.
func (o *Observation) Node(name string) *Node {
	for i := range o.Nodes {
		if o.Nodes[i].Name == name {
			return &o.Nodes[i]
		}
	}
	return nil
}

// Ready means that all is there and all is as wanted.
func (o *Observation) Ready() bool { return o.Available && o.Settled }

// NameOf returns the name of a node by its ID; its short ID if nobody knows more.
func (o *Observation) NameOf(id cluster.NodeID) string {
	for i := range o.Nodes {
		if s := o.Nodes[i].Status; s != nil && s.Node == id {
			return o.Nodes[i].Name
		}
	}
	if o.Record != nil && o.Record.Map != nil {
		if m := o.Record.Map.Member(id); m != nil {
			if m.State == cluster.MemberLost {
				return m.Name + " (lost)"
			}
			return m.Name
		}
	}
	return id.Short()
}

// ClusterID is the random name of the cluster; empty before its first map.
func (o *Observation) ClusterID() string {
	if o.Record != nil && o.Record.ClusterID != "" {
		return o.Record.ClusterID
	}
	for i := range o.Nodes {
		if s := o.Nodes[i].Status; s != nil && s.ClusterID != "" {
			return s.ClusterID
		}
	}
	return ""
}

// ReplicationFactor is the one in force; before there is a map, the wanted one.
func (o *Observation) ReplicationFactor() int {
	if o.Record != nil && o.Record.Map != nil {
		return o.Record.Map.ReplicationFactor
	}
	return o.Wanted.ReplicationFactor
}

// Partition is what the nodes together say about one partition.
type Partition struct {
	ID   uint32
	Term uint64
	// Leader is the node that proved to lead; nil if none did.
	Leader *Node
	// Copies are all that there should be, by the leader's configuration or else
	// the newest that anybody reports, in the order of replica IDs.
	Copies []Copy
	Keys   uint64 // at the leader, or the most that anybody has
	Bytes  uint64
	// Changing: its membership is between two states.
	Changing bool
}

// Copy is one replica of a partition.
type Copy struct {
	Replica  uint64
	Node     string
	Learner  bool // still being filled: does not count for a majority
	Answers  bool // its node does, and has it
	Refused  string
	Catching bool // is being sent a snapshot
	// Behind is how many log entries it lacks, as the leader knows; -1 if nobody
	// does.
	Behind int64
}

// Majority tells whether enough copies answer for writes to go on.
func (p *Partition) Majority() bool {
	voters, answering := 0, 0
	for _, c := range p.Copies {
		if !c.Learner {
			voters++
			if c.Answers && c.Refused == "" {
				answering++
			}
		}
	}
	return voters > 0 && answering > voters/2
}

// report is one replica as its node reports it.
type report struct {
	node *Node
	*cluster.ReplicaStatus
}

// Partitions sorts the nodes' reports by partition.
func (o *Observation) Partitions() []Partition {
	out := make([]Partition, max(o.partitions(), 0))
	reports := make([][]report, len(out))
	for i := range o.Nodes {
		n := &o.Nodes[i]
		if n.Status == nil {
			continue
		}
		for j := range n.Status.Replicas {
			if r := &n.Status.Replicas[j]; int(r.Partition) < len(out) {
				reports[r.Partition] = append(reports[r.Partition], report{n, r})
			}
		}
	}
	for p := range out {
		out[p] = o.partition(uint32(p), reports[p])
	}
	return out
}

func (o *Observation) partitions() int {
	if o.Record != nil && o.Record.Map != nil {
		return o.Record.Map.Partitions
	}
	return o.Wanted.Partitions
}

func (o *Observation) partition(id uint32, reports []report) Partition {
	p := Partition{ID: id}
	var leader *report
	var config *cluster.Config
	for i, r := range reports {
		p.Keys, p.Bytes = max(p.Keys, r.Keys), max(p.Bytes, r.Bytes)
		if r.Role == cluster.RoleLeader && len(r.Progress) > 0 && (leader == nil || r.Term > leader.Term) {
			leader = &reports[i]
		}
		if r.State == cluster.ReplicaRunning && len(r.Config.Voters) > 0 && (config == nil || r.Config.Index > config.Index) {
			config = &r.Config
		}
	}
	if leader != nil {
		config = &leader.Config
		p.Leader, p.Term, p.Keys, p.Bytes = leader.node, leader.Term, leader.Keys, leader.Bytes
	}
	if config == nil {
		return p
	}
	p.Changing = config.Joint() || len(config.Learners) > 0
	for _, list := range [][]cluster.Replica{config.Voters, config.Outgoing, config.Learners} {
		for _, r := range list {
			if slices.ContainsFunc(p.Copies, func(c Copy) bool { return c.Replica == r.ID }) {
				continue
			}
			c := o.copyOf(r, reports, leader)
			c.Learner = slices.Contains(config.Learners, r)
			p.Copies = append(p.Copies, c)
		}
	}
	slices.SortFunc(p.Copies, func(a, b Copy) int { return cmp.Compare(a.Replica, b.Replica) })
	return p
}

func (o *Observation) copyOf(r cluster.Replica, reports []report, leader *report) Copy {
	c := Copy{Replica: r.ID, Node: o.NameOf(r.Node), Behind: -1}
	for _, own := range reports {
		if own.ID == r.ID && own.node.Status.Node == r.Node {
			c.Answers = true
			if own.State == cluster.ReplicaRefused {
				c.Refused = cmp.Or(own.Reason, "it is damaged")
			}
		}
	}
	if leader == nil {
		return c
	}
	for _, p := range leader.Progress {
		if p.ID == r.ID {
			c.Catching = p.Snapshot
			c.Behind = int64(leader.LastIndex - min(p.Match, leader.LastIndex))
		}
	}
	return c
}
