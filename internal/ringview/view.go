// Package ringview draws the hash ring of a cluster: the virtual nodes of every
// node, who holds and leads each partition, and how the keys are spread.
package ringview

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/ringkv/ringkv/internal/kv/ring"
	"github.com/ringkv/ringkv/internal/target"
)

// View is what there is to draw.
type View struct {
	Title      string      `json:"cluster"`
	Copies     int         `json:"replicationFactor"`
	Keys       uint64      `json:"keys"`  // each counted once
	Bytes      uint64      `json:"bytes"` // of keys and values, each counted once
	Nodes      []Node      `json:"nodes"`
	Partitions []Partition `json:"partitions"`
}

// Node is one node on the ring.
type Node struct {
	Name  string `json:"name"`
	State string `json:"state"`
	Zone  string `json:"zone,omitempty"`
	// Points are its virtual nodes, as parts of the whole ring from 0 to 1.
	Points []float64 `json:"-"`
	// VirtualNodes is their number, Owns the part of the ring that lies before
	// them: what it would lead if there were nothing to balance.
	VirtualNodes int     `json:"virtualNodes"`
	Owns         float64 `json:"owns"`
	Leads        int     `json:"leads"`  // partitions
	Copies       int     `json:"copies"` // of partitions
	LedKeys      uint64  `json:"ledKeys"`
	Keys         uint64  `json:"keys"` // in all its copies
	Bytes        uint64  `json:"bytes"`
}

// Partition is an arc of the ring.
type Partition struct {
	ID        int    `json:"id"`
	FirstSlot int    `json:"firstSlot"`
	LastSlot  int    `json:"lastSlot"`
	Leader    string `json:"leader,omitempty"`
	// Copies are the nodes that hold it, the leader first.
	Copies []string `json:"copies"`
	Keys   uint64   `json:"keys"`
	Bytes  uint64   `json:"bytes"`
}

// Of makes the view of an observation.
func Of(o *target.Observation) *View {
	s := o.Summarize()
	v := &View{Title: o.Name, Copies: s.ReplicationFactor, Keys: s.Keys, Bytes: s.Bytes}
	for _, n := range s.Nodes {
		v.Nodes = append(v.Nodes, Node{
			Name: n.Name, State: n.State, Zone: n.Zone, Leads: n.Leaders, Copies: n.Replicas, Keys: n.Keys, Bytes: n.Bytes,
		})
	}
	partitions := o.Partitions()
	for _, p := range partitions {
		v.addPartition(&p, len(partitions))
	}
	v.addPoints(o)
	return v
}

func (v *View) addPartition(p *target.Partition, partitions int) {
	slots := ring.Slots / partitions
	out := Partition{ID: int(p.ID), FirstSlot: int(p.ID) * slots, LastSlot: int(p.ID+1)*slots - 1, Keys: p.Keys, Bytes: p.Bytes}
	for _, c := range p.Copies {
		if !c.Learner {
			out.Copies = append(out.Copies, c.Node)
		}
	}
	if p.Leader != nil {
		out.Leader = p.Leader.Name
		slices.SortStableFunc(out.Copies, func(a, b string) int { return -cmp.Compare(first(a == out.Leader), first(b == out.Leader)) })
		if n := v.node(out.Leader); n != nil {
			n.LedKeys += p.Keys
		}
	}
	v.Partitions = append(v.Partitions, out)
}

func first(is bool) int {
	if is {
		return 1
	}
	return 0
}

func (v *View) node(name string) *Node {
	for i := range v.Nodes {
		if v.Nodes[i].Name == name {
			return &v.Nodes[i]
		}
	}
	return nil
}

// addPoints fills in the virtual nodes, if the map is known.
func (v *View) addPoints(o *target.Observation) {
	if o.Record == nil || o.Record.Map == nil {
		return
	}
	m := o.Record.Map
	var members []ring.Member
	for _, member := range m.Members {
		members = append(members, ring.Member{ID: string(member.ID), Zone: member.Zone})
	}
	r := ring.New(members, m.VirtualNodes)
	const whole = 1 << 64
	type point struct {
		at   uint64
		node *Node
	}
	var all []point
	for _, member := range m.Members {
		n := v.node(o.NameOf(member.ID))
		if n == nil {
			continue
		}
		for _, at := range r.Points(string(member.ID)) {
			n.Points = append(n.Points, float64(at)/whole)
			all = append(all, point{at, n})
		}
		n.VirtualNodes = len(n.Points)
	}
	slices.SortFunc(all, func(a, b point) int { return cmp.Compare(a.at, b.at) })
	for i, p := range all {
		before := all[(i+len(all)-1)%len(all)].at
		p.node.Owns += float64(p.at-before) / whole // wraps around as the ring does
	}
	if len(all) == 1 {
		all[0].node.Owns = 1
	}
}

// nodeColor is the colour of node i of n as hue, in degrees; saturation and
// lightness are the drawer's choice.
func nodeColor(i, n int) float64 { return 360*float64(i)/float64(max(n, 1)) + 210 }

func hsl(hue float64, saturation, lightness int) string {
	return fmt.Sprintf("hsl(%.0f,%d%%,%d%%)", hue-360*float64(int(hue/360)), saturation, lightness)
}
