package localcluster

import (
	"fmt"
	"net"
	"regexp"
	"strconv"
)

// host is where all nodes listen. A local cluster has no access control, so it
// does not listen on the network.
const host = "127.0.0.1"

// The ports of a node, from its RESP port on. Nodes are portsPerNode apart.
const (
	respOffset = iota
	peerOffset
	metricsOffset
	httpOffset
	clusterOffset
	portsUsed    // of portsPerNode
	portsPerNode = 10
)

// MaxNodes is how many nodes a local cluster can have.
const MaxNodes = 100

// Addresses are where a node listens, as host:port.
type Addresses struct {
	RESP    string `json:"resp"`              // plain Redis clients: base + 10*slot
	Peer    string `json:"peer"`              // other nodes and the coordinator: + 1
	Metrics string `json:"metrics,omitempty"` // Prometheus and health: + 2
	HTTP    string `json:"http,omitempty"`    // HTTP and gRPC: + 3
	Cluster string `json:"cluster,omitempty"` // Redis cluster clients: + 4
}

// AddressesOf returns the addresses of the node in a slot (0, 1, 2, ...) of a
// cluster whose first port is base.
func AddressesOf(base, slot int) Addresses { return addressesFrom(firstPort(base, slot)) }

// addressesFrom returns the addresses of a node whose first port is first.
func addressesFrom(first int) Addresses {
	at := func(offset int) string { return net.JoinHostPort(host, strconv.Itoa(first+offset)) }
	return Addresses{
		RESP:    at(respOffset),
		Peer:    at(peerOffset),
		Metrics: at(metricsOffset),
		HTTP:    at(httpOffset),
		Cluster: at(clusterOffset),
	}
}

func firstPort(base, slot int) int { return base + portsPerNode*slot }

// checkPorts tells which port of a node is taken, if any, before its process
// finds out. first is the node's first port.
func checkPorts(first int, name string) error {
	for p := first; p < first+portsUsed; p++ {
		listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(p)))
		if err != nil {
			return fmt.Errorf("port %d of node %s is taken (%w): choose another", p, name, err)
		}
		listener.Close()
	}
	return nil
}

// FreePort returns a base port whose ports are all free for that many nodes at
// the moment.
func FreePort(nodes int) (int, error) {
	// Below the range that Linux takes for outgoing connections (32768), so that
	// none of them gets in the way later.
	const first, last = 17000, 32000
next:
	for base := first; base+portsPerNode*nodes < last; base += portsPerNode * MaxNodes / 10 {
		for slot := range nodes {
			if checkPorts(firstPort(base, slot), "") != nil {
				continue next
			}
		}
		return base, nil
	}
	return 0, fmt.Errorf("no %d free ports in a row between %d and %d", portsPerNode*nodes, first, last)
}

// nodeName is what a node may be called: it is the name of a folder and of a
// seat.
var nodeName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$`)

func checkName(name string) error {
	if !nodeName.MatchString(name) {
		return fmt.Errorf("node name %q: want lower-case letters, digits and dashes, such as n4", name)
	}
	return nil
}

// slotOf is the slot that a name asks for: n1 has slot 0, n2 slot 1, and so on.
// False for other names.
func slotOf(name string) (int, bool) {
	if len(name) < 2 || name[0] != 'n' || name[1] == '0' {
		return 0, false
	}
	n, err := strconv.Atoi(name[1:])
	return n - 1, err == nil && n >= 1 && n <= MaxNodes
}
