package node

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/replica"
	"github.com/ringkv/ringkv/internal/kv/transport"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

// Transport is what a node needs of its peer connections. A *transport.Transport
// does it over TCP.
type Transport interface {
	SetPeers(addresses map[cluster.NodeID]string)
	SetSnapshotRate(bytesPerSecond int64)
	Send(to cluster.NodeID, msgs []transport.Message)
	SendForward(to cluster.NodeID, req *transport.ForwardRequest) error
	SendForwardReply(to cluster.NodeID, reply *transport.ForwardReply)
	SendLeading(to cluster.NodeID, news []cluster.Leadership)
	SendSnapshot(ctx context.Context, to cluster.NodeID, header transport.SnapshotHeader, body io.Reader) error
	Linked(to cluster.NodeID) bool
	Stats() transport.Stats
	Handler() http.Handler
	Close()
}

// Driver takes the place of the machine: a node with a driver has no goroutines,
// timers or sockets of its own, and one goroutine can run many. It is for
// simulations; without one a node uses the real things.
type Driver interface {
	replica.Clock
	// AfterFunc runs fn once, when d has passed on the monotonic clock.
	AfterFunc(d time.Duration, fn func())
	// Loop runs round after wake was called, and again whenever period has
	// passed.
	Loop(period time.Duration, round func()) (wake func())
	// Background runs fn later; fn may block in Transport.SendSnapshot.
	Background(fn func())
	// Await runs the node's loops and its log until done is closed.
	Await(done <-chan struct{})
	// Transport connects a node with its peers.
	Transport(c transport.Config) Transport
}

// Log returns the node's log, for those who look inside.
func (n *Node) Log() *wal.Log { return n.log }

// Replicas returns the replicas on this node by rising partition.
func (n *Node) Replicas() []*replica.Replica { return n.allReplicas() }

// afterFunc runs fn once, after d.
func (n *Node) afterFunc(d time.Duration, fn func()) {
	if n.opts.Driver != nil {
		n.opts.Driver.AfterFunc(d, fn)
		return
	}
	time.AfterFunc(d, fn)
}

// background runs fn on a goroutine that Close waits for.
func (n *Node) background(fn func()) {
	if n.opts.Driver != nil {
		n.opts.Driver.Background(fn)
		return
	}
	n.tasks.Go(fn)
}

// await waits until done is closed. It returns false if the node stops first.
func (n *Node) await(done <-chan struct{}) bool {
	if n.opts.Driver != nil {
		n.opts.Driver.Await(done)
	}
	select {
	case <-done:
		return true
	case <-n.stopped:
		return false
	}
}

// driven starts the loops of a node with a driver.
func (n *Node) driven() {
	for _, s := range n.shards {
		s.wakeUp = n.opts.Driver.Loop(n.timing.Tick, func() { s.round() })
		s.wakeUp()
	}
	n.opts.Driver.Loop(houseInterval, n.lookAfterHouse)
}

// stopDriven ends the shards of a node with a driver, which calls nothing of it
// any more.
func (n *Node) stopDriven() {
	for _, s := range n.shards {
		s.close()
	}
	close(n.stopped)
}
