package coordtest

import (
	"fmt"
	"slices"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/coordinator"
)

// Violations returns what was done to the cluster that must never be done,
// besides what nodes themselves refuse: a replica deleted that its group counts
// on, a good copy given up while another is missing, a worse spread of zones
// than before, a group led by one that lacks acknowledged writes.
func (c *Cluster) Violations() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.violations)
}

func (c *Cluster) violate(format string, args ...any) {
	c.violations = append(c.violations, fmt.Sprintf(format, args...))
}

// newestMap returns the newest map that any node has of the group's cluster.
func (c *Cluster) newestMap(g *group) (m *cluster.Map) {
	for _, n := range c.nodes {
		if n.m != nil && n.m.ClusterID == g.key.clusterID && (m == nil || n.m.Revision > m.Revision) {
			m = n.m
		}
	}
	return m
}

// sound tells whether the replica is a copy with all that is committed, save
// what counts as on its way, whether its node runs or not.
func (g *group) sound(name cluster.Replica) bool {
	r := g.find(name)
	return r != nil && r.state == cluster.ReplicaRunning && r.match+coordinator.DefaultCatchUpLag >= g.committed
}

// judgeChange holds a change of membership against I4: the number of sound
// copies and the spread over zones do not drop below what they were and what the
// newest map asks for.
func (c *Cluster) judgeChange(g *group, before, after *cluster.Config) {
	m := c.newestMap(g)
	active, zones := 0, map[string]bool{}
	for _, member := range m.Members {
		if member.State == cluster.MemberActive {
			active++
			zones[member.Zone] = true
		}
	}
	rf := min(m.ReplicationFactor, active)
	had, has := g.soundVoters(before), g.soundVoters(after)
	if has < min(had, rf) {
		c.violate("partition %d: %d sound copies after a change, %d before, replication factor %d", g.key.partition, has, had, rf)
	}
	zoneOf := func(list []cluster.Replica) map[string]bool {
		out := map[string]bool{}
		for _, r := range list {
			if g.sound(r) {
				out[g.find(r).node.zone] = true
			}
		}
		return out
	}
	if has, had := len(zoneOf(after.Voters)), len(zoneOf(before.Voters)); has < min(had, rf, len(zones)) {
		c.violate("partition %d: copies in %d zones after a change, %d before", g.key.partition, has, had)
	}
}

func (g *group) soundVoters(c *cluster.Config) (n int) {
	for _, r := range c.Voters {
		if g.sound(r) {
			n++
		}
	}
	return n
}

// judgeRemoval holds the deletion of a replica against I3.
func (c *Cluster) judgeRemoval(r *replica) {
	g := r.g
	for i, config := range g.history[g.applied:] {
		// Two coordinators can disagree for a moment: one adds an empty replica
		// as a learner while the other deletes it. It holds nothing, counts for
		// nothing, and is made anew; only the change under way names it.
		empty := r.state == cluster.ReplicaEmpty && i > 0 && !isVoter(&config, r)
		if isMember(&config, r) && !empty {
			c.violate("partition %d: replica %d was deleted and is a member of its group", g.key.partition, r.id)
		}
	}
	if r.state == cluster.ReplicaEmpty || r.state == cluster.ReplicaRefused {
		return
	}
	if !quorum(g.config(), g.sound) {
		c.violate("partition %d: replica %d was deleted and its group has no majority of sound copies", g.key.partition, r.id)
	}
}

// judgeSoleVoter holds a forced configuration against I1.
func (c *Cluster) judgeSoleVoter(r *replica) {
	g := r.g
	if r.match < g.committed {
		c.violate("partition %d: replica %d goes on alone without acknowledged writes", g.key.partition, r.id)
	}
	if g.quorumAlive() {
		c.violate("partition %d: replica %d goes on alone although its group has a quorum", g.key.partition, r.id)
	}
}

// judgeRemovedNode holds the removal of a node against I3.
func (c *Cluster) judgeRemovedNode(n *node) {
	for _, r := range n.replicas {
		c.violate("%s was removed with replica %d of partition %d on it", n.name, r.id, r.g.key.partition)
	}
	if n.m == nil {
		return
	}
	for _, g := range c.sortedGroups() {
		for _, list := range [][]cluster.Replica{g.config().Voters, g.config().Outgoing, g.config().Learners} {
			if g.key.clusterID == n.m.ClusterID && onNode(list, n.id) != nil {
				c.violate("%s was removed and partition %d counts on it", n.name, g.key.partition)
			}
		}
		m := c.newestMap(g)
		if has := g.soundVoters(g.config()); m != nil && has < m.ReplicationFactor {
			c.violate("%s was removed while partition %d has %d sound copies of %d", n.name, g.key.partition, has, m.ReplicationFactor)
		}
	}
}
