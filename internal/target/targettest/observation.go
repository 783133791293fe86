// Package targettest makes observations of clusters that are not there, for tests.
package targettest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/coordinator"
	"github.com/ringkv/ringkv/internal/kv/ring"
	"github.com/ringkv/ringkv/internal/target"
)

// At is the moment of all observations.
var At = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// keysPerPartition is odd, so that sums that count something twice are noticed.
const keysPerPartition, bytesPerKey = 101, 64

// NodeID is the ID of node i (0, 1, ...) of an observation.
func NodeID(i int) cluster.NodeID {
	return cluster.NodeID(strings.Repeat(fmt.Sprintf("%02x", i+1), 20))
}

// Observe returns a cluster with nodes n1, n2, ... in which all is well: placed by
// the ring, led evenly, with 101 keys of 64 bytes in each partition.
func Observe(nodes, partitions, copies int) *target.Observation {
	o := &target.Observation{
		Name: "the test cluster", At: At, Available: true, Settled: true,
		Wanted: target.Wanted{Nodes: nodes, ReplicationFactor: copies, Partitions: partitions, VirtualNodes: 128},
	}
	m := &cluster.Map{
		ClusterID: "c1", Epoch: 1, Revision: 1, Partitions: partitions, VirtualNodes: 128, ReplicationFactor: copies,
		Settings: cluster.DefaultSettings(),
	}
	var members []ring.Member
	byID := map[string]int{}
	for i := range nodes {
		name, id := fmt.Sprintf("n%d", i+1), NodeID(i)
		status := &cluster.NodeStatus{
			Node: id, Name: name, ClusterID: "c1", Epoch: 1, Revision: 1, Version: "v1",
			PeerAddress: name + ":7000", RESPAddress: name + ":6379",
			DiskTotal: 100 << 30, DiskFree: 90 << 30, LogBytes: 64 << 20, MemoryUsed: 1 << 20, MemoryLimit: 1 << 30,
		}
		o.Nodes = append(o.Nodes, target.Node{
			Name: name, Status: status, Asked: At,
			Addresses: map[target.Port]string{target.Peer: name + ":7000", target.RESP: name + ":6379"},
		})
		m.Members = append(m.Members, cluster.Member{ID: id, Name: name, State: cluster.MemberActive, PeerAddress: name + ":7000"})
		members = append(members, ring.Member{ID: string(id)})
		byID[string(id)] = i
	}
	for p, list := range ring.Assign(ring.AssignInput{Members: members, VirtualNodes: 128, Partitions: partitions, ReplicationFactor: copies}) {
		var voters []cluster.Replica
		for r, id := range list {
			voters = append(voters, cluster.Replica{ID: uint64(r + 1), Node: cluster.NodeID(id)})
		}
		m.Initial = append(m.Initial, voters)
		for r, id := range list {
			status := o.Nodes[byID[id]].Status
			status.Replicas = append(status.Replicas, replica(uint32(p), uint64(r+1), voters))
		}
	}
	o.Record = &coordinator.Record{ClusterID: "c1", Initialized: true, Map: m}
	return o
}

// replica is one copy in order; the first of a partition leads.
func replica(p uint32, id uint64, voters []cluster.Replica) cluster.ReplicaStatus {
	s := cluster.ReplicaStatus{
		Partition: p, ID: id, State: cluster.ReplicaRunning, Role: cluster.RoleFollower, Term: 2, Leader: 1,
		FirstIndex: 1, LastIndex: 500, CommitIndex: 500, AppliedIndex: 500,
		Keys: keysPerPartition, Bytes: keysPerPartition * bytesPerKey,
		Config: cluster.Config{Index: 1, Voters: voters, NextReplicaID: uint64(len(voters) + 1)},
	}
	if id == 1 {
		s.Role = cluster.RoleLeader
		for _, v := range voters {
			s.Progress = append(s.Progress, cluster.Progress{ID: v.ID, Match: 500, Active: true})
		}
	}
	return s
}

// Down makes a node not answer. What it led has then no proven leader.
func Down(o *target.Observation, name string) {
	n := o.Node(name)
	n.Status, n.Err = nil, fmt.Errorf("dial tcp %s: connect: connection refused", n.Addresses[target.Peer])
}

// Lead makes another copy of each partition without a leader lead it, as an
// election does.
func Lead(o *target.Observation) {
	for _, p := range o.Partitions() {
		if p.Leader != nil {
			continue
		}
		for i := range o.Nodes {
			if r := Replica(o, o.Nodes[i].Name, p.ID); r != nil {
				r.Role, r.Term, r.Leader = cluster.RoleLeader, 3, r.ID
				for _, v := range r.Config.Voters {
					up := Up(o, v.Node)
					r.Progress = append(r.Progress, cluster.Progress{ID: v.ID, Match: 500, Active: up})
				}
				break
			}
		}
	}
}

// Up tells whether the node with that ID answers.
func Up(o *target.Observation, id cluster.NodeID) bool {
	for i := range o.Nodes {
		if s := o.Nodes[i].Status; s != nil && s.Node == id {
			return true
		}
	}
	return false
}

// Replica returns a node's copy of a partition, or nil.
func Replica(o *target.Observation, node string, p uint32) *cluster.ReplicaStatus {
	n := o.Node(node)
	if n == nil || n.Status == nil {
		return nil
	}
	for i := range n.Status.Replicas {
		if n.Status.Replicas[i].Partition == p {
			return &n.Status.Replicas[i]
		}
	}
	return nil
}

// Target is a cluster that stays as it was observed, and notes wishes.
type Target struct {
	Seen   *target.Observation
	Wishes []string
	Err    error // of every wish
}

var _ target.Target = (*Target)(nil)

func (t *Target) String() string { return t.Seen.Name }

// Observe implements target.Target.
func (t *Target) Observe(context.Context) (*target.Observation, error) { return t.Seen, nil }

// Address implements target.Target.
func (t *Target) Address(_ context.Context, node string, port target.Port) (string, error) {
	if n := t.Seen.Node(node); n != nil && n.Addresses[port] != "" {
		return n.Addresses[port], nil
	}
	return "", fmt.Errorf("node %s has no %s port", node, port)
}

func (t *Target) wish(format string, args ...any) error {
	t.Wishes = append(t.Wishes, fmt.Sprintf(format, args...))
	return t.Err
}

// AddNode implements target.Target.
func (t *Target) AddNode(_ context.Context, n target.NewNode) error { return t.wish("add %+v", n) }

// RemoveNode implements target.Target.
func (t *Target) RemoveNode(_ context.Context, name string) error { return t.wish("remove %s", name) }

// SetReplicationFactor implements target.Target.
func (t *Target) SetReplicationFactor(_ context.Context, n int) error { return t.wish("copies %d", n) }

// Rebalance implements target.Target.
func (t *Target) Rebalance(context.Context) error { return t.wish("rebalance") }

// NextName implements target.Target.
func (t *Target) NextName(o *target.Observation) string { return target.NewLocal("").NextName(o) }

// LastToGo implements target.Target.
func (t *Target) LastToGo(o *target.Observation) string { return target.NewLocal("").LastToGo(o) }

// Close implements target.Target.
func (t *Target) Close() error { return nil }
