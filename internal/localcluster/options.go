package localcluster

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Options say what cluster to run. Those of the first group count only for a new
// folder: an existing one knows its own.
type Options struct {
	Nodes             int      // n1, n2, ...; 0 means 3
	ReplicationFactor int      // 0 means 3, or Nodes if that is less
	Partitions        int      // a power of two; 0 means 64
	VirtualNodes      int      // 0 means 128
	Zones             []string // given to nodes in turn; empty means no zones
	// Seeds are nodes that somebody else starts, and stops in the end: the Cluster
	// coordinates them and no more. Binary, Nodes, Zones and Port have no meaning
	// then. Empty means that the Cluster runs its nodes itself.
	Seeds []NewNode

	// Dir is the cluster's folder, made if missing. Required.
	Dir string
	// Port is the RESP port of the first node; see Addresses for the others.
	Port int
	// Binary is the kvnode to run. Required, without Seeds.
	Binary string
	// NodeFlags are given to every kvnode, after those of the cluster.
	NodeFlags []string
	// NoRestart leaves a node down that ended.
	NoRestart bool
	// RestartDelay is how long a node that ended stays down; 0 means 1 s.
	RestartDelay time.Duration
	// MaxConcurrentMoves is handed to the coordinator; 0 means its default.
	MaxConcurrentMoves int
	// CompactionOperations is after how many operations a partition's state is
	// written as a snapshot; 0 means the nodes' default. It counts as long as the
	// Cluster runs, also for an existing folder.
	CompactionOperations int64
	// Logger gets what happens; nil means none.
	Logger *slog.Logger
}

// stopGrace is how long nodes may take to stop before they are killed: well over
// drainTimeout.
const stopGrace = 15 * time.Second

// drainTimeout is how long a node tries to give its leaderships away when it is
// stopped. A whole cluster stops at once, so mostly there is nobody to take them.
const drainTimeout = time.Second

func (o Options) withDefaults() (Options, error) {
	if o.Dir == "" {
		return o, errors.New("which folder? A cluster needs one")
	}
	if len(o.Seeds) > 0 {
		o.Nodes = len(o.Seeds)
	}
	if o.Nodes == 0 {
		o.Nodes = 3
	}
	if o.ReplicationFactor == 0 {
		o.ReplicationFactor = min(3, o.Nodes)
	}
	if o.Partitions == 0 {
		o.Partitions = 64
	}
	if o.VirtualNodes == 0 {
		o.VirtualNodes = 128
	}
	if o.RestartDelay == 0 {
		o.RestartDelay = time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case o.Nodes < 0 || o.Nodes > MaxNodes:
		return o, fmt.Errorf("%d nodes: a local cluster has 1 to %d", o.Nodes, MaxNodes)
	case o.CompactionOperations < 0:
		return o, fmt.Errorf("compaction after %d operations: want 1 or more, or 0 for the default", o.CompactionOperations)
	case len(o.Seeds) == 0 && o.Port < 1 || o.Port+portsPerNode*o.Nodes > 1<<16:
		return o, fmt.Errorf("port %d: want one from 1 on with room for %d ports below 65536", o.Port, portsPerNode*o.Nodes)
	}
	return o, nil
}

// newWish is what a new folder begins with.
func (o Options) newWish() (*wish, error) {
	w := &wish{
		Format:            wishFormat,
		Partitions:        o.Partitions,
		VirtualNodes:      o.VirtualNodes,
		ReplicationFactor: o.ReplicationFactor,
		External:          len(o.Seeds) > 0,
	}
	for _, n := range o.firstNodes() {
		if err := w.add(n); err != nil {
			return nil, err
		}
	}
	return w, w.check()
}

// firstNodes are the nodes of a new cluster.
func (o Options) firstNodes() []NewNode {
	if len(o.Seeds) > 0 {
		return o.Seeds
	}
	nodes := make([]NewNode, o.Nodes)
	for i := range nodes {
		nodes[i].Name = fmt.Sprintf("n%d", i+1)
		if len(o.Zones) > 0 {
			nodes[i].Zone = o.Zones[i%len(o.Zones)]
		}
	}
	return nodes
}

// FindBinary returns the kvnode to run: the one that was named, or else the one
// beside the running program, or else the one in PATH.
func FindBinary(named string) (string, error) {
	if named != "" {
		path, err := exec.LookPath(named)
		if err != nil {
			return "", fmt.Errorf("kvnode: %w", err)
		}
		return path, nil
	}
	own, err := os.Executable()
	if err == nil {
		beside := filepath.Join(filepath.Dir(own), "kvnode")
		if _, err := exec.LookPath(beside); err == nil {
			return beside, nil
		}
	}
	path, err := exec.LookPath("kvnode")
	if err != nil {
		return "", fmt.Errorf("there is no kvnode beside %s and none in PATH: build one, or name it with --kvnode", own)
	}
	return path, nil
}

// Shape is what a folder knows about its cluster, whatever Options say.
type Shape struct {
	Nodes, ReplicationFactor, Partitions, VirtualNodes int
}

// Shape returns what the cluster is wanted to be.
func (c *Cluster) Shape() Shape {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Shape{c.wish.staying(), c.wish.ReplicationFactor, c.wish.Partitions, c.wish.VirtualNodes}
}
