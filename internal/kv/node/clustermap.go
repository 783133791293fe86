package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/command"
	"github.com/ringkv/ringkv/internal/kv/replica"
	"github.com/ringkv/ringkv/internal/kv/ring"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

// view is what a node that belongs to a cluster works with. It is replaced as a
// whole when a newer map comes.
type view struct {
	m       *cluster.Map
	router  command.Router
	routing *routing // lives as long as the node: the number of partitions is fixed
}

// newView makes the view of a map; routing is kept from the last one, if any.
func (n *Node) newView(m *cluster.Map, last *view) *view {
	v := &view{m: m, router: command.Router{
		Partitions: uint32(m.Partitions),
		Slot:       ring.Slot,
		Partition:  func(slot uint16) uint32 { return ring.Partition(slot, m.Partitions) },
	}}
	if last != nil {
		v.routing = last.routing
	} else {
		v.routing = newRouting(n.id, m.Partitions, n.clock.Monotonic)
	}
	return v
}

// checkMap refuses a map that no coordinator would make.
func checkMap(m *cluster.Map) error {
	switch p := m.Partitions; {
	case m.ClusterID == "" || m.Revision == 0:
		return fmt.Errorf("the map has no cluster ID or revision: %w", cluster.ErrInvalid)
	case p < 1 || p > ring.Slots || p&(p-1) != 0:
		return fmt.Errorf("the map has %d partitions, not a power of two up to %d: %w", p, ring.Slots, cluster.ErrInvalid)
	case len(m.Initial) != p:
		return fmt.Errorf("the map has %d initial configurations for %d partitions: %w", len(m.Initial), p, cluster.ErrInvalid)
	}
	for p, initial := range m.Initial {
		if err := checkInitial(initial); err != nil {
			return fmt.Errorf("the initial configuration of partition %d: %w: %w", p, err, cluster.ErrInvalid)
		}
	}
	return nil
}

// checkInitial refuses first replicas that no log and no Raft group could take.
func checkInitial(initial []cluster.Replica) error {
	if len(initial) == 0 {
		return errors.New("it has no replicas")
	}
	ids, nodes := map[uint64]bool{}, map[cluster.NodeID]bool{}
	for _, r := range initial {
		switch {
		case r.ID == 0 || r.ID > maxInitialID:
			return fmt.Errorf("replica ID %d is not within 1 and %d", r.ID, uint64(maxInitialID))
		case r.Node == "":
			return fmt.Errorf("replica %d has no node", r.ID)
		case ids[r.ID] || nodes[r.Node]:
			return fmt.Errorf("replica %d or its node %s is there twice", r.ID, r.Node.Short())
		}
		ids[r.ID], nodes[r.Node] = true, true
	}
	return nil
}

// maxInitialID leaves room for the IDs to come.
const maxInitialID = 1 << 32

// PublishMap implements cluster.Admin.
func (n *Node) PublishMap(_ context.Context, m *cluster.Map) error {
	if err := checkMap(m); err != nil {
		return err
	}
	n.mapMu.Lock()
	defer n.mapMu.Unlock()
	have := n.view.Load()
	switch {
	case n.membership.ClusterID != "" && n.membership.ClusterID != m.ClusterID:
		return fmt.Errorf("this node belongs to cluster %s, the map to %s: %w", n.membership.ClusterID, m.ClusterID, cluster.ErrWrongCluster)
	case have != nil && m.Revision <= have.m.Revision && n.membership.Joined:
		return nil
	case have != nil && m.Partitions != have.m.Partitions:
		return fmt.Errorf("the number of partitions cannot change from %d to %d: %w", have.m.Partitions, m.Partitions, cluster.ErrInvalid)
	}
	// The log names the cluster before the map file exists: a map file beside a
	// log without that record means that the log was lost (see Open).
	if n.membership.ClusterID == "" {
		if err := n.writeMembership(membership{ClusterID: m.ClusterID}); err != nil {
			return err
		}
	}
	if err := writeJSON(n.fs, n.dir, mapFile, m); err != nil {
		return err
	}
	if !n.membership.Joined {
		if err := n.join(m); err != nil {
			return err
		}
	}
	n.useMap(m)
	n.logger.Info("map taken over", "epoch", m.Epoch, "revision", m.Revision, "members", len(m.Members))
	return nil
}

