package localcluster

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/coordinator"
	"github.com/ringkv/ringkv/internal/kv/rpc"
)

// newCoordinator makes the coordinator, with its record and its log in the
// folder.
func (c *Cluster) newCoordinator() (brain, io.Closer, error) {
	log, err := os.OpenFile(filepath.Join(c.options.Dir, "coordinator.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, nil, fmt.Errorf("open the coordinator's log: %w", err)
	}
	return coordinator.New(coordinator.Config{
		Store:  coordinator.NewFileStore(filepath.Join(c.options.Dir, "coordinator.json")),
		Dial:   func(s coordinator.Seat) cluster.Admin { return c.client(s.PeerAddress) },
		Logger: slog.New(slog.NewTextHandler(log, nil)),
	}), log, nil
}

// client returns the admin client of a peer address; connections are shared.
func (c *Cluster) client(address string) *rpc.Client {
	c.clientsMu.Lock()
	defer c.clientsMu.Unlock()
	client := c.clients[address]
	if client == nil {
		client = rpc.NewClient(address)
		c.clients[address] = client
	}
	return client
}
