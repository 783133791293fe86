package replica

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/command"
	"github.com/ringkv/ringkv/internal/kv/store"
	"github.com/ringkv/ringkv/internal/kv/vfs"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

// Replica is one member of a Raft group. See the package comment for which
// goroutine may call what.
type Replica struct {
	partition uint32
	count     uint32 // of partitions
	id        uint64
	node      cluster.NodeID
	host      Host
	clock     Clock
	log       *wal.Group
	fs        vfs.FS
	dir       string
	seed      uint64
	history   int // bytes
	logger    *slog.Logger
	timing    Timing

	store atomic.Pointer[store.Store] // replaced when a snapshot arrives
	lease lease
	queue queue
	doubt doubt
	// published is what Status and Leadership show.
	published struct {
		sync.Mutex
		status     cluster.ReplicaStatus
		leadership cluster.Leadership
		leading    bool // and able to serve
		readable   bool // holds a state of the partition
	}
	leader   atomic.Uint64 // replica ID, 0 if unknown
	contexts command.Contexts
	newest   atomic.Int64  // time of the newest batch that was applied
	received atomic.Uint64 // snapshot streams, for the names of their files

	// Everything below belongs to the owner.

	rn       *raft.RawNode
	storage  *storage
	hard     hardState
	commits  commits
	settings cluster.Settings
	state    cluster.ReplicaState
	reason   string // why the state is Refused
	// outdated is what this build cannot execute, and unapplied are the responses that
	// the library waits for since; see outdated.go.
	outdated  string
	unapplied []*raftpb.Message

	raftTerm   uint64
	raftRole   raft.StateType
	raftLeader uint64
	leading    bool
	handedOver bool             // told another replica to campaign in this term
	acked      map[uint64]int64 // by voter: SentAt of the newest heartbeat it answered
	voteHold   int64            // no votes before this monotonic time
	heardAt    int64            // SentAt of the last heartbeat from the leader
	heardTerm  uint64           // and its term
	succession succession
	seen       map[uint64]cluster.NodeID

	applied     uint64
	appliedTerm uint64
	config      cluster.Config
	reported    cluster.Config // config, as far as its commit is on stable storage

	proposals proposals
	context   command.Context
	args      [][]byte      // of the command being applied
	discard   command.Reply // replies that nobody waits for
	reads     reads
	compact   compaction
	// frozen: a change around consensus is being written; the group stands still.
	frozen bool
	// generation tells completions of a group that was started again from those
	// of the one before.
	generation uint64
	incoming   map[uint64]*incomingSnapshot // by index
	ticks      uint64
	statusOld  bool // the published status is out of date
}

// Create makes the log write that starts the life of a replica. Voters is the
// configuration that the partition starts with; nil makes an empty replica that
// waits for a leader to fill it.
func Create(partition uint32, id uint64, voters []cluster.Replica) (*wal.Write, error) {
	config := cluster.Config{}
	w := &wal.Write{Partition: partition, Replica: id}
	if len(voters) > 0 {
		config = InitialConfig(voters)
		meta, err := json.Marshal(config)
		if err != nil {
			return nil, err
		}
		w.Snapshot = &wal.SnapshotRef{Term: initialTerm, Index: initialIndex, Meta: meta}
		w.HardState = &wal.HardState{Term: initialTerm, Commit: initialIndex}
	}
	var err error
	if w.Create, err = json.Marshal(config); err != nil {
		return nil, err
	}
	return w, nil
}

// New opens a replica that the log knows, from its newest snapshot. The log is
// replayed by the library as entries that are committed already.
func New(o Options, recovered *wal.Replica) (*Replica, error) {
	r := newReplica(o)
	st := r.newStore()
	hard := &raftpb.HardState{}
	fresh := true
	if recovered != nil {
		if s := recovered.Snapshot; s != nil {
			if err := json.Unmarshal(s.Meta, &r.config); err != nil {
				return nil, fmt.Errorf("partition %d replica %d: decode the configuration in snapshot %d: %w",
					r.partition, r.id, s.Index, err)
			}
			if s.File != "" {
				if err := r.load(st, s.File, func() {}); err != nil {
					return nil, fmt.Errorf("partition %d replica %d: %w", r.partition, r.id, err)
				}
			}
			r.applied, r.appliedTerm, r.reported = s.Index, s.Term, r.config
		}
		h := recovered.HardState
		hard = &raftpb.HardState{Term: new(h.Term), Vote: new(h.Vote), Commit: new(h.Commit)}
		fresh = h.Term <= initialTerm && h.Commit <= initialIndex
	}
	r.store.Store(st)
	if !fresh {
		r.voteHold = r.clock.Monotonic() + r.timing.promise().Nanoseconds()
	}
	if err := r.startRaft(hard); err != nil {
		return nil, err
	}
	if recovered != nil && recovered.Doubtful {
		r.beginDoubt()
	}
	r.setState()
	r.publish()
	return r, nil
}