// join makes the node a member: its first replicas are in the log before the node
// counts as joined, so a crash in between leaves nothing half-started. It is safe
// to repeat.
func (n *Node) join(m *cluster.Map) error {
	var writes []*wal.Write
	for p, initial := range m.Initial {
		for _, rep := range initial {
			if rep.Node != n.id || n.everHeld(uint32(p)) {
				continue
			}
			w, err := replica.Create(uint32(p), rep.ID, initial)
			if err != nil {
				return err
			}
			writes = append(writes, w)
		}
	}
	if err := n.writeAndWait(writes...); err != nil {
		return err
	}
	if err := n.writeMembership(membership{ClusterID: m.ClusterID, Joined: true}); err != nil {
		return err
	}
	n.view.Store(n.newView(m, nil))
	for _, w := range writes {
		if err := n.openReplica(w.Partition, w.Replica, &wal.Replica{
			Replica: w.Replica, Create: w.Create, HardState: *w.HardState, Snapshot: w.Snapshot,
		}); err != nil {
			return err
		}
	}
	n.logger.Info("joined the cluster", "cluster", m.ClusterID, "replicas", len(writes))
	return nil
}

// everHeld tells whether the log knows of a replica of p here, now or earlier.
func (n *Node) everHeld(p uint32) bool {
	n.replicasMu.RLock()
	defer n.replicasMu.RUnlock()
	return n.replicas[p] != nil || n.tombstones[p] > 0
}

func (n *Node) writeMembership(m membership) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := n.writeAndWait(&wal.Write{Meta: b}); err != nil {
		return err
	}
	n.membership = m
	return nil
}

// writeAndWait puts writes into the log and waits until they are durable.
func (n *Node) writeAndWait(ws ...*wal.Write) error {
	if len(ws) == 0 {
		return nil
	}
	done := make(chan struct{})
	ws[len(ws)-1].Done = func() { close(done) }
	n.log.Append(ws...)
	if !n.await(done) {
		return errStopping
	}
	return nil
}

var errStopping = errors.New("the node is stopping")

// useMap makes m the current map: peers, settings and routing follow it.
func (n *Node) useMap(m *cluster.Map) {
	last := n.view.Load()
	n.view.Store(n.newView(m, last))
	if last != nil {
		n.keepFormer(last.m, m)
	}
	n.transport.SetPeers(n.peers(m))
	for _, s := range n.shards {
		s.post(event{fn: func() {
			for _, r := range s.inOrder {
				r.SetSettings(m.Settings)
			}
		}})
	}
	n.log.SetSync(syncOf(m))
	n.transport.SetSnapshotRate(m.Settings.SnapshotBytesPerSecond)
}

// farewell is how long a node that left the map is still talked to: its clients
// learn only with its end that they must go elsewhere, and until then it forwards
// what they send.
const farewell = time.Minute

// former is a node that left the map.
type former struct {
	address string
	until   int64 // monotonic
}

// keepFormer notes who has left. mapMu is held.
func (n *Node) keepFormer(before, after *cluster.Map) {
	for _, m := range before.Members {
		if m.ID != n.id && m.State != cluster.MemberLost && after.Member(m.ID) == nil {
			n.former[m.ID] = former{address: m.PeerAddress, until: n.clock.Monotonic() + farewell.Nanoseconds()}
		}
	}
}

// peers returns the addresses of all nodes that this one talks to. mapMu is held.
func (n *Node) peers(m *cluster.Map) map[cluster.NodeID]string {
	peers := map[cluster.NodeID]string{}
	for id, f := range n.former {
		peers[id] = f.address
	}
	for _, member := range m.Members {
		if member.ID != n.id {
			peers[member.ID] = member.PeerAddress
		}
	}
	return peers
}

// forgetFormer ends the connections to nodes that left long ago.
func (n *Node) forgetFormer() {
	n.mapMu.Lock()
	defer n.mapMu.Unlock()
	before := len(n.former)
	maps.DeleteFunc(n.former, func(_ cluster.NodeID, f former) bool { return n.clock.Monotonic() > f.until })
	if len(n.former) != before {
		n.transport.SetPeers(n.peers(n.view.Load().m))
	}
}

// loadMap returns the map on the volume, or nil if there is none.
func (n *Node) loadMap() (*cluster.Map, error) {
	var m cluster.Map
	err := readJSON(n.fs, path.Join(n.dir, mapFile), &m)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	}
	if err := checkMap(&m); err != nil {
		return nil, fmt.Errorf("%s: %w", path.Join(n.dir, mapFile), err)
	}
	return &m, nil
}
