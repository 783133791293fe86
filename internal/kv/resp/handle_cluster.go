package resp

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ringkv/ringkv/internal/kv/command"
	"github.com/ringkv/ringkv/internal/kv/node"
	"github.com/ringkv/ringkv/internal/kv/ring"
)

var clusterHelp = []string{
	"COUNTKEYSINSLOT <slot>", "    Return the number of keys in <slot>.",
	"COUNT-FAILURE-REPORTS <node-id>", "    Return number of failure reports for <node-id>.",
	"GETKEYSINSLOT <slot> <count>", "    Return key names stored by the cluster in a slot.",
	"INFO", "    Return information about the cluster.",
	"KEYSLOT <key>", "    Return the hash slot for <key>.",
	"LINKS", "    Return information about all network links between this node and its peers.",
	"MYID", "    Return the node id.",
	"MYSHARDID", "    Return the node's shard id.",
	"NODES", "    Return cluster configuration seen by node. Output format:",
	"    <id> <ip:port@bus-port> <flags> <master> <pings> <pongs> <epoch> <link> <slot> ...",
	"REPLICAS <node-id>", "    Return <node-id> replicas.",
	"SHARDS", "    Return information about slot range mappings and the nodes associated with them.",
	"SLOTS", "    Return information about slots range mappings. Each range is made of:",
	"    start, end, master and replicas IP addresses, ports and ids",
}

// clusterChange refuses what the coordinator decides.
func clusterChange(_ *conn, args [][]byte, r *command.Reply) {
	r.Error("ERR CLUSTER " + strings.ToUpper(string(args[1])) + " is not supported: the cluster's coordinator places nodes, slots and copies. " +
		"Change spec.nodes or spec.replicationFactor of the KVCluster with kubectl, or use kvctl addnode, removenode and setreplica")
}

// shown answers a command with the topology in its encoding, which is kept under the
// command's name.
func shown(name string, encode func(*node.Topology, viewer, *command.Reply)) handler {
	return func(c *conn, _ [][]byte, r *command.Reply) {
		t := c.server.options.Cluster.Topology()
		if len(t.Ranges) == 0 {
			r.Error(errNoCluster)
			return
		}
		c.server.topology.get(t, name, c.port.viewer, r, encode)
	}
}

// CLUSTER SLOTS: of every run of slots only the leader. The nodes that hold the other
// copies lead other slots, and clients keep one role for a node.
func clusterSlots(t *node.Topology, v viewer, r *command.Reply) {
	r.Array(len(t.Ranges))
	for _, s := range t.Ranges {
		leader := &t.Nodes[s.Leader]
		r.Array(3)
		r.Int(int64(s.First))
		r.Int(int64(s.Last))
		r.Array(4)
		address := leader.For(v.audience)
		r.BulkString(address.Host)
		r.Int(int64(address.Port))
		r.BulkString(string(leader.ID))
		r.Map(0)
	}
}

// CLUSTER SHARDS: every node is a shard of its own.
func clusterShards(t *node.Topology, v viewer, r *command.Reply) {
	r.Array(len(t.Nodes))
	for i := range t.Nodes {
		n := &t.Nodes[i]
		ranges := slotsOf(t, i)
		r.Map(2)
		r.BulkString("slots")
		r.Array(2 * len(ranges))
		for _, s := range ranges {
			r.Int(int64(s.First))
			r.Int(int64(s.Last))
		}
		r.BulkString("nodes")
		r.Array(1)
		host, ports := n.For(v.audience).Host, portsOf(n, v)
		r.Map(6 + len(ports))
		for _, f := range [][2]string{{"id", string(n.ID)}, {"endpoint", host}, {"ip", host}, {"role", "master"}, {"health", "online"}} {
			r.BulkString(f[0])
			r.BulkString(f[1])
		}
		for _, p := range ports {
			r.BulkString(p.name)
			r.Int(int64(p.value))
		}
		r.BulkString("replication-offset")
		r.Int(int64(t.Epoch))
	}
}

// portsOf returns the ports of a node as CLUSTER SHARDS names them: inside there may be
// one with TLS and one without, outside there is one.
func portsOf(n *node.Endpoint, v viewer) []field {
	if v.audience == command.Outside {
		name := "port"
		if v.tls {
			name = "tls-port"
		}
		return []field{{name, n.For(v.audience).Port}}
	}
	ports := []field{{"port", n.At[command.Inside].Port}}
	if secure := n.At[command.InsideTLS].Port; secure != 0 {
		ports = append(ports, field{"tls-port", secure})
	}
	return ports
}

