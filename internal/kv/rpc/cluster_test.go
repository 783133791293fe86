package rpc

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/api/kv/v1/kvv1connect"
	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/node"
	"github.com/ringkv/ringkv/internal/kv/vfs"
)

// seat is a real node of a test cluster, with its peer port and its API on the
// loopback interface.
type seat struct {
	t         *testing.T
	name, dir string
	peer, api string
	node      *node.Node
	servers   []*http.Server
	kv        kvv1connect.KVClient
}

func newSeat(t *testing.T, name string) *seat {
	s := &seat{t: t, name: name, dir: filepath.Join(t.TempDir(), name), peer: freeAddress(t), api: freeAddress(t)}
	s.kv = kvv1connect.NewKVClient(http.DefaultClient, s.url(""))
	s.start()
	t.Cleanup(s.stop)
	return s
}

func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

func (s *seat) url(path string) string { return "http://" + s.api + path }

func (s *seat) start() {
	n, err := node.Open(node.Options{
		FS: vfs.OS{}, Dir: s.dir, Name: s.name, PeerAddress: s.peer, RESPAddress: s.name + ":6379", HTTPAddress: s.api,
		CallTimeout: time.Minute, // an election may take its time on a busy machine
		Logger:      slog.New(slog.NewTextHandler(s.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	require.NoError(s.t, err)
	mux := http.NewServeMux()
	mux.Handle("/peer/", n.Transport().Handler())
	s.node = n
	s.servers = []*http.Server{{Handler: mux}, NewAPIServer(n)}
	for i, address := range []string{s.peer, s.api} {
		var l net.Listener
		require.Eventually(s.t, func() bool { // the port may be another's for a moment
			l, err = net.Listen("tcp", address)
			return err == nil
		}, time.Minute, time.Millisecond, "%s", address)
		go s.servers[i].Serve(l) //nolint:errcheck // ends with Close
	}
}

// stop ends the node without any farewell, as a crash would.
func (s *seat) stop() {
	if s.node == nil {
		return
	}
	for _, server := range s.servers {
		server.Close()
	}
	require.NoError(s.t, s.node.Close())
	s.node = nil
}

// startCluster starts nodes that hold the partitions in turn.
func startCluster(t *testing.T, nodes, partitions, rf int) []*seat {
	seats := make([]*seat, nodes)
	m := &cluster.Map{
		ClusterID: cluster.NewClusterID(), Epoch: 1, Revision: 1, Partitions: partitions, VirtualNodes: 128,
		ReplicationFactor: rf, Settings: cluster.DefaultSettings(),
	}
	for i := range seats {
		s := newSeat(t, fmt.Sprintf("n%d", i+1))
		seats[i] = s
		m.Members = append(m.Members, cluster.Member{
			ID: s.node.ID(), Name: s.name, State: cluster.MemberActive, PeerAddress: s.peer, HTTPAddress: s.api,
		})
	}
	for p := range partitions {
		var initial []cluster.Replica
		for i := range rf {
			initial = append(initial, cluster.Replica{ID: uint64(i + 1), Node: seats[(p+i)%nodes].node.ID()})
		}
		m.Initial = append(m.Initial, initial)
	}
	for _, s := range seats {
		require.NoError(t, s.node.PublishMap(context.Background(), m))
	}
	require.Eventually(t, func() bool {
		for _, s := range seats {
			t, ok := s.node.Placement()
			if !ok {
				return false
			}
			for _, l := range t.Leaders {
				if l.Leader.Node == "" {
					return false
				}
			}
		}
		return true
	}, time.Minute, 10*time.Millisecond)
	return seats
}

// answered is the head of an answer.
type answered struct {
	StatusCode int
	Header     http.Header
}

// http makes a plain request; headers are given as "Name: value".
func (s *seat) http(method, path, body string, headers ...string) (answered, string) {
	s.t.Helper()
	req, err := http.NewRequest(method, s.url(path), strings.NewReader(body))
	require.NoError(s.t, err)
	for _, h := range headers {
		if name, value, ok := strings.Cut(h, ": "); ok {
			req.Header.Set(name, value)
		}
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	return answered{resp.StatusCode, resp.Header}, string(b)
}
