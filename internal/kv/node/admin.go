package node

import (
	"context"
	"fmt"
	"path"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/replica"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

var _ cluster.Admin = (*Node)(nil)

// Status implements cluster.Admin.
func (n *Node) Status(context.Context) (*cluster.NodeStatus, error) {
	n.mapMu.Lock()
	clusterID := n.membership.ClusterID
	n.mapMu.Unlock()
	s := &cluster.NodeStatus{
		Node: n.id, Name: n.opts.Name, ClusterID: clusterID, Version: n.opts.Version,
		Started: cluster.MillisOf(n.started), Zone: n.opts.Zone,
		PeerAddress: n.opts.PeerAddress, RESPAddress: n.opts.RESPAddress,
		ClusterAddress: n.opts.ClusterAddress, ClusterTLSAddress: n.opts.ClusterTLSAddress, OutsideAddress: n.opts.OutsideAddress,
		HTTPAddress: n.opts.HTTPAddress, MetricsAddress: n.opts.MetricsAddress,
		MemoryUsed: n.memory.used.Load(), MemoryLimit: n.memory.limit,
		Draining: n.draining.Load(),
	}
	if v := n.view.Load(); v != nil {
		s.Epoch, s.Revision = v.m.Epoch, v.m.Revision
	}
	usage := n.log.Usage()
	s.DiskTotal, s.DiskFree, s.LogBytes = usage.Total, usage.Free, uint64(usage.Log)
	if n.log.Full() {
		s.Problems = append(s.Problems, fmt.Sprintf("the volume is almost full (%d of %d bytes free): writes are refused", usage.Free, usage.Total))
	}
	var outdated []cluster.ReplicaStatus
	for _, r := range n.allReplicas() {
		rs := r.Status()
		s.Replicas = append(s.Replicas, rs)
		switch {
		case rs.State == cluster.ReplicaRefused:
			s.Problems = append(s.Problems, fmt.Sprintf("the copy of partition %d is refused: %s", rs.Partition, rs.Reason))
		case rs.Outdated != "":
			outdated = append(outdated, rs)
		case rs.Doubtful && rs.Leader == 0:
			s.Problems = append(s.Problems, fmt.Sprintf("the copy of partition %d may lack its last writes, and does not vote before all other copies have answered", rs.Partition))
		}
	}
	if len(outdated) > 0 {
		s.Problems = append(s.Problems, fmt.Sprintf("kvnode %s is too old for the log of partition %d and %d more: run the build that the other nodes run, or a newer one; the copies are whole, and go on then (%s)",
			n.opts.Version, outdated[0].Partition, len(outdated)-1, outdated[0].Outdated))
	}
	return s, nil
}

// inCluster checks a request's cluster ID.
func (n *Node) inCluster(id string) error {
	if have := n.clusterID(); have != id {
		return fmt.Errorf("this node belongs to cluster %q, the request to %q: %w", have, id, cluster.ErrWrongCluster)
	}
	return nil
}

// CreateReplica implements cluster.Admin.
func (n *Node) CreateReplica(_ context.Context, req cluster.CreateReplica) error {
	if err := n.inCluster(req.ClusterID); err != nil {
		return err
	}
	if req.ID == 0 || req.ID > cluster.MaxReplicaID || int(req.Partition) >= n.view.Load().m.Partitions {
		return fmt.Errorf("partition %d of %d, replica ID %d of 1 to %d: %w", req.Partition, n.view.Load().m.Partitions, req.ID, uint64(cluster.MaxReplicaID), cluster.ErrInvalid)
	}
	n.mapMu.Lock()
	defer n.mapMu.Unlock()
	n.replicasMu.RLock()
	have, smallest := n.replicas[req.Partition], n.tombstones[req.Partition]
	n.replicasMu.RUnlock()
	switch {
	case have != nil && have.ID() == req.ID:
		return nil
	case have != nil:
		return fmt.Errorf("partition %d: replica %d is still here: %w", req.Partition, have.ID(), cluster.ErrConflict)
	case req.ID < smallest:
		return fmt.Errorf("partition %d: replica ID %d was used here before (the next is %d): %w", req.Partition, req.ID, smallest, cluster.ErrConflict)
	}
	w, err := replica.Create(req.Partition, req.ID, nil)
	if err != nil {
		return err
	}
	if err := n.writeAndWait(w); err != nil {
		return err
	}
	return n.openReplica(req.Partition, req.ID, &wal.Replica{Replica: req.ID, Create: w.Create})
}

// onReplica runs fn on the owner of a replica that is here.
func (n *Node) onReplica(clusterID string, p uint32, fn func(*replica.Replica) error) error {
	if err := n.inCluster(clusterID); err != nil {
		return err
	}
	r := n.replica(p)
	if r == nil {
		return fmt.Errorf("partition %d: %w", p, cluster.ErrNotFound)
	}
	var err error
	s := n.shardOf(p)
	if !s.do(func() { err = fn(r); s.touch(r) }) {
		return errStopping
	}
	return err
}

// ChangeConfig implements cluster.Admin.
func (n *Node) ChangeConfig(_ context.Context, req cluster.ChangeConfig) error {
	return n.onReplica(req.ClusterID, req.Partition, func(r *replica.Replica) error { return r.ChangeConfig(&req) })
}

// TransferLeader implements cluster.Admin.
func (n *Node) TransferLeader(_ context.Context, req cluster.TransferLeader) error {
	return n.onReplica(req.ClusterID, req.Partition, func(r *replica.Replica) error { return r.TransferLeader(req.To) })
}

// RemoveReplica implements cluster.Admin. The tombstone is on stable storage
// before the replica is forgotten.
func (n *Node) RemoveReplica(_ context.Context, req cluster.RemoveReplica) error {
	if err := n.inCluster(req.ClusterID); err != nil {
		return err
	}
	n.mapMu.Lock()
	defer n.mapMu.Unlock()
	r := n.replica(req.Partition)
	if r == nil {
		return nil
	}
	if r.ID() != req.ID {
		return fmt.Errorf("partition %d: replica %d is here, not %d: %w", req.Partition, r.ID(), req.ID, cluster.ErrConflict)
	}
	s := n.shardOf(req.Partition)
	s.do(func() {
		r.Flush()
		r.Close()
		s.disown(r)
	})
	if err := n.writeAndWait(&wal.Write{Partition: req.Partition, Replica: req.ID, Tombstone: req.ID + 1}); err != nil {
		return err
	}
	n.replicasMu.Lock()
	delete(n.replicas, req.Partition)
	n.tombstones[req.Partition] = req.ID + 1
	n.replicasMu.Unlock()
	n.logger.Info("replica removed", "partition", req.Partition, "replica", req.ID)
	return nil
}

// ForceSoleVoter implements cluster.Admin.
func (n *Node) ForceSoleVoter(_ context.Context, req cluster.SoleVoter) error {
	n.logger.Warn("asked to make a replica the only voter", "partition", req.Partition, "replica", req.ID)
	return n.onReplica(req.ClusterID, req.Partition, func(r *replica.Replica) error { return r.ForceSoleVoter(&req) })
}

// Directory returns where the node keeps its data.
func (n *Node) Directory() string { return path.Clean(n.dir) }

// ClusterSettings returns the settings that are in force here.
func (n *Node) ClusterSettings() cluster.Settings {
	if v := n.view.Load(); v != nil {
		return v.m.Settings
	}
	return cluster.DefaultSettings()
}

// MemoryLimit returns the most bytes that data may take; 0 means no limit.
func (n *Node) MemoryLimit() uint64 { return n.memory.limit }