// CLUSTER NODES: every node is a master, and the one that answers is myself, even if
// it leads nothing.
func clusterNodes(t *node.Topology, v viewer, r *command.Reply) {
	var b strings.Builder
	for i := range t.Nodes {
		n := &t.Nodes[i]
		flags := "master"
		if i == t.Self {
			flags = "myself,master"
		}
		address := n.For(v.audience)
		fmt.Fprintf(&b, "%s %s:%d@%d %s - 0 0 %d connected", n.ID, address.Host, address.Port, n.PeerPort, flags, t.Epoch)
		for _, s := range slotsOf(t, i) {
			b.WriteString(" " + strconv.Itoa(int(s.First)))
			if s.Last != s.First {
				b.WriteString("-" + strconv.Itoa(int(s.Last)))
			}
		}
		b.WriteString("\n")
	}
	r.Verbatim(b.String())
}

func slotsOf(t *node.Topology, leader int) []node.SlotRange {
	var out []node.SlotRange
	for _, s := range t.Ranges {
		if s.Leader == leader {
			out = append(out, s)
		}
	}
	return out
}

// CLUSTER INFO
func clusterInfo(c *conn, _ [][]byte, r *command.Reply) {
	t, health := c.server.options.Cluster.Topology(), c.server.options.Cluster.SlotHealth()
	state, assigned := "ok", ring.Slots
	if len(t.Ranges) == 0 {
		assigned = 0
	}
	if assigned == 0 || health.Failed > 0 {
		state = "fail"
	}
	leaders := map[int]bool{}
	for _, s := range t.Ranges {
		leaders[s.Leader] = true
	}
	var b strings.Builder
	for _, f := range []InfoField{
		{"cluster_state", state},
		number("cluster_slots_assigned", assigned),
		number("cluster_slots_ok", health.OK),
		number("cluster_slots_pfail", health.Suspected),
		number("cluster_slots_fail", health.Failed),
		number("cluster_known_nodes", len(t.Nodes)),
		number("cluster_size", len(leaders)),
		number("cluster_current_epoch", t.Epoch),
		number("cluster_my_epoch", t.Epoch),
	} {
		b.WriteString(f.Name + ":" + f.Value + "\r\n")
	}
	r.Verbatim(b.String())
}

// CLUSTER MYID and CLUSTER MYSHARDID
func clusterMyID(c *conn, _ [][]byte, r *command.Reply) {
	t := c.server.options.Cluster.Topology()
	r.BulkString(string(t.Nodes[t.Self].ID))
}

// CLUSTER KEYSLOT key
func clusterKeySlot(_ *conn, args [][]byte, r *command.Reply) { r.Int(int64(ring.Slot(args[2]))) }

// CLUSTER REPLICAS node-id. What a Redis replica is, a whole node that follows another
// one, does not exist here.
func clusterReplicas(c *conn, args [][]byte, r *command.Reply) {
	if knownNode(c, args[2], r) {
		r.Array(0)
	}
}

// CLUSTER COUNT-FAILURE-REPORTS node-id. Nodes do not vote on each other's failures.
func clusterFailureReports(c *conn, args [][]byte, r *command.Reply) {
	if knownNode(c, args[2], r) {
		r.Int(0)
	}
}

func knownNode(c *conn, id []byte, r *command.Reply) bool {
	for _, n := range c.server.options.Cluster.Topology().Nodes {
		if string(n.ID) == string(id) {
			return true
		}
	}
	r.Error("ERR Unknown node " + string(id))
	return false
}

// CLUSTER LINKS
func clusterLinks(c *conn, _ [][]byte, r *command.Reply) {
	links := c.server.options.Cluster.Links()
	r.Array(len(links))
	for _, l := range links {
		direction, events := "from", "r"
		if l.Outgoing {
			direction, events = "to", "rw"
		}
		r.Map(6)
		for _, f := range [][2]string{{"direction", direction}, {"node", string(l.Peer)}} {
			r.BulkString(f[0])
			r.BulkString(f[1])
		}
		r.BulkString("create-time")
		r.Int(l.Since.UnixMilli())
		r.BulkString("events")
		r.BulkString(events)
		for _, name := range []string{"send-buffer-allocated", "send-buffer-used"} {
			r.BulkString(name)
			r.Int(int64(l.QueuedBytes))
		}
	}
}
