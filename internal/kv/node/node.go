// Package node is everything that one kvnode process does: it owns the volume, the
// log and all replicas on it, routes every command to the leader of its
// partition, and tells the coordinator what it sees. It decides nothing about
// placement, and needs no coordinator to serve, to elect leaders or to restart.
package node

import (
	"context"
	crand "crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"path"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/replica"
	"github.com/ringkv/ringkv/internal/kv/store"
	"github.com/ringkv/ringkv/internal/kv/transport"
	"github.com/ringkv/ringkv/internal/kv/vfs"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

// ballastBytes is given back to a full volume so that the log can be compacted.
const ballastBytes = 32 << 20

// syncOf returns when the log syncs under a map.
func syncOf(m *cluster.Map) wal.Sync {
	if m != nil && m.Settings.Sync == cluster.SyncInterval {
		return wal.Interval(time.Second)
	}
	return wal.Always
}

// Folders below a node's directory.
const (
	logDir      = "log"
	snapshotDir = "snapshots"
)

// Options make a Node.
type Options struct {
	FS  vfs.FS
	Dir string
	// Name is the seat: the pod name, or n1 in a local cluster.
	Name string
	Zone string
	// Addresses as host:port, as others reach this node.
	PeerAddress, RESPAddress, ClusterAddress, HTTPAddress, MetricsAddress string
	// Of the ports for cluster clients that not every node has; empty: not this one.
	ClusterTLSAddress, OutsideAddress string
	// MemoryLimit is the most bytes that data may take; 0 means no limit.
	MemoryLimit uint64
	// HistoryBytes is how much of each partition's newest changes is kept in memory for
	// watches; 0 takes 256 KiB.
	HistoryBytes int
	// CallTimeout is how long a command may wait for a leader and a quorum.
	CallTimeout time.Duration
	Timing      replica.Timing
	Logger      *slog.Logger
	Version     string
	// Log sets what the node leaves open of its log: sizes, clock, mode.
	Log wal.Options
	// Shards is the number of shards; 0 means one for every two CPUs: connections, log
	// and peers need the rest.
	Shards int
	// Driver runs the node in a simulation; nil means that it runs by itself.
	Driver Driver
	// Fatal is called once when the log cannot be written any more. It must end
	// the process.
	Fatal func(error)
}

// Node is one member of a cluster, or one that waits to be taken in.
type Node struct {
	opts        Options
	fs          vfs.FS
	dir         string
	id          cluster.NodeID
	logger      *slog.Logger
	clock       replica.Clock
	random      *rand.Rand // of keepHouse, as is nextGossip
	nextGossip  int64      // monotonic; 0 before the first look
	timing      replica.Timing
	callTimeout time.Duration
	started     time.Time

	lock      io.Closer
	log       *wal.Log
	transport Transport
	shards    []*shard
	view      atomic.Pointer[view]
	topology  atomic.Pointer[builtTopology]
	memory    memory
	forwards  forwards
	waiting   waiting
	sequence  atomic.Uint64 // of calls, as they came in
	refusals  refusals
	held      held

	mapMu      sync.Mutex                // held while a map is taken over
	membership membership                // guarded by mapMu
	former     map[cluster.NodeID]former // guarded by mapMu

	replicasMu sync.RWMutex
	replicas   map[uint32]*replica.Replica // guarded by replicasMu
	tombstones map[uint32]uint64           // smallest allowed replica ID; guarded by replicasMu

	draining atomic.Bool
	// compacting: a replica writes a snapshot of its state.
	compacting atomic.Bool
	beats      atomic.Int64 // monotonic time of the last tick of shard 0

	stopping chan struct{} // closed when Close begins
	stopped  chan struct{} // closed when the shards have ended
	closing  sync.Once
	tasks    sync.WaitGroup
}

// clock is the machine's.
type clock struct{ base time.Time }

// Monotonic implements replica.Clock.
func (c clock) Monotonic() int64 { return int64(time.Since(c.base)) }

// WallMillis implements replica.Clock.
func (c clock) WallMillis() int64 { return time.Now().UnixMilli() }

// Open starts a node on a directory: an empty one becomes a new node. What it
// finds damaged it reports in its status; only what makes the whole volume
// useless is an error.
func Open(o Options) (*Node, error) {
	if o.CallTimeout == 0 {
		o.CallTimeout = 5 * time.Second
	}
	if o.HistoryBytes == 0 {
		o.HistoryBytes = 256 << 10
	}
	if o.Timing == (replica.Timing{}) {
		o.Timing = replica.DefaultTiming()
	}
	if o.Shards == 0 {
		o.Shards = (runtime.GOMAXPROCS(0) + 1) / 2
	}
	var seed [32]byte
	crand.Read(seed[:]) // never fails
	random := rand.New(rand.NewChaCha8(seed))
	n := &Node{
		opts: o, fs: o.FS, dir: o.Dir, logger: o.Logger, clock: clock{base: time.Now()}, random: random,
		timing: o.Timing, callTimeout: o.CallTimeout,
		memory:     memory{limit: o.MemoryLimit},
		forwards:   forwards{next: random.Uint64(), open: map[uint64]forwarded{}},
		waiting:    waiting{partitions: map[uint32]*line{}},
		refusals:   refusals{from: map[refusal]bool{}},
		held:       held{partitions: map[uint32]*heldCalls{}},
		replicas:   map[uint32]*replica.Replica{},
		tombstones: map[uint32]uint64{},
		former:     map[cluster.NodeID]former{},
		stopping:   make(chan struct{}), stopped: make(chan struct{}),
	}
	if o.Driver != nil {
		n.clock = o.Driver
	}
	n.started = time.UnixMilli(n.clock.WallMillis())
	if err := n.open(); err != nil {
		if n.log != nil {
			n.log.Close() // it may still be writing files ahead
		}
		if n.lock != nil {
			n.lock.Close()
		}
		return nil, err
	}
	return n, nil
}

func (n *Node) open() error {
	if err := n.fs.MkdirAll(n.dir); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	var err error
	if n.lock, err = n.fs.Lock(path.Join(n.dir, lockFile)); err != nil {
		return fmt.Errorf("%s is in use by another process: %w", n.dir, err)
	}
	id, err := loadIdentity(n.fs, n.dir)
	if err != nil {
		return err
	}
	n.id = id.NodeID
	n.logger = n.logger.With("node", n.id.Short())
	m, err := n.loadMap()
	if err != nil {
		return err
	}
	log, found, err := wal.Open(n.logOptions(m))
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	n.log = log
	if found.Meta != nil {
		if err := json.Unmarshal(found.Meta, &n.membership); err != nil {
			return fmt.Errorf("decode the membership record of the log: %w", err)
		}
	}
	if m != nil && n.membership.ClusterID == "" {
		return fmt.Errorf("%s has a cluster map but its log does not know the cluster: the log was lost; "+
			"empty the volume so that the node comes back as a new one", n.dir)
	}
	peers := transport.Config{Self: n.id, ClusterID: n.clusterID, Handler: n, Logger: n.logger}
	if n.opts.Driver != nil {
		n.transport = n.opts.Driver.Transport(peers)
	} else {
		n.transport = transport.New(peers)
	}
	for range n.opts.Shards {
		n.shards = append(n.shards, newShard(n))
	}
	if err := n.revive(found, m); err != nil {
		return err
	}
	n.run()
	return n.finishJoin(m)
}

// logOptions completes what Options.Log leaves to the node.
func (n *Node) logOptions(m *cluster.Map) wal.Options {
	o := n.opts.Log
	o.FS, o.Dir, o.SnapshotDir = n.fs, path.Join(n.dir, logDir), path.Join(n.dir, snapshotDir)
	o.NodeID, o.Sync, o.Logger, o.Fatal = string(n.id), syncOf(m), n.logger, n.opts.Fatal
	if o.ReserveBytes == 0 {
		o.ReserveBytes = ballastBytes
	}
	return o
}

// revive opens the replicas that the log knows.
func (n *Node) revive(found *wal.Recovery, m *cluster.Map) error {
	if m != nil && n.membership.Joined {
		n.view.Store(n.newView(m, nil))
	}
	for p, id := range found.Tombstones {
		n.tombstones[p] = id
	}
	if found.Cut != nil {
		n.logger.Warn("the log ended in an unfinished write, which was cut", "segment", found.Cut.Segment,
			"offset", found.Cut.Offset, "bytes", found.Cut.Bytes)
	}
	for _, d := range found.Damage {
		n.logger.Error("the log is damaged; replicas that could have lost something are refused", "segment", d.Segment,
			"offset", d.Offset, "records", d.Records, "reason", d.Reason)
	}
	if found.MetaStale != nil && !n.membership.Joined {
		return fmt.Errorf("the log lost the record of which cluster this node belongs to (segment %d, offset %d: %s): "+
			"empty the volume so that the node comes back as a new one", found.MetaStale.Segment, found.MetaStale.Offset, found.MetaStale.Reason)
	}
	for p, refusal := range found.Refused {
		reason := fmt.Sprintf("log segment %d is damaged at offset %d: %s", refusal.Segment, refusal.Offset, refusal.Reason)
		n.addReplica(replica.NewRefused(n.replicaOptions(p, refusal.Replica), reason))
	}
	for _, p := range slices.Sorted(maps.Keys(found.Replicas)) {
		if n.replicas[p] != nil {
			continue
		}
		rec := found.Replicas[p]
		if v := n.view.Load(); v != nil && int(p) < v.m.Partitions {
			v.routing.mayHaveLed(p)
		}
		if err := n.openReplica(p, rec.Replica, rec); err != nil {
			return err
		}
	}
	return nil
}

// finishJoin goes on where a join was cut short, and takes up the map.
func (n *Node) finishJoin(m *cluster.Map) error {
	if m == nil {
		return nil
	}
	n.mapMu.Lock()
	defer n.mapMu.Unlock()
	if !n.membership.Joined {
		if err := n.join(m); err != nil {
			return err
		}
	}
	n.useMap(m)
	return nil
}

func (n *Node) replicaOptions(p uint32, id uint64) replica.Options {
	settings, partitions := cluster.DefaultSettings(), uint32(0)
	if v := n.view.Load(); v != nil {
		settings, partitions = v.m.Settings, uint32(v.m.Partitions)
	}
	return replica.Options{
		Partition: p, Partitions: partitions, ID: id, Node: n.id, Host: n.shardOf(p), Clock: n.clock, Log: n.log.Group(p), FS: n.fs,
		SnapshotDir: path.Join(n.dir, snapshotDir), Seed: n.seed(p), Logger: n.logger, Timing: n.timing, Settings: settings,
		HistoryBytes: n.opts.HistoryBytes,
	}
}

// seed returns the key of a partition's hash function: the same on every replica,
// and unknown to clients, so that they cannot make keys that collide.
func (n *Node) seed(p uint32) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s/%d", n.membership.ClusterID, p)
	return h.Sum64()
}

