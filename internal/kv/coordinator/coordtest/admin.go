package coordtest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// admin is the way to the node at a seat, whoever that is by then.
type admin struct {
	c    *Cluster
	seat string
}

// errDown is what calling a stopped node gives.
var errDown = errors.New("connection refused")

// reach calls fn with the node that runs at the seat.
func (a *admin) reach(ctx context.Context, call string, fn func(n *node) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	a.c.mu.Lock()
	defer a.c.mu.Unlock()
	arrive := func() error {
		n := a.c.nodes[a.seat]
		if n == nil || !n.up {
			return errDown
		}
		return fn(n)
	}
	if a.c.Faults == nil {
		return arrive()
	}
	switch a.c.Faults(a.seat, call) {
	case FaultLost:
		return context.DeadlineExceeded
	case FaultAnswerLost:
		_ = arrive() // done or refused: the caller does not hear
		return context.DeadlineExceeded
	case FaultLate:
		a.c.late = append(a.c.late, func() { _ = arrive() })
		return context.DeadlineExceeded
	case FaultSlow:
		a.c.step()
	}
	return arrive()
}

// Status implements cluster.Admin.
func (a *admin) Status(ctx context.Context) (status *cluster.NodeStatus, err error) {
	err = a.reach(ctx, "Status", func(n *node) error {
		status = n.status()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return status, nil
}

// PublishMap implements cluster.Admin.
func (a *admin) PublishMap(ctx context.Context, m *cluster.Map) error {
	m = m.Clone()
	return a.reach(ctx, "PublishMap", func(n *node) error {
		switch {
		case n.m != nil && n.m.ClusterID != m.ClusterID:
			return cluster.ErrWrongCluster
		case n.m != nil && n.m.Revision >= m.Revision:
			return nil
		}
		first := n.m == nil
		n.m = m
		for p := range m.Initial {
			if r := onNode(m.Initial[p], n.id); first && r != nil {
				g := n.c.initialGroup(m, uint32(p))
				n.put(&replica{g: g, id: r.ID, node: n, state: cluster.ReplicaRunning, match: 1})
			}
		}
		return nil
	})
}

func onNode(list []cluster.Replica, id cluster.NodeID) *cluster.Replica {
	for i := range list {
		if list[i].Node == id {
			return &list[i]
		}
	}
	return nil
}

func (n *node) put(r *replica) {
	n.replicas[r.g.key.partition] = r
	r.g.replicas = append(r.g.replicas, r)
}

func (n *node) member(clusterID string) error {
	if n.m == nil || n.m.ClusterID != clusterID {
		return cluster.ErrWrongCluster
	}
	return nil
}

// CreateReplica implements cluster.Admin.
func (a *admin) CreateReplica(ctx context.Context, q cluster.CreateReplica) error {
	return a.reach(ctx, "CreateReplica", func(n *node) error {
		if err := n.member(q.ClusterID); err != nil {
			return err
		}
		g := n.c.groups[groupKey{q.ClusterID, q.Partition}]
		if g == nil || q.ID == 0 {
			return cluster.ErrInvalid
		}
		if r := n.replicas[q.Partition]; r != nil {
			if r.id == q.ID {
				return nil
			}
			return cluster.ErrConflict
		}
		if q.ID < n.tombstones[q.Partition] {
			return cluster.ErrConflict
		}
		n.put(&replica{g: g, id: q.ID, node: n, state: cluster.ReplicaEmpty})
		n.c.created++
		return nil
	})
}

// ChangeConfig implements cluster.Admin.
func (a *admin) ChangeConfig(ctx context.Context, q cluster.ChangeConfig) error {
	return a.reach(ctx, "ChangeConfig", func(n *node) error {
		g, err := n.leads(q.ClusterID, q.Partition)
		if err != nil {
			return err
		}
		c := g.config()
		if g.pending() || c.Joint() || c.Index != q.ExpectedIndex {
			return cluster.ErrConflict
		}
		next, err := change(c, q)
		if err != nil {
			return err
		}
		n.c.judgeChange(g, c, &next)
		g.propose(next)
		return nil
	})
}

// change returns the configuration after q, or why there is none.
func change(c *cluster.Config, q cluster.ChangeConfig) (cluster.Config, error) {
	next := cluster.Config{Voters: slices.Clone(c.Voters), Learners: slices.Clone(c.Learners), NextReplicaID: c.NextReplicaID}
	for _, r := range q.AddLearners {
		if r.ID < next.NextReplicaID {
			return next, fmt.Errorf("replica ID %d was used: %w", r.ID, cluster.ErrInvalid)
		}
		next.Learners = append(next.Learners, r)
		next.NextReplicaID = r.ID + 1
	}
	for _, id := range q.Promote {
		i := slices.IndexFunc(next.Learners, func(r cluster.Replica) bool { return r.ID == id })
		if i < 0 {
			return next, fmt.Errorf("%d is no learner: %w", id, cluster.ErrInvalid)
		}
		next.Voters = append(next.Voters, next.Learners[i])
		next.Learners = slices.Delete(next.Learners, i, i+1)
	}
	for _, id := range q.Remove {
		is := func(r cluster.Replica) bool { return r.ID == id }
		if !slices.ContainsFunc(next.Voters, is) && !slices.ContainsFunc(next.Learners, is) {
			return next, fmt.Errorf("%d is no member: %w", id, cluster.ErrInvalid)
		}
		next.Voters, next.Learners = slices.DeleteFunc(next.Voters, is), slices.DeleteFunc(next.Learners, is)
	}
	if len(next.Voters) == 0 {
		return next, fmt.Errorf("no voter would be left: %w", cluster.ErrInvalid)
	}
	voters := 0
	for _, r := range next.Voters {
		if !slices.Contains(c.Voters, r) {
			voters++
		}
	}
	if voters += len(c.Voters) + voters - len(next.Voters); voters > 1 {
		next.Outgoing = slices.Clone(c.Voters)
	}
	return next, nil
}

// leads returns the group if the node leads it.
func (n *node) leads(clusterID string, partition uint32) (*group, error) {
	if err := n.member(clusterID); err != nil {
		return nil, err
	}
	r := n.replicas[partition]
	if r == nil {
		return nil, cluster.ErrNotFound
	}
	if r.g.leader != r || !r.g.quorumAlive() {
		return nil, cluster.ErrNotLeader
	}
	return r.g, nil
}

// TransferLeader implements cluster.Admin.
func (a *admin) TransferLeader(ctx context.Context, q cluster.TransferLeader) error {
	return a.reach(ctx, "TransferLeader", func(n *node) error {
		g, err := n.leads(q.ClusterID, q.Partition)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(g.config().Voters, func(v cluster.Replica) bool { return v.ID == q.To })
		if i < 0 {
			return cluster.ErrInvalid
		}
		if to := g.find(g.config().Voters[i]); to != nil && to.alive() && !to.node.draining && to.match+n.c.EntriesPerStep >= g.last { // else the transfer fails quietly
			g.term++
			to.match, to.term = g.last, g.term
			g.leader = to
		}
		return nil
	})
}

// RemoveReplica implements cluster.Admin.
func (a *admin) RemoveReplica(ctx context.Context, q cluster.RemoveReplica) error {
	return a.reach(ctx, "RemoveReplica", func(n *node) error {
		if err := n.member(q.ClusterID); err != nil {
			return err
		}
		if r := n.replicas[q.Partition]; r != nil && r.id == q.ID {
			n.c.judgeRemoval(r)
			r.gone = true
			delete(n.replicas, q.Partition)
		}
		n.tombstones[q.Partition] = max(n.tombstones[q.Partition], q.ID+1)
		return nil
	})
}

// ForceSoleVoter implements cluster.Admin.
func (a *admin) ForceSoleVoter(ctx context.Context, q cluster.SoleVoter) error {
	return a.reach(ctx, "ForceSoleVoter", func(n *node) error {
		if err := n.member(q.ClusterID); err != nil {
			return err
		}
		r := n.replicas[q.Partition]
		if r == nil || r.id != q.ID {
			return cluster.ErrNotFound
		}
		g := r.g
		known := g.history[r.conf]
		if len(known.Voters) == 1 && known.Voters[0].ID == r.id {
			return nil
		}
		if known.Index != q.ExpectedIndex || !isVoter(&known, r) || r.state != cluster.ReplicaRunning {
			return cluster.ErrConflict
		}
		n.c.judgeSoleVoter(r)
		g.history = append(g.history[:g.applied+1], cluster.Config{
			Index: r.match + 1, Voters: []cluster.Replica{{ID: r.id, Node: n.id}}, NextReplicaID: g.config().NextReplicaID,
		})
		g.applied++
		g.term++
		r.match++
		g.last, g.leader, r.conf, r.term = r.match, r, g.applied, g.term
		return nil
	})
}

// Drain implements cluster.Admin.
func (a *admin) Drain(ctx context.Context) error {
	return a.reach(ctx, "Drain", func(n *node) error {
		n.draining = true
		for _, r := range n.replicas {
			if r.g.leader != r {
				continue
			}
			for _, other := range r.g.replicas {
				if other != r && other.alive() && !other.node.draining && isVoter(r.g.config(), other) {
					r.g.term++
					other.match, other.term, r.g.leader = r.g.last, r.g.term, other
					break
				}
			}
		}
		return nil
	})
}
