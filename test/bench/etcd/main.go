// Command etcd measures etcd for test/bench, with the clients, the schedule and the
// histograms that measure ringkv. It is a module of its own, so that nobody who uses
// ringkv gets etcd's client. It reads a bench.Order and writes a bench.Result.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/ringkv/ringkv/internal/bench"
)

// perClient is how many connections of a measurement share one gRPC connection:
// with one each, etcd and its client spend much of their time on connections.
const perClient = 10

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	clients := clients{free: map[string]*client{}}
	if err := bench.Serve(ctx, os.Stdin, os.Stdout, clients.dial); err != nil {
		fmt.Fprintln(os.Stderr, "etcd:", err)
		os.Exit(1)
	}
}

// clients hands out connections to etcd's members.
type clients struct {
	mu   sync.Mutex
	free map[string]*client // with room for more; by address; guarded by mu
}

// client is one gRPC connection.
type client struct {
	*clientv3.Client
	users int // guarded by clients.mu
}

func (c *clients) dial(_ context.Context, address string) (bench.Connection, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	shared := c.free[address]
	if shared == nil || shared.users == perClient {
		made, err := clientv3.New(clientv3.Config{Endpoints: []string{address}, DialTimeout: 2 * time.Second, Logger: zap.NewNop()})
		if err != nil {
			return nil, err
		}
		shared = &client{Client: made}
		c.free[address] = shared
	}
	shared.users++
	ctx, cancel := context.WithCancel(context.Background())
	return &connection{clients: c, client: shared, ctx: ctx, cancel: cancel}, nil
}

// connection is what one of the measurement's connections has of a client.
type connection struct {
	clients *clients
	client  *client
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	closing sync.Once
}

// Exchange executes the commands one after the other: etcd has no pipelines.
func (c *connection) Exchange(deadline time.Time, commands []bench.Command, answered func(int, bool)) error {
	ctx, cancel := context.WithDeadline(c.ctx, deadline)
	defer cancel()
	for i := range commands {
		missing, err := c.execute(ctx, &commands[i])
		if err != nil {
			return err
		}
		answered(i, missing)
	}
	return nil
}

func (c *connection) execute(ctx context.Context, command *bench.Command) (missing bool, err error) {
	if command.Kind == bench.Write {
		_, err = c.client.Put(ctx, string(command.Key), string(command.Value))
		return false, err
	}
	got, err := c.client.Get(ctx, string(command.Key)) // linearizable
	return err == nil && len(got.Kvs) == 0, err
}

// Close gives the client back, and closes it with the last that used it.
func (c *connection) Close() (err error) {
	c.closing.Do(func() {
		c.cancel()
		err = c.clients.release(c.client)
	})
	return err
}

func (c *clients) release(used *client) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if used.users--; used.users > 0 {
		return nil
	}
	for address, free := range c.free {
		if free == used {
			delete(c.free, address)
		}
	}
	return used.Close()
}