// openReplica starts a replica that the log knows. One whose state cannot be
// read takes no part and says why. A state of a later format is whole, and is not
// given up: it is an error.
func (n *Node) openReplica(p uint32, id uint64, rec *wal.Replica) error {
	o := n.replicaOptions(p, id)
	r, err := replica.New(o, rec)
	if errors.Is(err, store.ErrLaterFormat) {
		return err
	}
	if err != nil {
		n.logger.Error("replica refused", "partition", p, "replica", id, "error", err)
		r = replica.NewRefused(o, err.Error())
	}
	n.addReplica(r)
	return nil
}

func (n *Node) shardOf(p uint32) *shard { return n.shards[int(p)%len(n.shards)] }

// addReplica makes a replica known and gives it to its shard.
func (n *Node) addReplica(r *replica.Replica) {
	n.replicasMu.Lock()
	n.replicas[r.Partition()] = r
	n.replicasMu.Unlock()
	s := n.shardOf(r.Partition())
	s.post(event{r: r, fn: func() { s.own(r) }})
}

// replica returns the replica of a partition on this node, or nil.
func (n *Node) replica(p uint32) *replica.Replica {
	n.replicasMu.RLock()
	defer n.replicasMu.RUnlock()
	return n.replicas[p]
}

// allReplicas returns the replicas on this node by rising partition.
func (n *Node) allReplicas() []*replica.Replica {
	n.replicasMu.RLock()
	out := make([]*replica.Replica, 0, len(n.replicas))
	for _, r := range n.replicas {
		out = append(out, r)
	}
	n.replicasMu.RUnlock()
	slices.SortFunc(out, func(a, b *replica.Replica) int { return int(a.Partition()) - int(b.Partition()) })
	return out
}

