package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/ringkv/ringkv/internal/bench"
	"github.com/ringkv/ringkv/internal/localcluster"
)

// ringkvServer is a local cluster, coordinated by this process.
type ringkvServer struct {
	*localcluster.Cluster
	cancel  context.CancelFunc
	done    chan error
	options localcluster.Options
}

// startRingkv starts a new cluster and waits until all is as wanted. partitions 0
// means the default.
func (r *run) startRingkv(ctx context.Context, nodes, copies, partitions int) (*ringkvServer, error) {
	dir, err := r.emptyDir("ringkv")
	if err != nil {
		return nil, err
	}
	port, err := localcluster.FreePort(nodes)
	if err != nil {
		return nil, err
	}
	s := &ringkvServer{options: localcluster.Options{
		Nodes: nodes, ReplicationFactor: copies, Partitions: partitions, Dir: dir, Port: port, Binary: r.kvnode,
		RestartDelay: 500 * time.Millisecond, NodeFlags: []string{"--log-level=warn"},
	}}
	if err := s.start(); err != nil {
		return nil, err
	}
	if err := s.ready(ctx); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// start starts the cluster that is in the folder, or a new one.
func (s *ringkvServer) start() error {
	c, err := localcluster.Open(s.options)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.Cluster, s.cancel, s.done = c, cancel, make(chan error, 1)
	go func() { s.done <- errors.Join(c.Run(ctx), c.Close()) }()
	return nil
}

// ready waits until all is as wanted.
func (s *ringkvServer) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	since := time.Now()
	s.Rebalance()
	status, err := s.WaitFor(ctx, func(st *localcluster.Status) bool { return st.Ready() && st.ObservedAt.After(since) })
	if err != nil {
		return fmt.Errorf("%w: %v %v, see %s", err, status.Blocked, status.Notes, s.options.Dir)
	}
	return nil
}

func (s *ringkvServer) stop() {
	s.cancel()
	// What went wrong at the end does not change what was measured.
	if err := <-s.done; err != nil {
		fmt.Fprintln(os.Stderr, "bench: stop ringkv:", err)
	}
}

func (s *ringkvServer) nodes() []localcluster.Node {
	return s.Status(context.Background()).Nodes
}

func (s *ringkvServer) addresses() (out []string) {
	for _, n := range s.nodes() {
		out = append(out, n.RESP)
	}
	return out
}

// clusterAddresses are where clients of Redis Cluster connect.
func (s *ringkvServer) clusterAddresses() (out []string) {
	for _, n := range s.nodes() {
		out = append(out, n.Cluster)
	}
	return out
}

// asked says which node of ringkv a command goes to.
type asked int

const (
	anyNode     asked = iota // whatever it leads
	clusterPort              // the leader of the key, as a client of Redis Cluster does
	leader                   // the leader, at the port that serves every key
	wrongNode                // another one than the leader, at that port
)

// direct makes a load that asks anybody ask who it should. Clients learn from CLUSTER
// SLOTS who leads; that they reach somebody else there is how a node is asked for what
// it does not lead.
func (s *ringkvServer) direct(o *bench.Options, who asked) {
	o.ClusterMode, o.Addresses, o.Reach = true, s.clusterAddresses(), map[string]string{}
	nodes := s.nodes()
	for i, n := range nodes {
		switch who {
		case leader:
			o.Reach[n.Cluster] = n.RESP
		case wrongNode:
			o.Reach[n.Cluster] = nodes[(i+1)%len(nodes)].RESP
		}
	}
}

func (s *ringkvServer) pids() (pids []int, err error) {
	for _, n := range s.nodes() {
		if n.PID == 0 {
			err = fmt.Errorf("node %s does not run: %s", n.Name, n.LastExit)
		}
		pids = append(pids, n.PID)
	}
	return pids, err
}
