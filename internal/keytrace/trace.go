// Package keytrace reads and writes single keys and says what became of them on
// every node that has a copy: what a person wants to see of replication. All it
// says is what nodes said.
package keytrace

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/ring"
	"github.com/ringkv/ringkv/internal/target"
)

// Trace is one key and the nodes that have a copy of it.
type Trace struct {
	Key       string `json:"key"`
	Slot      uint16 `json:"slot"`
	Partition uint32 `json:"partition"`
	Leader    string `json:"leader,omitempty"` // the node that leads the partition; empty if nobody is known to
	// Copies are in the ring's order of preference.
	Copies []Copy `json:"copies"`
	// Down are the nodes that should have been asked before the one that was, and
	// did not answer.
	Down []Down `json:"down,omitempty"`
	// Asked is the node that took the command.
	Asked string `json:"asked,omitempty"`

	t      target.Target
	others []string // nodes that answer and have no copy: any node serves any key
}

// Down is a node that could not be asked.
type Down struct {
	Node   string `json:"node"`
	Reason string `json:"reason"`
}

// Copy is what one node holds of the key.
type Copy struct {
	Node string `json:"node"`
	// Status is what the node says of the key; nil, with the reason in Problem, if
	// it says nothing.
	Status  *cluster.KeyStatus `json:"status,omitempty"`
	Problem string             `json:"problem,omitempty"`

	learner bool
}

// Locate finds out who has a copy of key.
func Locate(ctx context.Context, t target.Target, key string) (*Trace, error) {
	o, err := t.Observe(ctx)
	if err != nil {
		return nil, err
	}
	partitions := o.Partitions()
	if len(partitions) == 0 {
		return nil, fmt.Errorf("%w: %s has no map yet", target.ErrUnreachable, o.Name)
	}
	slot := ring.Slot([]byte(key))
	tr := &Trace{Key: key, Slot: slot, Partition: ring.Partition(slot, len(partitions)), t: t}
	p := &partitions[tr.Partition]
	if p.Leader != nil {
		tr.Leader = p.Leader.Name
	}
	for _, c := range p.Copies {
		tr.Copies = append(tr.Copies, Copy{Node: c.Node, learner: c.Learner})
	}
	tr.sort(o, len(partitions))
	for _, n := range o.Nodes {
		if n.Up() && tr.copy(n.Name) == nil {
			tr.others = append(tr.others, n.Name)
		}
	}
	return tr, nil
}

// sort puts the copies into the ring's order of preference, which is the order in
// which the ring would choose the nodes if there were nothing to balance.
func (tr *Trace) sort(o *target.Observation, partitions int) {
	if o.Record == nil || o.Record.Map == nil {
		return
	}
	var members []ring.Member
	for _, m := range o.Record.Map.Members {
		members = append(members, ring.Member{ID: string(m.ID), Zone: m.Zone})
	}
	rank := map[string]int{}
	for i, id := range ring.New(members, o.Record.Map.VirtualNodes).Preference(int(tr.Partition), partitions) {
		rank[o.NameOf(cluster.NodeID(id))] = i
	}
	slices.SortStableFunc(tr.Copies, func(a, b Copy) int { return rank[a.Node] - rank[b.Node] })
}

func (tr *Trace) copy(node string) *Copy {
	for i := range tr.Copies {
		if tr.Copies[i].Node == node {
			return &tr.Copies[i]
		}
	}
	return nil
}

// candidates are the nodes to ask for a command, in order: those with a copy, then
// the others.
func (tr *Trace) candidates(leaderFirst bool) []string {
	var names []string
	if leaderFirst && tr.Leader != "" {
		names = append(names, tr.Leader)
	}
	for _, c := range tr.Copies {
		if !slices.Contains(names, c.Node) {
			names = append(names, c.Node)
		}
	}
	return append(names, tr.others...)
}

// inspect asks every copy's node what it holds of the key.
func (tr *Trace) inspect(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var all sync.WaitGroup
	for i := range tr.Copies {
		c := &tr.Copies[i]
		all.Go(func() {
			c.Status, c.Problem = nil, ""
			admin, free, err := target.AdminOf(ctx, tr.t, c.Node)
			if err == nil {
				defer free()
				c.Status, err = admin.Key(ctx, []byte(tr.Key))
			}
			if err != nil {
				c.Problem = target.Plain(err).Error()
			}
		})
	}
	all.Wait()
	for _, c := range tr.Copies {
		if c.Status != nil && c.Status.Role == cluster.RoleLeader {
			tr.Leader = c.Node
		}
	}
}
