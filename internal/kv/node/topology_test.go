package node

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/command"
	"github.com/ringkv/ringkv/internal/kv/ring"
)

// requireWhole checks what clients depend on.
func requireWhole(t *testing.T, topology *Topology) {
	t.Helper()
	next := 0
	for i, r := range topology.Ranges {
		require.Equal(t, next, int(r.First), "no hole")
		require.LessOrEqual(t, r.First, r.Last)
		if i > 0 {
			require.NotEqual(t, topology.Ranges[i-1].Leader, r.Leader, "neighbours are one range")
		}
		next = int(r.Last) + 1
		for a := range command.Audience(command.Audiences) {
			address := topology.Nodes[r.Leader].For(a)
			require.NotEmpty(t, address.Host)
			require.Positive(t, address.Port)
		}
	}
	require.Equal(t, ring.Slots, next)
	require.Len(t, topology.Nodes[topology.Self].ID, 40)
}

func TestNodesAgreeOnTheTopology(t *testing.T) {
	seats := startCluster(t, 3, 16, 3)
	require.Eventually(t, func() bool {
		a, b, c := seats[0].node.Topology(), seats[1].node.Topology(), seats[2].node.Topology()
		return a.Epoch == b.Epoch && b.Epoch == c.Epoch && slices.Equal(a.Ranges, b.Ranges) && slices.Equal(b.Ranges, c.Ranges)
	}, patience, 10*time.Millisecond)
	first := seats[0].node.Topology()
	for _, s := range seats {
		topology := s.node.Topology()
		requireWhole(t, topology)
		require.Equal(t, first.Nodes, topology.Nodes)
		require.Equal(t, s.node.id, topology.Nodes[topology.Self].ID)
	}
}

func TestATopologyIsMadeOnceForEveryChange(t *testing.T) {
	n := testNode(4)
	first := n.Topology()
	require.Same(t, first, n.Topology())
	requireWhole(t, first)
	require.True(t, n.view.Load().routing.learn(led(3, 1, longID("b")), false))
	second := n.Topology()
	require.NotSame(t, first, second)
	require.Same(t, second, n.Topology())
	require.Greater(t, second.Epoch, first.Epoch)
	require.False(t, n.view.Load().routing.learn(led(3, 1, longID("b")), false))
	require.Same(t, second, n.Topology(), "nothing new")
}

func TestAnElectionLeavesNoHole(t *testing.T) {
	n := testNode(4)
	routing := n.view.Load().routing
	require.True(t, routing.learn(led(3, 1, longID("b")), false))
	before := n.Topology()
	require.True(t, routing.learn(led(4, 1, ""), true))
	require.Same(t, before, n.Topology(), "the last leader stays")
	require.True(t, routing.learn(led(4, 1, longID("c")), false))
	after := n.Topology()
	requireWhole(t, after)
	require.Equal(t, longID("c"), after.Nodes[after.Ranges[0].Leader].ID)
	require.Greater(t, after.Epoch, before.Epoch)
}

func TestALeaderThatClientsCannotReachIsNotNamed(t *testing.T) {
	n := testNode(1)
	require.True(t, n.view.Load().routing.learn(led(3, 1, "gone"), false))
	requireWhole(t, n.Topology())

	m := n.view.Load().m.Clone()
	for i := range m.Members {
		m.Members[i].ClusterAddress = ""
	}
	n.view.Store(n.newView(m, n.view.Load()))
	topology := n.Topology()
	requireWhole(t, topology)
	require.Equal(t, topology.Self, topology.Ranges[0].Leader, "it forwards what it is asked")
}

func TestClientsAreGivenTheAddressesOfTheirPort(t *testing.T) {
	n := testNode(1)
	n.opts.ClusterTLSAddress, n.opts.OutsideAddress = "a:6390", "a.example.com:1"
	m := n.view.Load().m.Clone()
	for i := range m.Members {
		if name := m.Members[i].Name; name != "c" { // which is an older one
			m.Members[i].ClusterTLSAddress, m.Members[i].OutsideAddress = name+":6390", name+".example.com:1"
		}
	}
	n.view.Store(n.newView(m, n.view.Load()))
	for term, want := range [][]string{
		{"b:6380", "b:6390", "b.example.com:1"},
		{"c:6380", "c:6380", "c:6380"}, // better than none
	} {
		require.True(t, n.view.Load().routing.learn(led(uint64(term+1), 1, longID(want[0][:1])), false))
		topology := n.Topology()
		requireWhole(t, topology)
		for a := range command.Audience(command.Audiences) {
			require.Equal(t, "MOVED 7 "+want[a], n.Moved(7, a))
			address := topology.Nodes[topology.Ranges[0].Leader].For(a)
			require.Equal(t, want[a], net.JoinHostPort(address.Host, strconv.Itoa(address.Port)))
		}
	}
	self := n.ownEndpoint()
	require.Equal(t, Address{"a", 6390}, self.For(command.InsideTLS))
	require.Equal(t, Address{"a.example.com", 1}, self.For(command.Outside))
}

