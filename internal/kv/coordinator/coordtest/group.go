package coordtest

import (
	"cmp"
	"slices"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// group is the truth about one partition.
type group struct {
	c         *Cluster
	key       groupKey
	history   []cluster.Config // every configuration, by rising index; the last is in force or about to be
	last      uint64           // of the leader's log
	committed uint64           // what was acknowledged
	applied   int              // index into history of the configuration in force
	term      uint64
	leader    *replica // nil in an election
	replicas  []*replica
	bytes     uint64
}

// replica is one copy, on a volume that may be gone.
type replica struct {
	g     *group
	id    uint64
	node  *node
	state cluster.ReplicaState
	term  uint64
	match uint64 // of its log on its volume
	conf  int    // index into history of the configuration it knows
	gone  bool   // deleted, or its volume is lost
	// outdated is what the node's build cannot execute.
	outdated string
}

func (c *Cluster) sortedGroups() []*group {
	out := make([]*group, 0, len(c.groups))
	for _, g := range c.groups {
		out = append(out, g)
	}
	slices.SortFunc(out, func(a, b *group) int {
		return cmp.Or(cmp.Compare(a.key.clusterID, b.key.clusterID), cmp.Compare(a.key.partition, b.key.partition))
	})
	return out
}

// initialGroup returns the group that Initial of a map starts.
func (c *Cluster) initialGroup(m *cluster.Map, partition uint32) *group {
	key := groupKey{m.ClusterID, partition}
	if g := c.groups[key]; g != nil {
		return g
	}
	voters := slices.Clone(m.Initial[partition])
	g := &group{c: c, key: key, last: 1, committed: 1, history: []cluster.Config{{
		Index: 1, Voters: voters, NextReplicaID: uint64(len(voters) + 1),
	}}}
	c.groups[key] = g
	return g
}

func (g *group) config() *cluster.Config { return &g.history[g.applied] }

// pending tells whether a change is proposed and not yet in force.
func (g *group) pending() bool { return g.applied < len(g.history)-1 }

// alive tells whether the replica takes part: it is there, sound, and its node
// runs.
func (r *replica) alive() bool {
	return !r.gone && r.node.up && r.state == cluster.ReplicaRunning
}

// name is how configurations name the replica.
func (r *replica) name() cluster.Replica { return cluster.Replica{ID: r.id, Node: r.node.id} }

func (g *group) find(name cluster.Replica) *replica {
	for _, r := range g.replicas {
		if r.name() == name && !r.gone {
			return r
		}
	}
	return nil
}

// quorum tells whether a majority of the voters, and of the old ones in a joint
// configuration, satisfies ok.
func quorum(c *cluster.Config, ok func(cluster.Replica) bool) bool {
	majority := func(list []cluster.Replica) bool {
		n := 0
		for _, r := range list {
			if ok(r) {
				n++
			}
		}
		return n > len(list)/2
	}
	return majority(c.Voters) && (len(c.Outgoing) == 0 || majority(c.Outgoing))
}

func (g *group) quorumAlive() bool {
	return quorum(g.config(), func(name cluster.Replica) bool {
		r := g.find(name)
		return r != nil && r.alive()
	})
}

// step is one round: the leader is checked or elected, replicas catch up, what a
// quorum has is committed, and changes of configuration come into force.
func (g *group) step() {
	if g.leader != nil && (!g.leader.alive() || !g.quorumAlive() || !isVoter(g.config(), g.leader)) {
		g.leader = nil
		return // the election takes a round
	}
	if g.leader == nil {
		g.elect()
	}
	if g.leader == nil {
		return
	}
	g.replicate()
	g.commit()
}

func (g *group) elect() {
	if !g.quorumAlive() {
		return
	}
	var best *replica
	for _, r := range g.replicas {
		if r.alive() && isVoter(g.config(), r) && (best == nil || r.match > best.match) {
			best = r
		}
	}
	if best == nil {
		return
	}
	g.term++
	g.leader = best
	best.term = g.term
	if best.match < g.committed {
		g.c.violate("partition %d: leader %d has %d entries of %d acknowledged ones", g.key.partition, best.id, best.match, g.committed)
	}
	// What was not committed and the new leader does not have is gone, a change
	// of configuration too.
	for g.pending() && g.history[len(g.history)-1].Index > best.match {
		g.history = g.history[:len(g.history)-1]
	}
	g.last = best.match + 1 // the entry that begins a term
	best.match = g.last
}

func isVoter(c *cluster.Config, r *replica) bool {
	return slices.Contains(c.Voters, r.name()) || slices.Contains(c.Outgoing, r.name())
}

func isMember(c *cluster.Config, r *replica) bool {
	return isVoter(c, r) || slices.Contains(c.Learners, r.name())
}

// replicate brings every member that answers forward.
func (g *group) replicate() {
	for _, r := range g.replicas {
		if r.gone || !r.node.up || !isMember(g.config(), r) {
			continue
		}
		if r.state == cluster.ReplicaEmpty {
			r.state = cluster.ReplicaRunning // the leader has reached it
		}
		if r.state != cluster.ReplicaRunning {
			continue
		}
		r.term = g.term
		r.match = min(g.last, r.match+g.c.EntriesPerStep)
		r.learnConfig()
	}
}

// learnConfig applies what the replica has of the committed history.
func (r *replica) learnConfig() {
	for r.conf < r.g.applied && r.g.history[r.conf+1].Index <= r.match {
		r.conf++
	}
}

func (g *group) commit() {
	committed := g.last
	for committed > g.committed && !quorum(g.config(), func(name cluster.Replica) bool {
		r := g.find(name)
		return r != nil && r.alive() && r.match >= committed
	}) {
		committed--
	}
	g.committed = max(g.committed, committed)
	if g.pending() && g.history[g.applied+1].Index <= g.committed {
		g.apply()
	}
	if c := g.config(); c.Joint() && !g.pending() { // is left by itself
		next := *c
		next.Outgoing = nil
		g.propose(next)
	}
}

// apply brings the next configuration into force.
func (g *group) apply() {
	g.applied++
	c := g.config()
	for _, r := range g.replicas {
		r.learnConfig()
		// A removed replica may hear of it or not; those with an even ID do.
		if !r.gone && r.node.up && r.state == cluster.ReplicaRunning && !isMember(c, r) && r.id%2 == 0 {
			r.state = cluster.ReplicaRemoved
			r.conf = g.applied
		}
	}
}

// propose appends a change of configuration to the leader's log.
func (g *group) propose(c cluster.Config) {
	g.last++
	c.Index = g.last
	g.leader.match = g.last
	g.history = append(g.history, c)
}

func (g *group) write(entries uint64) {
	if g.leader != nil && g.leader.alive() {
		g.last += entries
		g.leader.match = g.last
	}
}