func (n *Node) run() {
	if n.opts.Driver != nil {
		n.driven()
		return
	}
	var shards sync.WaitGroup
	for _, s := range n.shards {
		shards.Go(s.run)
	}
	n.tasks.Go(n.keepHouse)
	go func() {
		shards.Wait()
		close(n.stopped)
	}()
}

// ID returns the node's identity.
func (n *Node) ID() cluster.NodeID { return n.id }

// clusterID returns the cluster that the node belongs to, or "".
func (n *Node) clusterID() string {
	if v := n.view.Load(); v != nil {
		return v.m.ClusterID
	}
	return ""
}

// Transport returns the node's peer connections, whose handler belongs on the
// peer port.
func (n *Node) Transport() Transport { return n.transport }

// Close stops the node and gives back every call it holds. It does not hand
// leaderships over; Drain does.
func (n *Node) Close() error {
	var err error
	n.closing.Do(func() {
		close(n.stopping)
		if n.opts.Driver != nil {
			n.stopDriven()
		}
		<-n.stopped
		n.tasks.Wait()
		n.transport.Close()
		for _, f := range n.forwards.takeAll(func(forwarded) bool { return true }) {
			n.forwardLost(f)
		}
		for _, c := range n.takeHeld() {
			n.Finish(c, replica.NotExecuted)
		}
		for _, c := range n.waiting.giveUp() {
			c.Call.Fail(stoppingReply)
		}
		err = errors.Join(n.log.Close(), n.lock.Close())
	})
	return err
}

// isStopping tells whether Close was called.
func (n *Node) isStopping() bool {
	select {
	case <-n.stopping:
		return true
	default:
		return false
	}
}

// Drain implements cluster.Admin.
func (n *Node) Drain(ctx context.Context) error {
	n.draining.Store(true)
	for {
		if n.handOver() == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("still leading: %w", ctx.Err())
		case <-n.stopped:
			return errStopping
		case <-time.After(n.timing.Tick):
		}
	}
}

// handOver starts to give all leaderships away and returns how many partitions
// this node leads that have another voter to lead them.
func (n *Node) handOver() int {
	left := 0
	for _, s := range n.shards {
		s.do(func() {
			for _, r := range s.inOrder {
				if r.HandOver(func(cluster.NodeID) bool { return false }) {
					left++
					s.touch(r)
				}
			}
		})
	}
	return left
}
