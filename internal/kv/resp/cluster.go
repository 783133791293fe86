package resp

import (
	"net"
	"sync"

	"github.com/ringkv/ringkv/internal/kv/command"
	"github.com/ringkv/ringkv/internal/kv/node"
	"github.com/ringkv/ringkv/internal/kv/ring"
)

// Cluster is what cluster clients ask about: in production it is the node.
type Cluster interface {
	// Topology returns the same pointer until something has changed.
	Topology() *node.Topology
	SlotHealth() node.SlotHealth
	Links() []node.Link
	// Moved returns the error reply that sends a client to the node that leads a
	// slot, or "" if that is this node or not known for sure.
	Moved(slot uint16, a command.Audience) string
}

// ServeCluster is Serve for a listener of cluster clients: commands on keys that
// another node leads are answered with MOVED, and CLUSTER commands with the
// topology, both with the addresses for that audience. Options.Cluster is required.
func (s *Server) ServeCluster(l net.Listener, a command.Audience) error {
	return s.serve(l, port{cluster: true, viewer: viewer{audience: a}})
}

// port is what connections know of the listener on which they came in.
type port struct {
	cluster bool // it is for cluster clients
	viewer
}

// viewer is by whom the topology is looked at: replies differ in addresses and in what
// the ports are called.
type viewer struct {
	audience command.Audience
	tls      bool
}

const (
	errClusterDisabled = "ERR This instance has cluster support disabled"
	errNoCluster       = "CLUSTERDOWN this node is not part of a cluster yet"
)

// moved refuses to queue a command on a key that another node leads: clients look for
// that at the command, as in Redis, and not only at EXEC.
func (c *conn) moved(spec *command.Spec, args [][]byte, r *command.Reply) bool {
	first, last, _ := spec.KeyRange(args)
	if first > last {
		return false
	}
	message := c.server.options.Cluster.Moved(ring.Slot(args[first]), c.port.audience)
	if message != "" {
		r.Error(message)
	}
	return message != ""
}

// topologyReplies keeps the encoded replies that clients ask for again and again, as
// long as the topology that they were made from is current.
type topologyReplies struct {
	mu      sync.Mutex
	of      *node.Topology
	encoded map[replyKey][]byte
}

type replyKey struct {
	name   string
	proto  uint8
	viewer viewer
}

// get adds the reply of that name, encoding it only if it is not there yet.
func (t *topologyReplies) get(of *node.Topology, name string, v viewer, r *command.Reply, encode func(*node.Topology, viewer, *command.Reply)) {
	key := replyKey{name, r.Proto, v}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of != of {
		t.of, t.encoded = of, map[replyKey][]byte{}
	}
	reply, ok := t.encoded[key]
	if !ok {
		made := command.Reply{Proto: r.Proto}
		encode(of, v, &made)
		reply = made.Buf
		t.encoded[key] = reply
	}
	r.Buf = append(r.Buf, reply...)
}
