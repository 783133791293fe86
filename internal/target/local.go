package target

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ringkv/ringkv/internal/kv/coordinator"
	"github.com/ringkv/ringkv/internal/localcluster"
)

// Local is a cluster that kvctl local or kvctl coordinate runs on a folder of this
// machine.
type Local struct {
	dir   string
	asker Asker

	mu        sync.Mutex
	addresses map[string]map[Port]string // by node, as of the last observation; guarded by mu
}

var _ Target = (*Local)(nil)

// NewLocal returns the cluster in a folder. It looks at nothing yet: the cluster
// may be started later, or anew.
func NewLocal(dir string) *Local { return &Local{dir: dir} }

func (l *Local) String() string { return "the cluster in " + l.dir }

// Close implements Target.
func (l *Local) Close() error {
	l.asker.Close()
	return nil
}

func (l *Local) connect() (*localcluster.Client, error) {
	c, err := localcluster.Connect(l.dir)
	return c, asUnreachable(err)
}

// asUnreachable adds the word for programs to errors that mean it.
func asUnreachable(err error) error {
	if errors.Is(err, localcluster.ErrNotRunning) {
		return &unreachable{err}
	}
	return err
}

// unreachable is ErrUnreachable with the text of its cause alone.
type unreachable struct{ cause error }

func (u *unreachable) Error() string   { return u.cause.Error() }
func (u *unreachable) Unwrap() []error { return []error{ErrUnreachable, u.cause} }

// Observe implements Target.
func (l *Local) Observe(ctx context.Context) (*Observation, error) {
	client, err := l.connect()
	if err != nil {
		return nil, err
	}
	s, err := client.Status(ctx)
	if err != nil {
		return nil, asUnreachable(err)
	}
	o := &Observation{
		Name: l.String(), At: time.Now(),
		Wanted: Wanted{
			ReplicationFactor: s.ReplicationFactor, Partitions: s.Partitions, VirtualNodes: s.VirtualNodes,
		},
		Available: s.Available, Settled: s.Settled, Notes: s.Notes, Blocked: s.Blocked,
		Progress: Progress{MovesDone: s.MovesDone, MovesTotal: s.MovesTotal, BytesDone: s.BytesDone, BytesTotal: s.BytesTotal, ETA: time.Duration(s.ETASeconds) * time.Second},
	}
	for _, n := range s.Nodes {
		if !n.Leaving {
			o.Wanted.Nodes++
		}
		node := Node{
			Name: n.Name, Zone: n.Zone, Leaving: n.Leaving, PID: n.PID, Restarts: n.Restarts, LastExit: n.LastExit,
			Addresses: map[Port]string{RESP: n.RESP, Peer: n.Peer, Metrics: n.Metrics, HTTP: n.HTTP, ClusterRESP: n.Cluster},
		}
		if n.Up {
			node.NotReady = n.Problem
		}
		o.Nodes = append(o.Nodes, node)
	}
	l.remember(o.Nodes)
	l.asker.Ask(ctx, o.Nodes, func(_ context.Context, node string) (string, error) { return l.known(node, Peer) })
	o.Record, o.RecordErr = coordinator.NewFileStore(filepath.Join(l.dir, "coordinator.json")).Load(ctx)
	if o.RecordErr != nil {
		o.Record = nil
	}
	return o, nil
}

func (l *Local) remember(nodes []Node) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.addresses = make(map[string]map[Port]string)
	for _, n := range nodes {
		l.addresses[n.Name] = n.Addresses
	}
}

func (l *Local) known(node string, port Port) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	addresses, ok := l.addresses[node]
	switch {
	case !ok:
		return "", fmt.Errorf("there is no node %s", node)
	case addresses[port] == "":
		return "", fmt.Errorf("node %s does not say where its %s port is", node, port)
	}
	return addresses[port], nil
}

// Address implements Target.
func (l *Local) Address(ctx context.Context, node string, port Port) (string, error) {
	l.mu.Lock()
	asked := l.addresses != nil
	l.mu.Unlock()
	if !asked {
		if _, err := l.Observe(ctx); err != nil {
			return "", err
		}
	}
	return l.known(node, port)
}

// AddNode implements Target.
func (l *Local) AddNode(ctx context.Context, n NewNode) error {
	return l.wish(func(c *localcluster.Client) error {
		return c.AddNode(ctx, localcluster.NewNode{Name: n.Name, Zone: n.Zone, Port: n.Port, Address: n.Address})
	})
}

// RemoveNode implements Target.
func (l *Local) RemoveNode(ctx context.Context, name string) error {
	return l.wish(func(c *localcluster.Client) error { return c.RemoveNode(ctx, name) })
}

// SetReplicationFactor implements Target.
func (l *Local) SetReplicationFactor(ctx context.Context, n int) error {
	return l.wish(func(c *localcluster.Client) error { return c.SetReplicationFactor(ctx, n) })
}

// Rebalance implements Target.
func (l *Local) Rebalance(ctx context.Context) error {
	return l.wish(func(c *localcluster.Client) error { return c.Rebalance(ctx) })
}

func (l *Local) wish(make func(*localcluster.Client) error) error {
	c, err := l.connect()
	if err != nil {
		return err
	}
	return asUnreachable(make(c))
}

// NextName implements Target: n4 after n1, n2 and n3.
func (l *Local) NextName(o *Observation) string {
	most := 0
	for _, n := range o.Nodes {
		if digits, ok := strings.CutPrefix(n.Name, "n"); ok {
			if i, err := strconv.Atoi(digits); err == nil {
				most = max(most, i)
			}
		}
	}
	return "n" + strconv.Itoa(most+1)
}

// LastToGo implements Target: the node that was added last. Any other can be
// removed as well.
func (l *Local) LastToGo(o *Observation) string {
	for i := len(o.Nodes) - 1; i >= 0; i-- {
		if !o.Nodes[i].Leaving {
			return o.Nodes[i].Name
		}
	}
	return ""
}
