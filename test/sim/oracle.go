package sim

import (
	"errors"
	"fmt"
	"hash/crc32"
	"syscall"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/command"
	"github.com/ringkv/ringkv/internal/kv/replica"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

// oracle sees everything at once and says when a promise is broken.
type oracle struct {
	w       *world
	leaders map[termKey]uint64            // who led a term
	homes   map[replicaKey]cluster.NodeID // where a replica ID lives; it has one home for ever
	removed map[heldKey]uint64            // the highest replica ID that a node confirmed to have removed
	logs    map[uint32]map[uint64]entry   // what was applied at each index
	last    map[uint32]uint64             // the highest index that was applied
	members map[uint32]uint64             // the newest configuration that a replica had
	states  map[stateKey]uint64           // hash of the state by revision
	seen    map[*replica.Replica]*view
	loss    loss
	whole   bool // every applied entry was seen
	rotten  bool // a replica may be refused
	damaged bool // what was on stable storage was taken away
	checks  int
}

type termKey struct {
	partition uint32
	term      uint64
}

type replicaKey struct {
	partition uint32
	id        uint64
}

type heldKey struct {
	node      cluster.NodeID
	partition uint32
}

type stateKey struct {
	partition uint32
	revision  uint64
}

type entry struct {
	term uint64
	sum  uint32
	seen int64        // true time
	ops  []*operation // that it carries
}

// view is how far the oracle has looked at a replica.
type view struct{ applied, revision uint64 }

func newOracle(w *world) *oracle {
	return &oracle{
		w: w, whole: true, leaders: map[termKey]uint64{}, homes: map[replicaKey]cluster.NodeID{}, removed: map[heldKey]uint64{},
		logs: map[uint32]map[uint64]entry{}, last: map[uint32]uint64{}, members: map[uint32]uint64{}, states: map[stateKey]uint64{}, seen: map[*replica.Replica]*view{},
	}
}

const lookInterval = 10 * time.Millisecond

func (o *oracle) watch() {
	o.look()
	o.w.after(lookInterval, nil, o.watch)
}

// leads takes note of a message that only a leader sends.
func (o *oracle) leads(p *process, partition uint32, term, from uint64) {
	k := termKey{partition, term}
	if was := o.leaders[k]; was != 0 && was != from {
		o.w.fail("partition %d has two leaders in term %d: replicas %d and %d", partition, term, was, from)
	}
	o.leaders[k] = from
	o.lives(p, partition, from)
}

// lives checks that a replica is where it always was, and was not removed.
func (o *oracle) lives(p *process, partition uint32, id uint64) {
	if p.node == nil {
		return
	}
	k := replicaKey{partition, id}
	if home := o.homes[k]; home != "" && home != p.node.ID() {
		o.w.fail("replica %d of partition %d was used twice: on %s and on %s", id, partition, home.Short(), p.node.ID().Short())
	}
	o.homes[k] = p.node.ID()
	if gone := o.removed[heldKey{p.node.ID(), partition}]; id <= gone {
		o.w.fail("replica %d of partition %d is back on %s, which had removed %d", id, partition, p.m.name, gone)
	}
}

// cannotStart judges why a node does not come up.
func (o *oracle) cannotStart(m *machine, err error) {
	switch {
	case errors.Is(err, syscall.EIO) || errors.Is(err, syscall.ENOSPC):
		o.w.restart(m, time.Second) // the next try may find the disk well
		return
	case !o.rotten:
		o.w.fail("%s cannot start: %v", m.name, err)
		return
	}
	m.w.logf("%s gets an empty volume", m.name)
	m.wipe = true
}

func (o *oracle) look() {
	for _, m := range o.w.machines {
		if m.running() != nil {
			o.lookAt(m.process)
		}
	}
	o.lookAtConfirmed()
}

// lookAtConfirmed checks that what leaders count as confirmed is there: a copy that says
// that it has an entry, and has another one, makes majorities that are none.
func (o *oracle) lookAtConfirmed() {
	if o.damaged {
		return
	}
	type copied struct {
		status cluster.ReplicaStatus
		log    *wal.Group
	}
	copies := map[replicaKey]copied{}
	var leaders []copied
	for _, m := range o.w.machines {
		if m.running() == nil {
			continue
		}
		for _, r := range m.process.node.Replicas() {
			c := copied{r.Status(), m.process.node.Log().Group(r.Partition())}
			copies[replicaKey{r.Partition(), r.ID()}] = c
			if len(c.status.Progress) > 0 {
				leaders = append(leaders, c)
			}
		}
	}
	for _, l := range leaders {
		for _, p := range l.status.Progress {
			c, here := copies[replicaKey{l.status.Partition, p.ID}]
			if !here || c.status.State == cluster.ReplicaRefused || c.status.Term != l.status.Term {
				continue
			}
			wanted, err := l.log.Term(p.Match)
			if err != nil {
				continue
			}
			if has, err := c.log.Term(p.Match); err == nil && has != wanted {
				o.w.fail("replica %d of partition %d has confirmed entry %d of term %d, but has one of term %d", p.ID, l.status.Partition, p.Match, wanted, has)
			}
		}
	}
}

// lookAt compares a node's replicas with all that was seen before.
func (o *oracle) lookAt(p *process) {
	for _, r := range p.node.Replicas() {
		s := r.Status()
		if s.State == cluster.ReplicaRefused {
			if !o.rotten {
				o.w.fail("%s refuses replica %d of partition %d: %s", p.m.name, r.ID(), r.Partition(), s.Reason)
			}
			continue
		}
		// One that was made and never became a member is nobody yet: its ID goes
		// to another node if the coordinator changes its mind.
		if s.State != cluster.ReplicaEmpty {
			o.lives(p, r.Partition(), r.ID())
		}
		o.lookAtMembers(&s)
		v := o.seen[r]
		if v == nil {
			v = &view{}
			o.seen[r] = v
		}
		o.lookAtEntries(p, r, v, s.AppliedIndex)
		o.lookAtState(p, r, v)
	}
}

// lookAtMembers notices a configuration that nobody has had before.
func (o *oracle) lookAtMembers(s *cluster.ReplicaStatus) {
	was := o.members[s.Partition]
	o.members[s.Partition] = max(was, s.Config.Index)
	if fn := o.w.membersChanged; fn != nil && was > 0 && s.Config.Index > was {
		o.w.after(0, nil, fn)
	}
}

func (o *oracle) lookAtEntries(p *process, r *replica.Replica, v *view, applied uint64) {
	g := p.node.Log().Group(r.Partition())
	first := max(v.applied+1, g.FirstIndex())
	if applied <= v.applied || g.Replica() != r.ID() {
		return
	}
	log := o.logs[r.Partition()]
	if log == nil {
		log = map[uint64]entry{}
		o.logs[r.Partition()] = log
	}
	if first <= min(applied, g.LastIndex()) {
		es, err := g.Entries(first, min(applied, g.LastIndex())+1, 1<<30)
		if err != nil {
			o.w.fail("%s: entries %d to %d of partition %d cannot be read: %v", p.m.name, first, applied, r.Partition(), err)
			return
		}
		for _, e := range es {
			if o.loss.took(r.Partition(), e) {
				continue
			}
			now := entry{term: e.Term, sum: crc32.ChecksumIEEE(e.Data), seen: o.w.now}
			if o.loss.shows(r.Partition(), e) {
				o.forget(r.Partition(), e.Index)
			}
			was, known := log[e.Index]
			if known && (was.term != now.term || was.sum != now.sum) {
				o.w.fail("%s applied another entry %d of partition %d (term %d) than others (term %d)", p.m.name, e.Index, r.Partition(), now.term, was.term)
			}
			if !known {
				now.ops = o.landed(r.Partition(), e)
				log[e.Index] = now
			}
		}
	}
	for i := o.last[r.Partition()] + 1; i <= applied; i++ {
		if _, known := log[i]; !known && i > 1 {
			o.whole = false // it came and was compacted between two looks
		}
	}
	o.last[r.Partition()] = max(o.last[r.Partition()], applied)
	v.applied = applied
	o.checks++
}

// landed settles the operations that an entry carries, and returns them.
func (o *oracle) landed(partition uint32, e wal.Entry) (ops []*operation) {
	if raftpb.EntryType(e.Kind) != raftpb.EntryNormal || len(e.Data) == 0 {
		return nil
	}
	batch, err := command.DecodeBatch(e.Data)
	if err != nil {
		o.w.fail("entry %d of partition %d: %v", e.Index, partition, err)
		return nil
	}
	if batch.Now > o.w.latest() {
		o.w.fail("entry %d of partition %d is of %d, but no clock shows more than %d", e.Index, partition, batch.Now, o.w.latest())
	}
	for n := uint64(0); ; n++ {
		args, ok := batch.Next(nil)
		if !ok {
			return ops
		}
		if op := o.w.clients.byToken[token(args)]; op != nil {
			ops = append(ops, op)
			if op.landed++; op.landed == 1 {
				op.index, op.stamp = e.Index<<20+n, batch.Now
			}
		}
	}
}

func (o *oracle) lookAtState(p *process, r *replica.Replica, v *view) {
	if o.loss.at > 0 {
		return // a copy that goes on from what others forgot is not found out at once
	}
	st := r.Store()
	st.RLock()
	defer st.RUnlock()
	if st.Revision() == v.revision {
		return
	}
	v.revision = st.Revision()
	k, hash := stateKey{r.Partition(), v.revision}, st.Hash()
	if was, known := o.states[k]; known && was != hash {
		o.w.fail("%s has another state of partition %d at revision %d than others", p.m.name, r.Partition(), v.revision)
	}
	o.states[k] = hash
}

// atRest says what keeps all copies of a partition from being the same, or "".
func (o *oracle) atRest() string {
	type content struct{ revision, hash uint64 }
	contents := map[uint32]content{}
	for _, m := range o.w.machines {
		if m.running() == nil {
			continue
		}
		for _, r := range m.process.node.Replicas() {
			if r.Status().State != cluster.ReplicaRunning {
				continue
			}
			st := r.Store()
			st.RLock()
			now := content{st.Revision(), st.Hash()}
			st.RUnlock()
			if was, known := contents[r.Partition()]; known && was != now {
				return fmt.Sprintf("copies of partition %d have revisions %d and %d, and states %x and %x", r.Partition(), was.revision, now.revision, was.hash, now.hash)
			}
			contents[r.Partition()] = now
		}
	}
	return ""
}

// near is how many entries a replica may be behind under load and still count as
// having caught up.
const near = 20

// unsettled says what keeps the cluster from being at rest and whole, or "".
func (o *oracle) unsettled() string {
	leaders := map[uint32]*cluster.ReplicaStatus{}
	applied := map[replicaKey]uint64{}
	for _, m := range o.w.machines {
		if m.gone {
			continue
		}
		if m.running() == nil {
			return m.name + " is down"
		}
		for _, r := range m.process.node.Replicas() {
			s := r.Status()
			if s.State != cluster.ReplicaRunning {
				return fmt.Sprintf("replica %d of partition %d on %s is %s", s.ID, s.Partition, m.name, s.State)
			}
			if s.Doubtful {
				return fmt.Sprintf("replica %d of partition %d on %s does not know whether it has forgotten something", s.ID, s.Partition, m.name)
			}
			applied[replicaKey{s.Partition, s.ID}] = s.AppliedIndex
			if s.Role == cluster.RoleLeader && len(s.Progress) > 0 && (leaders[s.Partition] == nil || leaders[s.Partition].Term < s.Term) {
				leaders[s.Partition] = &s
			}
		}
	}
	for p := range uint32(o.w.config.Partitions) {
		l := leaders[p]
		switch {
		case l == nil:
			return fmt.Sprintf("partition %d has no leader", p)
		case len(l.Config.Voters) != o.w.replicas || l.Config.Joint() || len(l.Config.Learners) > 0:
			return fmt.Sprintf("partition %d has the configuration %+v", p, l.Config)
		}
		for _, v := range l.Config.Voters {
			if applied[replicaKey{p, v.ID}]+near < l.AppliedIndex {
				return fmt.Sprintf("replica %d of partition %d is behind", v.ID, p)
			}
		}
	}
	return ""
}