func TestAReplicaStandsInForALeaderThatIsGone(t *testing.T) {
	n := testNode(1)
	leader := func() cluster.NodeID {
		topology := n.Topology()
		requireWhole(t, topology)
		return topology.Nodes[topology.Ranges[0].Leader].ID
	}
	news := led(3, 1, longID("b"))
	news.Voters = []cluster.Replica{{ID: 1, Node: longID("b")}, {ID: 2, Node: longID("c")}, {ID: 3, Node: longID("a")}}
	require.True(t, n.view.Load().routing.learn(news, false))
	peers := &links{down: []cluster.NodeID{longID("b")}}
	n.transport = peers
	require.Equal(t, longID("c"), leader())
	peers.down = append(peers.down, longID("c"))
	require.Equal(t, longID("a"), leader(), "itself")
	peers.down = nil
	require.Equal(t, longID("b"), leader(), "it is back")
}

func TestSlotHealthTellsAnElectionFromAFailure(t *testing.T) {
	n := testNode(4)
	routing := n.view.Load().routing
	now := int64(0)
	routing.monotonic = func() int64 { return now }
	for p := range uint32(4) {
		routing.learn(cluster.Leadership{Partition: p, Term: 1, Leader: cluster.Replica{ID: 1, Node: longID("b")}}, false)
	}
	require.Equal(t, SlotHealth{OK: ring.Slots}, n.SlotHealth())
	routing.learn(led(2, 1, ""), true)
	require.Equal(t, SlotHealth{OK: ring.Slots / 4 * 3, Suspected: ring.Slots / 4}, n.SlotHealth())
	now = n.callTimeout.Nanoseconds()
	require.Equal(t, SlotHealth{OK: ring.Slots / 4 * 3, Failed: ring.Slots / 4}, n.SlotHealth())
}

func TestWhatWasLedIsRemembered(t *testing.T) {
	routing := newRouting("self", 2, func() int64 { return 100 })
	require.Empty(t, routing.ledSince(0))
	require.True(t, routing.learn(led(1, 1, "self"), true))
	require.Equal(t, []uint32{0}, routing.ledSince(1000))
	require.True(t, routing.learn(led(2, 1, ""), true))
	require.True(t, routing.learn(led(2, 1, "b"), true))
	require.Equal(t, []uint32{0}, routing.ledSince(100))
	require.Empty(t, routing.ledSince(101))
	routing.mayHaveLed(1)
	require.Equal(t, []uint32{0, 1}, routing.ledSince(100))
}

// longID returns an ID of the usual length.
func longID(name string) cluster.NodeID { return cluster.NodeID(strings.Repeat(name, 40)) }

// links are connections to all peers but those that are down.
type links struct {
	Transport
	down []cluster.NodeID
}

func (l *links) Linked(to cluster.NodeID) bool { return !slices.Contains(l.down, to) }

// testNode is a node of a map of three members, a, b and c, that runs nothing. It is a.
func testNode(partitions int) *Node {
	n := &Node{callTimeout: 5 * time.Second, clock: clock{base: time.Now()}}
	m := &cluster.Map{ClusterID: "x", Revision: 1, Partitions: partitions}
	for _, name := range []string{"a", "b", "c"} {
		m.Members = append(m.Members, cluster.Member{
			ID: longID(name), Name: name, State: cluster.MemberActive, PeerAddress: name + ":7000", ClusterAddress: name + ":6380",
		})
	}
	for range partitions {
		m.Initial = append(m.Initial, []cluster.Replica{{ID: 1, Node: longID("b")}})
	}
	n.id = longID("a")
	n.transport = &links{}
	n.opts.ClusterAddress, n.opts.PeerAddress = "a:6380", "a:7000"
	n.view.Store(n.newView(m, nil))
	return n
}
