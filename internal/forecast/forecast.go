// Package forecast says what a change of size or of copies would bring to a
// cluster, before anybody asks for it: it gives the coordinator's own plan an
// observation and a wish.
package forecast

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/coordinator"
	"github.com/ringkv/ringkv/internal/kv/ring"
	"github.com/ringkv/ringkv/internal/target"
)

// Wish is what is asked for. The zero value asks for what is wanted already.
type Wish struct {
	Nodes             int      // how many there should be; 0 leaves it
	Add, Remove       []string // nodes by name; without Nodes
	ReplicationFactor int      // 0 leaves it
}

// Forecast is what a wish would bring.
type Forecast struct {
	NodesBefore  int            `json:"nodesBefore"`
	NodesAfter   int            `json:"nodesAfter"`
	CopiesBefore int            `json:"copiesBefore"` // of every key
	CopiesAfter  int            `json:"copiesAfter"`
	Moves        int            `json:"moves"` // copies of partitions to be made
	Bytes        uint64         `json:"bytes"` // of keys and values in them
	ByCause      map[string]int `json:"byCause,omitempty"`
	// Dropped are copies that would be too many, and are deleted at the end.
	Dropped int `json:"dropped"`
	// Refused says why it would not be done. Then there is nothing else to tell.
	Refused []string `json:"refused,omitempty"`
	Nodes   []Node   `json:"nodes"`
	// Moved are the partitions that get a copy elsewhere, if no leader changes on the
	// way.
	Moved []Move `json:"moved,omitempty"`
	// Example: new nodes have no identity yet, so which partitions they get is an
	// example; how many is not.
	Example bool `json:"example,omitempty"`
}

// Node is one node before and after.
type Node struct {
	Name         string `json:"name"`
	New          bool   `json:"new,omitempty"`
	Leaves       bool   `json:"leaves,omitempty"`
	CopiesBefore int    `json:"copiesBefore"` // of partitions
	CopiesAfter  int    `json:"copiesAfter"`
	KeysBefore   uint64 `json:"keysBefore"`
	KeysAfter    uint64 `json:"keysAfter"`
	BytesBefore  uint64 `json:"bytesBefore"` // of keys and values
	BytesAfter   uint64 `json:"bytesAfter"`
	Incoming     uint64 `json:"incoming"` // bytes that it would receive
	DiskFree     uint64 `json:"diskFree"` // now; 0 if not known
	DiskTotal    uint64 `json:"diskTotal"`
}

// Move is one copy of a partition to be made.
type Move struct {
	Partition int    `json:"partition"`
	To        string `json:"to"`
	Keys      uint64 `json:"keys"`
	Bytes     uint64 `json:"bytes"`
}

// Make works out what the wish would bring to the target's cluster as it was
// observed.
func Make(t target.Target, o *target.Observation, w Wish) (*Forecast, error) {
	seats, err := wishedSeats(t, o, w)
	if err != nil {
		return nil, err
	}
	in := coordinator.Input{Record: o.Record, Now: o.At, Spec: spec(o, w), Observation: coordinator.Observation{}}
	for _, s := range seats {
		in.Spec.Seats = append(in.Spec.Seats, s.seat)
		in.Observation[s.seat.Name] = s.answer
		if s.answer.At.After(in.Now) {
			in.Now = s.answer.At
		}
	}
	if o.Record == nil {
		return nil, fmt.Errorf("the coordinator's record is not known: %w", errors.Join(o.RecordErr, errNoRecord))
	}
	preview, err := coordinator.Preview(in)
	if err != nil {
		return nil, err
	}
	return assemble(o, seats, in.Spec, &preview), nil
}

var errNoRecord = errors.New("without it nothing can be worked out")

// spec is the wish in the coordinator's words. What is not wished stays.
func spec(o *target.Observation, w Wish) coordinator.Spec {
	s := coordinator.Spec{
		ReplicationFactor: o.Wanted.ReplicationFactor, Partitions: o.Wanted.Partitions, VirtualNodes: o.Wanted.VirtualNodes,
	}
	if w.ReplicationFactor > 0 {
		s.ReplicationFactor = w.ReplicationFactor
	}
	if o.Record != nil && o.Record.Map != nil {
		s.Settings = o.Record.Map.Settings
	}
	return s
}

// wishedSeat is a node as it is, or as it would answer before it has joined.
type wishedSeat struct {
	seat   coordinator.Seat
	answer coordinator.Answer
	isNew  bool
}

