package main

import (
	"context"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/coordinator"
	"github.com/ringkv/ringkv/internal/kv/rpc"
)

// node answers Status with the address that it was given, and nothing else.
type node struct {
	nobody
	address string
}

func (n node) Status(context.Context) (*cluster.NodeStatus, error) {
	return &cluster.NodeStatus{Node: "n", PeerAddress: n.address}, nil
}

func serve(t *testing.T, n node) (address string) {
	t.Helper()
	server := httptest.NewServer(rpc.NewHandler(n))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

var owner = types.NamespacedName{Namespace: "shop", Name: "demo"}

func TestANodeIsBelievedOnlyUnderItsPodsName(t *testing.T) {
	for name, c := range map[string]struct {
		says string
		want string // part of the error; empty for none
	}{
		"itself":               {"demo-1.demo-nodes.shop.svc:7000", ""},
		"another pod":          {"demo-2.demo-nodes.shop.svc:7000", "calls itself"},
		"in another namespace": {"demo-1.demo-nodes.test.svc:7000", "calls itself"},
		"nothing":              {"", "calls itself"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDialer()
			address := serve(t, node{address: c.says})
			status, err := d.dial(owner, coordinator.Seat{Name: "demo-1", PeerAddress: address}).Status(t.Context())
			if c.want == "" {
				require.NoError(t, err)
				require.Equal(t, cluster.NodeID("n"), status.Node)
				return
			}
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestASeatWithoutAnAddressAnswersNothing(t *testing.T) {
	a := newDialer().dial(owner, coordinator.Seat{Name: "demo-1"})
	for _, err := range []error{
		func() error { _, err := a.Status(t.Context()); return err }(),
		a.PublishMap(t.Context(), nil),
		a.CreateReplica(t.Context(), cluster.CreateReplica{}),
		a.ChangeConfig(t.Context(), cluster.ChangeConfig{}),
		a.TransferLeader(t.Context(), cluster.TransferLeader{}),
		a.RemoveReplica(t.Context(), cluster.RemoveReplica{}),
		a.ForceSoleVoter(t.Context(), cluster.SoleVoter{}),
		a.Drain(t.Context()),
	} {
		require.ErrorIs(t, err, errNobody)
	}
}

func TestConnectionsAreReusedAndDroppedWhenNobodyAsks(t *testing.T) {
	d := newDialer()
	seat := coordinator.Seat{Name: "demo-1", PeerAddress: net.JoinHostPort("127.0.0.1", "1")}
	d.dial(owner, seat)
	first := d.clients[seat.PeerAddress]
	d.dial(owner, seat)
	require.Same(t, first, d.clients[seat.PeerAddress])
	d.drop(first.used)
	require.Len(t, d.clients, 1, "it was just used")
	d.drop(first.used.Add(time.Nanosecond))
	require.Empty(t, d.clients)
}
