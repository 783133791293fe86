package target

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"time"

	"github.com/ringkv/ringkv/internal/kv/rpc"
)

// askTimeout bounds the questions behind one observation: a node that is well
// answers in milliseconds.
const askTimeout = 2 * time.Second

// Asker asks nodes for their status and keeps the connections. The zero value is
// ready; it is safe for concurrent use.
type Asker struct {
	mu      sync.Mutex
	clients map[string]*rpc.Client // by address; guarded by mu
}

// Ask fills in the answers of all nodes, at once. address says where a node's peer
// port is.
func (a *Asker) Ask(ctx context.Context, nodes []Node, address func(ctx context.Context, node string) (string, error)) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var all sync.WaitGroup
	for i := range nodes {
		n := &nodes[i]
		all.Go(func() {
			n.Asked = time.Now()
			where, err := address(ctx, n.Name)
			if err != nil {
				n.Err = err
				return
			}
			n.Status, n.Err = a.client(where).Status(ctx)
			n.Err = Plain(n.Err)
		})
	}
	all.Wait()
}

// Plain returns the reason of a failed request without the request: "connection
// refused" and not the URL in front of it.
func Plain(err error) error {
	if request := new(url.Error); errors.As(err, &request) {
		return request.Err
	}
	return err
}

func (a *Asker) client(address string) *rpc.Client {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.clients == nil {
		a.clients = make(map[string]*rpc.Client)
	}
	c := a.clients[address]
	if c == nil {
		c = rpc.NewClient(address)
		a.clients[address] = c
	}
	return c
}

// Close drops the connections.
func (a *Asker) Close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.clients {
		c.Close()
	}
	a.clients = nil
}
