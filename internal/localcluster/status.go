package localcluster

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/coordinator"
)

// Status is how the cluster is right now.
type Status struct {
	ClusterID         string `json:"clusterID"` // empty before the first map
	ReplicationFactor int    `json:"replicationFactor"`
	Partitions        int    `json:"partitions"`
	VirtualNodes      int    `json:"virtualNodes"`
	// Available means that every partition has a leader, and that every running
	// node knows it.
	Available bool `json:"available"`
	// Settled means that all is as wanted: members, copies, places.
	Settled bool `json:"settled"`
	// ObservedAt is when the coordinator last began to look.
	ObservedAt time.Time `json:"observedAt"`
	// Moves are copies to be made since there were none to make.
	MovesDone  int      `json:"movesDone"`
	MovesTotal int      `json:"movesTotal"`
	BytesDone  uint64   `json:"bytesDone"` // of keys and values
	BytesTotal uint64   `json:"bytesTotal"`
	ETASeconds int      `json:"etaSeconds,omitempty"`
	Notes      []string `json:"notes,omitempty"`   // what the coordinator does and waits for
	Blocked    []string `json:"blocked,omitempty"` // what stands in its way
	Keys       uint64   `json:"keys"`              // each counted once
	Nodes      []Node   `json:"nodes"`             // in the order in which they were added
}

// Ready means that all is there and all is as wanted.
func (s Status) Ready() bool { return s.Available && s.Settled }

// Node returns the node of that name, or nil.
func (s Status) Node(name string) *Node {
	for i := range s.Nodes {
		if s.Nodes[i].Name == name {
			return &s.Nodes[i]
		}
	}
	return nil
}

// Node is one node of a Status.
type Node struct {
	Name string `json:"name"`
	Addresses
	// ClusterTLS and Outside are empty unless the node has those ports.
	ClusterTLS string `json:"clusterTLS,omitempty"`
	Outside    string `json:"outside,omitempty"`
	ProcessState
	ID      cluster.NodeID `json:"id,omitempty"` // empty if the node does not answer
	Zone    string         `json:"zone,omitempty"`
	Up      bool           `json:"up"` // it answers
	Problem string         `json:"problem,omitempty"`
	Leaving bool           `json:"leaving,omitempty"`

	Leaders  int    `json:"leaders"`  // partitions that it leads
	Replicas int    `json:"replicas"` // partitions that it has a copy of
	Keys     uint64 `json:"keys"`     // in all its copies
	Bytes    uint64 `json:"bytes"`    // of keys and values in them
	LogBytes uint64 `json:"logBytes"` // of its log on disk
	// Copies are the keys in each of its copies, by partition.
	Copies map[uint32]uint64 `json:"-"`
}

// statusTimeout bounds the questions behind one Status. A local node answers in
// milliseconds, or it is in trouble.
const statusTimeout = 2 * time.Second

// Status asks all nodes. A node that does not answer within two seconds is not
// up.
func (c *Cluster) Status(ctx context.Context) Status {
	c.mu.Lock()
	w, last, changes := c.wish, c.pass, c.changes
	nodes := make([]Node, len(w.Seats))
	for i, seat := range w.Seats {
		nodes[i] = Node{
			Name:      seat.Name,
			Addresses: addressesFrom(seat.first(c.options.Port)),
			Zone:      seat.Zone,
			Leaving:   seat.Leaving,
		}
		// Which of these it serves, the node says itself.
		nodes[i].HTTP, nodes[i].Cluster = "", ""
		if seat.Peer != "" {
			nodes[i].Addresses = Addresses{Peer: seat.Peer}
		}
		if p := c.processes[seat.Name]; p != nil {
			nodes[i].ProcessState = p.State()
		}
	}
	c.mu.Unlock()

	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	answers := make([]answer, len(nodes))
	var all sync.WaitGroup
	for i := range nodes {
		all.Go(func() { answers[i] = c.ask(ctx, &nodes[i]) })
	}
	all.Wait()

	s := Status{ReplicationFactor: w.ReplicationFactor, Partitions: w.Partitions, VirtualNodes: w.VirtualNodes, Nodes: nodes}
	s.describe(last.result)
	// A pass about an earlier wish says nothing about this one.
	// Nor is all as wanted while a node that is to leave still has its seat.
	s.Settled = last.result != nil && last.result.Converged && last.changes == changes && w.staying() == len(w.Seats)
	s.Available = s.Available && !slices.ContainsFunc(answers, func(a answer) bool { return !a.ready })
	if last.err != nil {
		s.Blocked = append(s.Blocked, last.err.Error())
	}
	s.count(answers)
	return s
}

