package node

import (
	"maps"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/command"
	"github.com/ringkv/ringkv/internal/kv/ring"
)

// Topology is what clients of Redis Cluster are told: who is in the cluster and who
// leads which slots. It never changes; another one takes its place.
//
// Nodes that have heard the same news give the same answer. There is no hole in it:
// while a partition elects a leader, the last one is named or, if its node cannot be
// reached, another replica's node. That one holds what clients send until there is a
// leader. Many clients ask again only when they are answered, so one that was sent to
// a node that is gone would go on asking it.
type Topology struct {
	// Epoch rises with every change of a leader and of the map.
	Epoch uint64
	Nodes []Endpoint // sorted by ID
	Self  int        // this node's place in Nodes
	// Ranges are by rising slot and have no gap; neighbours have different
	// leaders. It is empty while the node belongs to no cluster.
	Ranges []SlotRange
}

// Endpoint is a node as clients reach it.
type Endpoint struct {
	ID       cluster.NodeID
	PeerPort int
	// At is by audience. That of Inside is there always, others may be zero.
	At [command.Audiences]Address
}

// Address is a host, never empty, and a port.
type Address struct {
	Host string
	Port int
}

// For returns where clients of an audience reach the node. A node that does not serve
// them is named by its other address, since naming none would be a hole in the map.
func (e *Endpoint) For(a command.Audience) Address {
	if e.At[a].Port == 0 {
		return e.At[command.Inside]
	}
	return e.At[a]
}

// SlotRange is a run of slots with one leader.
type SlotRange struct {
	First, Last uint16
	Leader      int // its place in Topology.Nodes
}

// builtTopology remembers what a Topology was made from.
type builtTopology struct {
	Topology
	view    *view
	changes uint64
}

// Topology returns what clients should believe now: the same pointer until
// something has changed.
func (n *Node) Topology() *Topology {
	v := n.view.Load()
	if v == nil {
		return &Topology{Nodes: []Endpoint{n.ownEndpoint()}}
	}
	changes := v.routing.changes.Load()
	if t := n.topology.Load(); t != nil && t.view == v && t.changes == changes {
		return &t.Topology
	}
	t := &builtTopology{view: v, changes: changes}
	if n.buildTopology(v, &t.Topology) {
		n.topology.Store(t)
	}
	return &t.Topology
}

// buildTopology tells whether t holds until the map or a leader changes. It does not
// while somebody stands in for a leader that cannot be reached.
func (n *Node) buildTopology(v *view, t *Topology) (lasting bool) {
	lasting = true
	t.Epoch = v.m.Revision
	t.Self = -1
	places := map[cluster.NodeID]int{}
	for i := range v.m.Members {
		m := &v.m.Members[i]
		endpoint, ok := endpointOf(m)
		if m.ID == n.id {
			endpoint, ok = n.ownEndpoint(), true
			t.Self = len(t.Nodes)
		}
		if ok && m.State != cluster.MemberLost {
			places[m.ID] = len(t.Nodes)
			t.Nodes = append(t.Nodes, endpoint)
		}
	}
	if t.Self < 0 { // it left the map, and serves until it ends
		t.Self = len(t.Nodes)
		t.Nodes = append(t.Nodes, n.ownEndpoint())
	}
	span := ring.Slots / v.m.Partitions
	for p := range v.routing.history {
		first, last := uint16(p*span), uint16((p+1)*span-1)
		leader, isFirst := n.shownLeader(v, uint32(p), places, t.Self)
		lasting = lasting && isFirst
		if l := v.routing.history[p].last.Load(); l != nil {
			t.Epoch += l.Term
		}
		if k := len(t.Ranges) - 1; k >= 0 && t.Ranges[k].Leader == leader {
			t.Ranges[k].Last = last
			continue
		}
		t.Ranges = append(t.Ranges, SlotRange{First: first, Last: last, Leader: leader})
	}
	return lasting
}

// shownLeader returns the place of the node that clients are told to ask for a
// partition: its last known leader, else a replica that can be reached, else the node
// that answers. isFirst tells whether it is the first choice.
func (n *Node) shownLeader(v *view, p uint32, places map[cluster.NodeID]int, self int) (place int, isFirst bool) {
	candidates := v.m.Initial[p]
	if last := v.routing.history[p].last.Load(); last != nil {
		candidates = append([]cluster.Replica{last.Leader}, last.Voters...)
	}
	isFirst = true
	for _, c := range candidates {
		place, ok := places[c.Node]
		if ok && (place == self || n.transport.Linked(c.Node)) {
			return place, isFirst
		}
		isFirst = false
	}
	return self, isFirst
}

// endpointOf returns where clients reach a member, or false if it serves no cluster
// clients.
func endpointOf(m *cluster.Member) (Endpoint, bool) {
	return endpoint(m.ID, m.PeerAddress, m.ClusterAddress, m.ClusterTLSAddress, m.OutsideAddress)
}

func (n *Node) ownEndpoint() Endpoint {
	o := &n.opts
	e, ok := endpoint(n.id, o.PeerAddress, o.ClusterAddress, o.ClusterTLSAddress, o.OutsideAddress)
	if !ok {
		e.At[command.Inside] = Address{Host: "127.0.0.1"}
	}
	return e
}

// endpoint makes one of addresses by audience, and tells whether there is that of Inside.
func endpoint(id cluster.NodeID, peer string, addresses ...string) (e Endpoint, ok bool) {
	e.ID, e.PeerPort = id, splitAddress(peer).Port
	for a, address := range addresses {
		e.At[a] = splitAddress(address)
	}
	return e, e.At[command.Inside].Port != 0
}

// splitAddress returns zero for what is no address.
func splitAddress(address string) Address {
	host, digits, err := net.SplitHostPort(address)
	if err != nil || host == "" {
		return Address{}
	}
	port, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || port == 0 {
		return Address{}
	}
	return Address{Host: host, Port: int(port)}
}

// clusterEndpoint returns where cluster clients reach a node, or false.
func (v *view) clusterEndpoint(id cluster.NodeID) (Endpoint, bool) {
	m := v.m.Member(id)
	if m == nil {
		return Endpoint{}, false
	}
	return endpointOf(m)
}

// SlotHealth counts the slots by what is known of their leader.
type SlotHealth struct {
	OK        int // with a leader
	Suspected int // without one, for less time than a command waits
	Failed    int // without one for longer
}

// SlotHealth returns the health of all slots; none is counted before the node belongs
// to a cluster.
func (n *Node) SlotHealth() SlotHealth {
	v := n.view.Load()
	if v == nil {
		return SlotHealth{}
	}
	missing, since := v.routing.leaderless()
	missing *= ring.Slots / v.m.Partitions
	if since < n.callTimeout {
		return SlotHealth{OK: ring.Slots - missing, Suspected: missing}
	}
	return SlotHealth{OK: ring.Slots - missing, Failed: missing}
}

// Link is a connection with a peer that is up.
type Link struct {
	Peer        cluster.NodeID
	Outgoing    bool // this node made it, and sends on it
	Since       time.Time
	QueuedBytes int // waiting to be sent
}

// Links returns the connections with peers, sorted by peer.
func (n *Node) Links() []Link {
	peers := n.transport.Stats().Peers
	var links []Link
	for _, id := range slices.Sorted(maps.Keys(peers)) {
		p := peers[id]
		if !p.OutSince.IsZero() {
			links = append(links, Link{Peer: id, Outgoing: true, Since: p.OutSince, QueuedBytes: p.QueuedBytes})
		}
		if !p.InSince.IsZero() {
			links = append(links, Link{Peer: id, Since: p.InSince})
		}
	}
	return links
}
