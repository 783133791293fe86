package coordtest

import (
	"fmt"
	"slices"

	"github.com/ringkv/ringkv/internal/kv/cluster"
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

// sound tells whether the voter is a copy with all that is committed, whether
// its node runs or not.
func (g *group) sound(id uint64) bool {
	r := g.find(id)
	return r != nil && r.state == cluster.ReplicaRunning && r.match >= g.committed
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
			if g.sound(r.ID) {
				out[g.find(r.ID).node.zone] = true
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
		if g.sound(r.ID) {
			n++
		}
	}
	return n
}

// judgeRemoval holds the deletion of a replica against I3.
func (c *Cluster) judgeRemoval(r *replica) {
	g := r.g
	for _, config := range g.history[g.applied:] {
		if isMember(&config, r.id) {
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