// wishedSeats are the seats of now and those to be added, wanted or not as the wish
// says.
func wishedSeats(t target.Target, o *target.Observation, w Wish) ([]wishedSeat, error) {
	var seats []wishedSeat
	leaving := map[string]bool{}
	for i := range o.Nodes {
		leaving[o.Nodes[i].Name] = o.Nodes[i].Leaving
	}
	for _, name := range w.Remove {
		if o.Node(name) == nil {
			return nil, fmt.Errorf("there is no node %s", name)
		}
		leaving[name] = true
	}
	// Names are given and taken as the target would, one by one.
	after := &target.Observation{Nodes: slices.Clone(o.Nodes)}
	add := w.Add
	if w.Nodes > 0 {
		for n := staying(after); n < w.Nodes; n++ {
			name := t.NextName(after)
			after.Nodes = append(after.Nodes, target.Node{Name: name})
			add = append(add, name)
		}
		for n := staying(after); n > w.Nodes; n-- {
			name := t.LastToGo(after)
			after.Node(name).Leaving = true
			leaving[name] = true
		}
	}
	for i := range o.Nodes {
		n := &o.Nodes[i]
		seats = append(seats, wishedSeat{
			seat:   coordinator.Seat{Name: n.Name, PeerAddress: n.Addresses[target.Peer], Zone: n.Zone, Wanted: !leaving[n.Name]},
			answer: coordinator.Answer{Status: n.Status, Err: n.Err, At: n.Asked},
		})
	}
	for _, name := range add {
		if o.Node(name) != nil {
			return nil, fmt.Errorf("there is a node %s already", name)
		}
		seats = append(seats, wishedSeat{
			seat:   coordinator.Seat{Name: name, Wanted: true},
			answer: coordinator.Answer{At: o.At, Status: &cluster.NodeStatus{Node: cluster.NewNodeID(), Name: name}},
			isNew:  true,
		})
	}
	return seats, nil
}

// staying is how many nodes are not on their way out.
func staying(o *target.Observation) (n int) {
	for i := range o.Nodes {
		if !o.Nodes[i].Leaving {
			n++
		}
	}
	return n
}

// assemble adds up by node what the coordinator would do.
func assemble(o *target.Observation, seats []wishedSeat, s coordinator.Spec, p *coordinator.Forecast) *Forecast {
	f := &Forecast{
		NodesBefore: staying(o), CopiesBefore: o.ReplicationFactor(), CopiesAfter: s.ReplicationFactor,
		Moves: p.Decision.Remaining.Moves, Bytes: p.Decision.Remaining.Bytes, Dropped: ring.Moves(p.After, p.Before),
		ByCause: map[string]int{},
	}
	for cause, n := range p.Decision.Remaining.ByCause {
		f.ByCause[string(cause)] = n
	}
	for _, b := range p.Decision.Blocked {
		f.Refused = append(f.Refused, fmt.Sprintf("%s: %s", b.Reason, b.Message))
	}
	index := map[string]int{} // of nodes by ID
	for _, s := range seats {
		n := Node{Name: s.seat.Name, New: s.isNew, Leaves: !s.seat.Wanted}
		f.Example = f.Example || s.isNew
		if s.seat.Wanted {
			f.NodesAfter++
		}
		if status := s.answer.Status; status != nil {
			index[string(status.Node)] = len(f.Nodes)
			n.DiskFree, n.DiskTotal = status.DiskFree, status.DiskTotal
		}
		f.Nodes = append(f.Nodes, n)
	}
	for partition := range p.Before {
		keys, bytes := p.Keys[partition], p.Bytes[partition]
		for _, id := range p.Before[partition] {
			if i, known := index[id]; known {
				n := &f.Nodes[i]
				n.CopiesBefore, n.KeysBefore, n.BytesBefore = n.CopiesBefore+1, n.KeysBefore+keys, n.BytesBefore+bytes
			}
		}
		for _, id := range p.After[partition] {
			i, known := index[id]
			if !known {
				continue
			}
			n := &f.Nodes[i]
			n.CopiesAfter, n.KeysAfter, n.BytesAfter = n.CopiesAfter+1, n.KeysAfter+keys, n.BytesAfter+bytes
			if !slices.Contains(p.Before[partition], id) {
				n.Incoming += bytes
				f.Moved = append(f.Moved, Move{Partition: partition, To: n.Name, Keys: keys, Bytes: bytes})
			}
		}
	}
	return f
}
