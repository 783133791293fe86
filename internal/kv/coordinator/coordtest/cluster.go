// Package coordtest simulates the nodes of a cluster for tests of whoever drives
// them: the coordinator's own and the operator's. Every node implements
// cluster.Admin with the semantics of real Raft groups: configurations with an
// index, changes that need a quorum, joint changes that are left by themselves,
// learners that catch up over time, elections, nodes that stop, volumes that are
// lost and replicas that are damaged. What it leaves out is the data: a group is
// a log of so many entries and a number of bytes.
//
// Time passes in Steps. Step does one round of replication, elections and
// configuration changes; Run does so in the background. Nothing else changes by
// itself, so that a test with a seed replays.
//
// The simulation watches what is done to it and records what must not happen:
// see Violations.
package coordtest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/coordinator"
)

// Cluster is a set of simulated nodes by seat name. It is safe for concurrent
// use.
type Cluster struct {
	mu     sync.Mutex
	now    time.Time
	nodes  map[string]*node
	groups map[groupKey]*group
	// ids makes node IDs; they are random in form only.
	ids uint64

	// EntriesPerStep is how many log entries a replica catches up in a Step;
	// set it before use. Default 1000.
	EntriesPerStep uint64
	// Faults may disturb calls; nil disturbs nothing. Set it before use.
	Faults Faults

	created    int // replicas made by CreateReplica
	violations []string
	late       []func() // calls that arrive in a later Step
}

// groupKey names a group: a cluster that never started may have left another.
type groupKey struct {
	clusterID string
	partition uint32
}

type node struct {
	c          *Cluster
	id         cluster.NodeID
	name, zone string
	up         bool
	started    time.Time
	draining   bool
	m          *cluster.Map
	replicas   map[uint32]*replica
	tombstones map[uint32]uint64 // by partition: the smallest replica ID still allowed
	diskTotal  uint64
	diskFree   uint64
	memory     uint64
}

// New returns a cluster without nodes.
func New() *Cluster {
	return &Cluster{
		now:   time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		nodes: map[string]*node{}, groups: map[groupKey]*group{}, EntriesPerStep: 1000,
	}
}

// Now returns the simulated time. It goes on by StepTime with every Step.
func (c *Cluster) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// StepTime is how much simulated time a Step takes.
const StepTime = 100 * time.Millisecond

// AddNode starts an empty node at a seat. A node that is there already is left
// alone, and started if it was stopped.
func (c *Cluster) AddNode(seat, zone string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := c.nodes[seat]; n != nil {
		n.start()
		return
	}
	c.nodes[seat] = c.newNode(seat, zone)
}

func (c *Cluster) newNode(seat, zone string) *node {
	c.ids++
	return &node{
		c: c, id: cluster.NodeID(fmt.Sprintf("%08x%032x", mix(c.ids)>>32, c.ids)), name: seat, zone: zone,
		up: true, started: c.now, replicas: map[uint32]*replica{}, tombstones: map[uint32]uint64{},
		diskTotal: 100 << 30, diskFree: 90 << 30, memory: 10 << 30,
	}
}

// mix makes the IDs of successive nodes unlike each other (splitmix64).
func mix(x uint64) uint64 {
	x *= 0x9e3779b97f4a7c15
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// RemoveNode deletes the node at a seat and its volume, as an operator deletes a
// pod and its claim. It is a violation when a group still counts on the node.
func (c *Cluster) RemoveNode(seat string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := c.nodes[seat]; n != nil {
		c.judgeRemovedNode(n)
		n.dropVolume()
		delete(c.nodes, seat)
	}
}

// Stop makes the node silent; its volume stays.
func (c *Cluster) Stop(seat string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes[seat].up = false
}

// Start brings a stopped node back.
func (c *Cluster) Start(seat string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes[seat].start()
}

// Undrain makes a drained node take leaderships again, as a restart does.
func (c *Cluster) Undrain(seat string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes[seat].draining = false
}

func (n *node) start() {
	if !n.up {
		n.up, n.started, n.draining = true, n.c.now, false
	}
}

// LoseVolume replaces the node at a seat by an empty one with another identity.
func (c *Cluster) LoseVolume(seat string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.nodes[seat]
	old.dropVolume()
	c.nodes[seat] = c.newNode(seat, old.zone)
}

func (n *node) dropVolume() {
	n.up = false
	for _, r := range n.replicas {
		r.gone = true
	}
}

// Outdate makes a replica wait for a newer build of its node.
func (c *Cluster) Outdate(seat string, partition uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := c.nodes[seat].replicas[partition]; r != nil {
		r.outdated = "apply entry 7: this build cannot execute it"
	}
}

// Damage makes the node refuse its replica of a partition, as after bit rot in
// its log. It does nothing when the node has none.
func (c *Cluster) Damage(seat string, partition uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := c.nodes[seat].replicas[partition]; r != nil {
		r.state = cluster.ReplicaRefused
	}
}

// SetRoom sets what a node reports of its disk and memory, in bytes.
func (c *Cluster) SetRoom(seat string, diskTotal, diskFree, memoryLimit uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.nodes[seat]
	n.diskTotal, n.diskFree, n.memory = diskTotal, diskFree, memoryLimit
}

// Write appends entries to every group with a leader, and sets the size of
// their data.
func (c *Cluster) Write(entries, bytes uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, g := range c.sortedGroups() {
		g.write(entries)
		g.bytes = bytes
	}
}

// Created returns how many replicas were made by CreateReplica so far.
func (c *Cluster) Created() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.created
}

// NodeID returns the identity of the node at a seat; empty if there is none.
func (c *Cluster) NodeID(seat string) cluster.NodeID {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := c.nodes[seat]; n != nil {
		return n.id
	}
	return ""
}

// Step lets time pass: late calls arrive, then every group does one round.
func (c *Cluster) Step() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.step()
}

func (c *Cluster) step() {
	c.now = c.now.Add(StepTime)
	late := c.late
	c.late = nil
	for _, call := range late {
		call()
	}
	for _, g := range c.sortedGroups() {
		g.step()
	}
}

// Run does a Step every interval until ctx ends, and keeps the simulated time at
// the real one.
func (c *Cluster) Run(ctx context.Context, interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			c.mu.Lock()
			c.step()
			c.now = time.Now()
			c.mu.Unlock()
		}
	}
}

// Dial returns the admin service of the node at a seat; for
// coordinator.Config.Dial.
func (c *Cluster) Dial(seat coordinator.Seat) cluster.Admin { return &admin{c: c, seat: seat.Name} }
