package client_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/client"
	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/node"
	"github.com/ringkv/ringkv/internal/kv/rpc"
	"github.com/ringkv/ringkv/internal/kv/vfs"
)

// address is that of a node of the cluster that the examples use.
var address string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		nodes, stop := startCluster(1)
		defer stop()
		address = nodes[0].api.Addr().String()
		return m.Run()
	}())
}

// member is a real node with its ports on the loopback interface.
type member struct {
	node      *node.Node
	peer, api net.Listener
	servers   []*http.Server
	// answersToLose is how many writes are executed and not answered.
	answersToLose atomic.Int64
}

// forgetful is a handler that loses answers.
func (m *member) forgetful(api http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		read := strings.HasSuffix(r.URL.Path, "/Get") || strings.HasSuffix(r.URL.Path, "/Cluster")
		if n := m.answersToLose.Load(); read || n == 0 || !m.answersToLose.CompareAndSwap(n, n-1) {
			api.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	})
}

func (m *member) stop() {
	for _, s := range m.servers {
		s.Close()
	}
	m.node.Close()
}

// startCluster starts nodes that hold eight partitions together, each up to three
// times.
func startCluster(nodes int) ([]*member, func()) {
	dir := must(os.MkdirTemp("", "ringkv-client-"))
	members := make([]*member, nodes)
	description := &cluster.Map{
		ClusterID: cluster.NewClusterID(), Epoch: 1, Revision: 1, Partitions: 8, VirtualNodes: 16,
		ReplicationFactor: min(nodes, 3), Settings: cluster.DefaultSettings(),
	}
	for i := range members {
		m := &member{peer: must(net.Listen("tcp", "127.0.0.1:0")), api: must(net.Listen("tcp", "127.0.0.1:0"))}
		m.node = must(node.Open(node.Options{
			FS: vfs.OS{}, Dir: filepath.Join(dir, fmt.Sprint(i)), Name: fmt.Sprint("n", i), PeerAddress: m.peer.Addr().String(),
			HTTPAddress: m.api.Addr().String(), Logger: slog.New(slog.DiscardHandler),
		}))
		peers := http.NewServeMux()
		peers.Handle("/peer/", m.node.Transport().Handler())
		m.servers = []*http.Server{{Handler: peers}, rpc.NewAPIServer(m.node)}
		m.servers[1].Handler = m.forgetful(m.servers[1].Handler)
		go m.servers[0].Serve(m.peer) //nolint:errcheck // ends with Close
		go m.servers[1].Serve(m.api)  //nolint:errcheck // ends with Close
		description.Members = append(description.Members, cluster.Member{
			ID: m.node.ID(), State: cluster.MemberActive, PeerAddress: m.peer.Addr().String(), HTTPAddress: m.api.Addr().String(),
		})
		members[i] = m
	}
	for p := range description.Partitions {
		var replicas []cluster.Replica
		for i := range description.ReplicationFactor {
			replicas = append(replicas, cluster.Replica{ID: uint64(i + 1), Node: members[(p+i)%nodes].node.ID()})
		}
		description.Initial = append(description.Initial, replicas)
	}
	for _, m := range members {
		must(0, m.node.PublishMap(context.Background(), description))
	}
	return members, func() {
		for _, m := range members {
			m.stop()
		}
		os.RemoveAll(dir)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// kill ends a node without any farewell.
func (m *member) kill(t *testing.T) {
	for _, s := range m.servers {
		s.Close()
	}
	require.NoError(t, m.node.Close())
}

// connectTo returns a client that knows these nodes at first.
func connectTo(t *testing.T, nodes ...*member) *client.Client {
	var addresses []string
	for _, m := range nodes {
		addresses = append(addresses, m.api.Addr().String())
	}
	c, err := client.New(addresses...)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// testContext bounds what a test waits for.
func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}
