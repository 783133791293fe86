package target

import (
	"context"
	"errors"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/rpc"
)

// Port is one of the things that a node serves.
type Port string

// The ports of a node.
const (
	RESP        Port = "resp"    // Redis clients; any node serves any key
	ClusterRESP Port = "cluster" // Redis cluster clients
	HTTP        Port = "http"    // HTTP and gRPC
	Peer        Port = "peer"    // peers and the coordinator
	Metrics     Port = "metrics" // metrics and health
)

// ErrUnreachable means that nothing can be said about the cluster: it does not run,
// or the way to it is closed.
var ErrUnreachable = errors.New("the cluster cannot be reached")

// ErrRefused means that a wish cannot be granted, and nothing was changed.
var ErrRefused = errors.New("refused")

// Target is a cluster. Its methods are safe for concurrent use. The changing ones
// return when the wish is recorded; Observe tells how far it is.
type Target interface {
	// String names the cluster for people: "the cluster in data".
	String() string
	// Observe asks everybody. A node that does not answer is in the result, with
	// the reason; the error is ErrUnreachable if there is nothing to look at.
	Observe(ctx context.Context) (*Observation, error)
	// Address returns where a node's port can be reached from here, as host:port.
	Address(ctx context.Context, node string, port Port) (string, error)
	// AddNode asks for one node more. Where names are not free to choose, or port
	// cannot be given (0 leaves it open), the error says so.
	AddNode(ctx context.Context, n NewNode) error
	// RemoveNode asks for the node's data to move away, and the node to go then.
	RemoveNode(ctx context.Context, name string) error
	SetReplicationFactor(ctx context.Context, n int) error
	// Rebalance asks the coordinator to look now.
	Rebalance(ctx context.Context) error
	// NextName is what the next node would be called.
	NextName(o *Observation) string
	// LastToGo is which node would go if there were one less; "" if none can.
	LastToGo(o *Observation) string
	Close() error
}

// NewNode describes a node to be added.
type NewNode struct {
	Name string
	Zone string // empty leaves it open
	// Port is the first of the node's ports, in a local cluster; 0 leaves it open.
	Port int
	// Address is the peer address (host:port) of a node that runs already, for a
	// coordinator that does not start its nodes itself; empty otherwise.
	Address string
}

// Admin asks a node about itself and its keys.
type Admin interface {
	cluster.KeyInspector
	Status(ctx context.Context) (*cluster.NodeStatus, error)
}

// AdminOf returns the admin service of a node. The returned function gives it free.
func AdminOf(ctx context.Context, t Target, node string) (Admin, func(), error) {
	address, err := t.Address(ctx, node, Peer)
	if err != nil {
		return nil, nil, err
	}
	client := rpc.NewClient(address)
	return client, client.Close, nil
}