// startRaft makes the library's side of the group from what is on stable storage.
func (r *Replica) startRaft(hard *raftpb.HardState) error {
	r.storage = &storage{r: r, hard: hard}
	rn, err := raft.NewRawNode(&raft.Config{
		ID:                        r.id,
		ElectionTick:              r.timing.ElectionTicks,
		HeartbeatTick:             r.timing.HeartbeatTicks,
		Storage:                   r.storage,
		Applied:                   r.applied,
		AsyncStorageWrites:        true,
		MaxSizePerMsg:             1 << 20,
		MaxCommittedSizePerReady:  4 << 20,
		MaxUncommittedEntriesSize: 64 << 20,
		MaxInflightMsgs:           256,
		MaxInflightBytes:          32 << 20,
		CheckQuorum:               true,
		PreVote:                   true,
		ReadOnlyOption:            raft.ReadOnlySafe,
		DisableProposalForwarding: true,
		StepDownOnRemoval:         true,
		Logger:                    raftLogger{r.logger},
	})
	if err != nil {
		return fmt.Errorf("partition %d replica %d: start raft: %w", r.partition, r.id, err)
	}
	r.rn = rn
	r.hard = hardState{newest: wal.HardState{Term: hard.GetTerm(), Vote: hard.GetVote(), Commit: hard.GetCommit()}}
	r.raftTerm, r.raftLeader, r.raftRole, r.leading = hard.GetTerm(), 0, raft.StateFollower, false
	return nil
}

// NewRefused makes a replica that takes no part in its group and only reports
// why, so that the coordinator replaces it.
func NewRefused(o Options, reason string) *Replica {
	r := newReplica(o)
	r.store.Store(r.newStore())
	r.state, r.reason = cluster.ReplicaRefused, reason
	r.publish()
	return r
}

func newReplica(o Options) *Replica {
	return &Replica{
		partition: o.Partition,
		id:        o.ID,
		node:      o.Node,
		host:      o.Host,
		clock:     o.Clock,
		log:       o.Log,
		fs:        o.FS,
		dir:       o.SnapshotDir,
		seed:      o.Seed,
		history:   o.HistoryBytes,
		logger:    o.Logger.With("partition", o.Partition, "replica", o.ID),
		timing:    o.Timing,
		settings:  o.Settings,
		acked:     map[uint64]int64{},
		seen:      map[uint64]cluster.NodeID{},
		incoming:  map[uint64]*incomingSnapshot{},
		proposals: proposals{pending: map[uint64]*proposal{}},
		context:   command.Context{Partition: o.Partition, Partitions: o.Partitions},
		count:     o.Partitions,
	}
}

// newStore makes an empty state.
func (r *Replica) newStore() *store.Store {
	st := store.New(r.seed)
	st.KeepHistory(r.history)
	return st
}

// Partition returns the partition that the replica is a copy of.
func (r *Replica) Partition() uint32 { return r.partition }

// ID returns the replica ID.
func (r *Replica) ID() uint64 { return r.id }

// Store returns the replica's state, for counting; it changes when a snapshot
// arrives.
func (r *Replica) Store() *store.Store { return r.store.Load() }

// SetSettings takes over changed settings of the cluster.
func (r *Replica) SetSettings(s cluster.Settings) {
	if s.Reads == cluster.ReadsIndex {
		r.lease.revoke()
	}
	r.settings = s
}

// running tells whether the replica takes part in its group.
func (r *Replica) running() bool { return r.rn != nil && r.state != cluster.ReplicaRefused }

// refuse takes the replica out of its group: it found that what it holds cannot
// be trusted.
func (r *Replica) refuse(err error) {
	if r.state == cluster.ReplicaRefused {
		return
	}
	r.logger.Error("replica refused", "error", err)
	r.state, r.reason = cluster.ReplicaRefused, err.Error()
	r.lease.revoke()
	if r.leading {
		r.leading, r.raftLeader = false, 0
		r.stopLeading()
	} // else who leads goes on leading, and the next leader tells all nodes
	r.announce()
	r.host.Refuse(r, err)
}

// setState derives the state from the configuration: a replica that was a member
// and is none now was removed.
func (r *Replica) setState() {
	switch {
	case r.state == cluster.ReplicaRefused:
	case r.config.Index == 0:
		r.state = cluster.ReplicaEmpty
	case nodeOf(&r.config, r.id) != "":
		r.state = cluster.ReplicaRunning
	default:
		r.state = cluster.ReplicaRemoved
	}
}

// Close gives back every call that the replica still holds. The owner calls it
// once, last.
func (r *Replica) Close() {
	r.lease.revoke()
	r.leading = false
	r.rn = nil
	r.stopLeading()
	for _, seq := range slices.Sorted(maps.Keys(r.proposals.pending)) {
		r.finishAll(r.proposals.pending[seq].calls, Unknown)
	}
	clear(r.proposals.pending)
	r.queue.close()
	r.refuseQueued()
}

// snapshotMetadata describes the applied state as the library wants it.
func (r *Replica) snapshotMetadata() *raftpb.Snapshot {
	return &raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{
		ConfState: proto.Clone(confState(&r.config)).(*raftpb.ConfState),
		Index:     new(r.applied),
		Term:      new(r.appliedTerm),
	}}
}
