package target

import (
	"cmp"
	"slices"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// Summary is the figures of an Observation, as commands print them in JSON and
// YAML: fields may be added, never renamed or given another meaning.
type Summary struct {
	Cluster           string    `json:"cluster"`
	ClusterID         string    `json:"clusterID"` // empty before the first map
	NodesWanted       int       `json:"nodesWanted"`
	ReplicationFactor int       `json:"replicationFactor"` // in force
	CopiesWanted      int       `json:"copiesWanted"`      // the replication factor asked for
	Partitions        int       `json:"partitions"`
	VirtualNodes      int       `json:"virtualNodes"`
	Epoch             uint64    `json:"epoch"`
	Available         bool      `json:"available"`
	Settled           bool      `json:"settled"`
	ObservedAt        time.Time `json:"observedAt"`
	MovesDone         int       `json:"movesDone"`
	MovesTotal        int       `json:"movesTotal"`
	BytesDone         uint64    `json:"bytesDone"`
	BytesTotal        uint64    `json:"bytesTotal"`
	ETASeconds        int       `json:"etaSeconds,omitempty"`
	Notes             []string  `json:"notes,omitempty"`
	Blocked           []string  `json:"blocked,omitempty"`
	Stale             string    `json:"stale,omitempty"` // why the coordinator's part may be old

	Leaderless int    `json:"leaderless"` // partitions without a proven leader
	Incomplete int    `json:"incomplete"` // partitions with fewer good copies than wanted
	Keys       uint64 `json:"keys"`       // each counted once
	Bytes      uint64 `json:"bytes"`      // of keys and values, each counted once
	Lag        int64  `json:"lag"`        // log entries that the furthest copy lacks

	Nodes []NodeSummary `json:"nodes"`
}

// NodeSummary is one node of a Summary.
type NodeSummary struct {
	Name    string         `json:"name"`
	State   string         `json:"state"` // UP, DOWN, LEAVING, NOT READY
	ID      cluster.NodeID `json:"id,omitempty"`
	Zone    string         `json:"zone,omitempty"`
	Up      bool           `json:"up"`
	Leaving bool           `json:"leaving,omitempty"`
	Problem string         `json:"problem,omitempty"`

	RESP        string `json:"resp,omitempty"`
	ClusterRESP string `json:"cluster,omitempty"`
	HTTP        string `json:"http,omitempty"`
	Peer        string `json:"peer,omitempty"`
	Metrics     string `json:"metrics,omitempty"`

	PID      int    `json:"pid,omitempty"`
	Restarts int    `json:"restarts"`
	LastExit string `json:"lastExit,omitempty"`
	Version  string `json:"version,omitempty"`

	Leaders     int    `json:"leaders"`
	Replicas    int    `json:"replicas"`
	Keys        uint64 `json:"keys"`  // in all its copies
	Bytes       uint64 `json:"bytes"` // of keys and values in them
	Lag         int64  `json:"lag"`   // log entries that its furthest copy lacks
	LogBytes    uint64 `json:"logBytes"`
	DiskFree    uint64 `json:"diskFree"`
	DiskTotal   uint64 `json:"diskTotal"`
	MemoryUsed  uint64 `json:"memoryUsed"`
	MemoryLimit uint64 `json:"memoryLimit,omitempty"`
}

// Summarize works the figures out.
func (o *Observation) Summarize() *Summary {
	s := &Summary{
		Cluster: o.Name, ClusterID: o.ClusterID(), NodesWanted: o.Wanted.Nodes,
		ReplicationFactor: o.ReplicationFactor(), CopiesWanted: o.Wanted.ReplicationFactor,
		Partitions: o.partitions(), VirtualNodes: o.Wanted.VirtualNodes,
		Available: o.Available, Settled: o.Settled, ObservedAt: o.At,
		MovesDone: o.Progress.MovesDone, MovesTotal: o.Progress.MovesTotal,
		BytesDone: o.Progress.BytesDone, BytesTotal: o.Progress.BytesTotal, ETASeconds: int(o.Progress.ETA.Seconds()),
		Notes: o.Notes, Blocked: o.Blocked, Stale: o.Stale,
	}
	if o.Record != nil && o.Record.Map != nil {
		s.Epoch = o.Record.Map.Epoch
	}
	for i := range o.Nodes {
		s.Nodes = append(s.Nodes, summarizeNode(&o.Nodes[i]))
	}
	for _, p := range o.Partitions() {
		s.add(&p)
	}
	return s
}

func (s *Summary) add(p *Partition) {
	s.Keys, s.Bytes = s.Keys+p.Keys, s.Bytes+p.Bytes
	if p.Leader == nil {
		s.Leaderless++
	}
	if p.Good() < min(s.ReplicationFactor, max(len(s.Nodes), 1)) {
		s.Incomplete++
	}
	for _, c := range p.Copies {
		if i := slices.IndexFunc(s.Nodes, func(n NodeSummary) bool { return n.Name == c.Node }); i >= 0 && s.Nodes[i].Up {
			s.Nodes[i].Lag = max(s.Nodes[i].Lag, c.Behind)
			s.Lag = max(s.Lag, c.Behind)
		}
	}
	if p.Leader != nil {
		for i := range s.Nodes {
			if s.Nodes[i].Name == p.Leader.Name {
				s.Nodes[i].Leaders++
			}
		}
	}
}

// Good is how many voters of the partition answer with a copy in order.
func (p *Partition) Good() (n int) {
	for _, c := range p.Copies {
		if c.Answers && !c.Learner && !c.Catching && c.Refused == "" {
			n++
		}
	}
	return n
}

func summarizeNode(n *Node) NodeSummary {
	s := NodeSummary{
		Name: n.Name, State: n.State(), Zone: n.Zone, Up: n.Up(), Leaving: n.Leaving, Problem: n.Problem(),
		RESP: n.Addresses[RESP], ClusterRESP: n.Addresses[ClusterRESP], HTTP: n.Addresses[HTTP],
		Peer: n.Addresses[Peer], Metrics: n.Addresses[Metrics],
		PID: n.PID, Restarts: n.Restarts, LastExit: n.LastExit,
	}
	if n.Status == nil {
		return s
	}
	s.ID, s.Zone, s.Version = n.Status.Node, cmp.Or(n.Zone, n.Status.Zone), n.Status.Version
	s.LogBytes, s.DiskFree, s.DiskTotal = n.Status.LogBytes, n.Status.DiskFree, n.Status.DiskTotal
	s.MemoryUsed, s.MemoryLimit = n.Status.MemoryUsed, n.Status.MemoryLimit
	for _, r := range n.Status.Replicas {
		s.Replicas++
		s.Keys += r.Keys
		s.Bytes += r.Bytes
	}
	return s
}

// State is one word for people.
func (n *Node) State() string {
	switch {
	case !n.Up():
		return "DOWN"
	case n.Leaving:
		return "LEAVING"
	case n.NotReady != "":
		return "NOT READY"
	default:
		return "UP"
	}
}

// Problem is what is wrong with the node, in a sentence; empty if nothing is known
// to be.
func (n *Node) Problem() string {
	switch {
	case n.Err != nil:
		return n.Err.Error()
	case n.NotReady != "":
		return n.NotReady
	case n.Status != nil && len(n.Status.Problems) > 0:
		return n.Status.Problems[0]
	}
	return ""
}
