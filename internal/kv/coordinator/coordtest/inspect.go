package coordtest

import (
	"fmt"
	"slices"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// Placement returns, by partition of a cluster, the seats of the voters, the
// leader's first.
func (c *Cluster) Placement(clusterID string) [][]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out [][]string
	for _, g := range c.sortedGroups() {
		if g.key.clusterID != clusterID {
			continue
		}
		var seats []string
		for _, v := range g.config().Voters {
			seat := v.Node.Short()
			if r := g.find(v); r != nil {
				seat = r.node.name
			}
			if g.leader != nil && g.leader.id == v.ID {
				seats = slices.Insert(seats, 0, seat)
			} else {
				seats = append(seats, seat)
			}
		}
		out = append(out, seats)
	}
	return out
}

// Unsettled returns what keeps the cluster from being at rest with copies
// replicas of every partition on exactly the named seats; nil when it is.
func (c *Cluster) Unsettled(clusterID string, seats []string, copies int) (problems []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	bad := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	groups := 0
	for _, g := range c.sortedGroups() {
		if g.key.clusterID != clusterID {
			continue
		}
		groups++
		p, config := g.key.partition, g.config()
		if g.pending() || config.Joint() || len(config.Learners) > 0 || len(config.Voters) != copies {
			bad("partition %d: configuration %+v", p, *config)
		}
		if g.leader == nil {
			bad("partition %d: no leader", p)
		}
		for _, v := range config.Voters {
			r := g.find(v)
			if r == nil || !r.alive() || r.match < g.committed || !slices.Contains(seats, r.node.name) {
				bad("partition %d: replica %d is not in order", p, v.ID)
			}
		}
	}
	if groups == 0 {
		bad("no partitions")
	}
	for _, n := range c.nodes {
		for p, r := range n.replicas {
			if !isVoter(r.g.config(), r) {
				bad("%s holds replica %d of partition %d for nothing", n.name, r.id, p)
			}
		}
		if !slices.Contains(seats, n.name) {
			bad("%s is still there", n.name)
		}
	}
	return problems
}

// Lost returns the partitions whose acknowledged writes are on no sound copy.
func (c *Cluster) Lost() (partitions []uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, g := range c.sortedGroups() {
		if !slices.ContainsFunc(g.config().Voters, func(v cluster.Replica) bool { return g.sound(v) }) {
			partitions = append(partitions, g.key.partition)
		}
	}
	return partitions
}