// describe fills in what the coordinator found; r is nil before its first pass.
func (s *Status) describe(r *coordinator.Result) {
	if r == nil {
		return
	}
	s.ObservedAt = r.At
	s.Available = r.Health.AllAvailable()
	s.MovesDone, s.MovesTotal = r.Progress.MovesDone, r.Progress.MovesTotal
	s.BytesDone, s.BytesTotal = r.Progress.BytesDone, r.Progress.BytesTotal
	s.ETASeconds = int(r.Progress.ETA.Seconds())
	s.Notes = r.Notes
	for _, b := range r.Blocked {
		s.Blocked = append(s.Blocked, fmt.Sprintf("%s: %s", b.Reason, b.Message))
	}
}

// answer is what a node said about itself.
type answer struct {
	status *cluster.NodeStatus // nil if it did not answer
	ready  bool
}

// ask fills in what the node reports.
func (c *Cluster) ask(ctx context.Context, n *Node) answer {
	status, err := c.client(n.Peer).Status(ctx)
	if err != nil {
		n.Problem = err.Error()
		return answer{}
	}
	n.ID, n.Up, n.Bytes, n.LogBytes = status.Node, true, 0, status.LogBytes
	n.RESP = cmp.Or(n.RESP, status.RESPAddress)
	n.HTTP, n.Cluster = status.HTTPAddress, status.ClusterAddress
	n.ClusterTLS, n.Outside = status.ClusterTLSAddress, status.OutsideAddress
	if status.Zone != "" {
		n.Zone = status.Zone
	}
	n.Copies = make(map[uint32]uint64)
	for _, r := range status.Replicas {
		n.Replicas++
		n.Keys += r.Keys
		n.Bytes += r.Bytes
		n.Copies[r.Partition] = r.Keys
		if r.Role == cluster.RoleLeader {
			n.Leaders++
		}
	}
	reason := ""
	if n.Metrics != "" { // nobody promises that an external node's port is open to us
		reason = notReady(ctx, n.Metrics)
	}
	n.Metrics = cmp.Or(n.Metrics, status.MetricsAddress)
	if n.Problem = reason; reason == "" && len(status.Problems) > 0 {
		n.Problem = status.Problems[0]
	}
	return answer{status: status, ready: reason == ""}
}

// notReady asks a node whether it can serve, and returns why not; empty if it
// can.
func notReady(ctx context.Context, address string) string {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", nil)
	if err != nil {
		return err.Error()
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		return ""
	}
	reason, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	if err != nil || len(reason) == 0 {
		return response.Status
	}
	return strings.TrimSpace(string(reason))
}

// count adds up the keys, each counted at its leader. While a leader changes,
// two nodes can claim the same partition: the later term counts.
func (s *Status) count(answers []answer) {
	type led struct{ term, keys uint64 }
	leaders := make(map[uint32]led)
	for _, a := range answers {
		if a.status == nil {
			continue
		}
		s.ClusterID = cmp.Or(s.ClusterID, a.status.ClusterID)
		for _, r := range a.status.Replicas {
			if r.Role == cluster.RoleLeader && r.Term >= leaders[r.Partition].term {
				leaders[r.Partition] = led{r.Term, r.Keys}
			}
		}
	}
	for _, l := range leaders {
		s.Keys += l.keys
	}
}

// WaitFor polls the status until the condition holds or ctx ends; it returns the
// last one either way.
func (c *Cluster) WaitFor(ctx context.Context, condition func(*Status) bool) (Status, error) {
	for {
		s := c.Status(ctx)
		if condition(&s) && ctx.Err() == nil {
			return s, nil
		}
		select {
		case <-ctx.Done():
			return s, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}
