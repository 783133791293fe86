package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/ringkv/ringkv/internal/controller/objects"
	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/coordinator"
	"github.com/ringkv/ringkv/internal/kv/rpc"
)

// idleFor is how long a connection to a node that nobody asks for is kept.
const idleFor = 5 * time.Minute

// dialer keeps one client for each address of a node, so that heartbeats reuse
// their connections.
type dialer struct {
	mu      sync.Mutex
	clients map[string]*pooled
}

type pooled struct {
	*rpc.Client
	used time.Time
}

func newDialer() *dialer { return &dialer{clients: map[string]*pooled{}} }

// dial returns the admin service of the node at a seat. It connects to nothing.
func (d *dialer) dial(owner types.NamespacedName, seat coordinator.Seat) cluster.Admin {
	if seat.PeerAddress == "" {
		return nobody{}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.clients[seat.PeerAddress]
	if c == nil {
		c = &pooled{Client: rpc.NewClient(seat.PeerAddress)}
		d.clients[seat.PeerAddress] = c
	}
	c.used = time.Now()
	return &checked{Admin: c.Client, host: objects.PodHost(owner.Namespace, owner.Name, seat.Name)}
}

// run drops clients that are no longer asked for, until ctx ends.
func (d *dialer) run(ctx context.Context) error {
	ticker := time.NewTicker(idleFor)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			d.drop(time.Time{})
			return nil
		case now := <-ticker.C:
			d.drop(now.Add(-idleFor))
		}
	}
}

// drop closes the clients not used since then; all of them for the zero time.
func (d *dialer) drop(since time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for address, c := range d.clients {
		if since.IsZero() || c.used.Before(since) {
			c.Close()
			delete(d.clients, address)
		}
	}
}

// checked believes a node only if it calls itself by the DNS name of the pod. An
// address is that of a pod as the operator last heard: by now it may have been
// given to a pod of the same name in another namespace.
type checked struct {
	cluster.Admin
	host string
}

// Status implements cluster.Admin.
func (c *checked) Status(ctx context.Context) (*cluster.NodeStatus, error) {
	s, err := c.Admin.Status(ctx)
	if err != nil {
		return nil, err
	}
	if host, _, err := net.SplitHostPort(s.PeerAddress); err != nil || host != c.host {
		return nil, fmt.Errorf("the node there calls itself %q and not %q", s.PeerAddress, c.host)
	}
	return s, nil
}

var errNobody = errors.New("its pod has no address yet")

// nobody is a seat whose pod does not run.
type nobody struct{}

func (nobody) Status(context.Context) (*cluster.NodeStatus, error)          { return nil, errNobody }
func (nobody) PublishMap(context.Context, *cluster.Map) error               { return errNobody }
func (nobody) CreateReplica(context.Context, cluster.CreateReplica) error   { return errNobody }
func (nobody) ChangeConfig(context.Context, cluster.ChangeConfig) error     { return errNobody }
func (nobody) TransferLeader(context.Context, cluster.TransferLeader) error { return errNobody }
func (nobody) RemoveReplica(context.Context, cluster.RemoveReplica) error   { return errNobody }
func (nobody) ForceSoleVoter(context.Context, cluster.SoleVoter) error      { return errNobody }
func (nobody) Drain(context.Context) error                                  { return errNobody }
