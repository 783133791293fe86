package replica

import (
	crand "crypto/rand"
	"encoding/binary"
	"encoding/json"
	"slices"
	"sync/atomic"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

// A replica whose log was cut at its end is in doubt: what was cut was a write under
// way or, if the disk rots, entries that it had confirmed. If it then helped to elect
// somebody who lacks them, they would be lost although all other copies are well. So
// it asks the others how far their logs reach, and until its own reaches as far as the
// answers say (the floor) it
//
//   - stands for no election,
//   - votes only for who reaches the floor, and for nobody before that is known.
//
// It follows a leader meanwhile: that it has an entry is true whatever it has
// forgotten. Its term and vote are never in doubt (see package wal), so whatever it
// confirmed and forgot, it confirmed to the leader of its newest term, T.
//
// Two things make a floor:
//
//   - The end of the log of a leader of T or later: it has what was committed before
//     its term, and all that it was told of in it.
//   - The longest of the logs of all voters, when each has answered twice, the second
//     time after all had answered once, and none as a leader of T or an earlier term.
//     Then the leader of T leads no more, what it committed it committed before the
//     second answers, and whoever confirmed that has it and says so, if at most a
//     minority forgets. (The restriction of elections, Ongaro 3.6.1, with all voters
//     in place of a majority.)
//
// A copy that is refused, or whose volume is known to be lost, counts as having
// answered with nothing: then it is the one that forgets. For one that is only away
// the others have to wait, if no leader is left.
//
// Compare: Alagappan et al., "Protocol-Aware Recovery for Consensus-Based Storage"
// (FAST 2018), which proves by a record of its own what was synced; here the next
// batch does that, and what remains is the last one.

// Messages between replicas that are not the library's.
const (
	messageHowFar raftpb.MessageType = 100 // the question; its context is the nonce
	messageSoFar  raftpb.MessageType = 101 // the answer
)

// askTicks is how long a replica in doubt waits before it asks again who has not
// answered, or everybody once more.
const askTicks = 6

// position is a place in a log.
type position struct{ term, index uint64 }

func (p position) reaches(q position) bool {
	return p.term > q.term || p.term == q.term && p.index >= q.index
}

// doubt is what a replica knows about what it may have forgotten.
type doubt struct {
	open atomic.Bool // written by the owner

	nonce    uint64 // of the round of questions
	askAt    uint64 // ticks
	answers  map[uint64]howFar
	rounds   int      // that were answered by all
	durable  position // the end of this replica's log
	floor    position
	hasFloor bool
}

// howFar is what a replica answers, besides the end of its log.
type howFar struct {
	Nonce   uint64         `json:"nonce"`
	Leading bool           `json:"leading,omitempty"`
	Refused bool           `json:"refused,omitempty"`
	Config  cluster.Config `json:"config"`

	end position
}

// Doubtful tells whether the replica may have forgotten what it confirmed. Any
// goroutine may call it. It stays so in a copy that is refused.
func (r *Replica) Doubtful() bool { return r.doubt.open.Load() }

// beginDoubt notes that the log was cut.
func (r *Replica) beginDoubt() {
	r.logger.Warn("the log was cut at its end: this copy does not vote before it knows that it has forgotten nothing")
	last := r.log.LastIndex()
	term, _ := r.log.Term(last) // 0 for an empty log
	r.doubt.durable = position{term, last}
	r.doubt.open.Store(true)
	r.newRound()
}

func (r *Replica) newRound() {
	var b [8]byte
	crand.Read(b[:]) // never fails
	r.doubt.nonce, r.doubt.answers = binary.LittleEndian.Uint64(b[:]), map[uint64]howFar{}
}

// abstains tells whether a request to vote for a leader is not to be listened to.
func (r *Replica) abstains(m *raftpb.Message) bool {
	d := &r.doubt
	if !d.open.Load() {
		return false
	}
	return !d.hasFloor || !position{m.GetLogTerm(), m.GetIndex()}.reaches(d.floor)
}

// pursueDoubt asks those who have not answered.
func (r *Replica) pursueDoubt() {
	d := &r.doubt
	if r.ticks < d.askAt {
		return
	}
	d.askAt = r.ticks + askTicks
	if r.countAnswers(); !d.open.Load() {
		return
	}
	ask := others(r.newestConfig(), r.id)
	if r.raftLeader != 0 && !contains(ask, r.raftLeader) {
		ask = append(ask, cluster.Replica{ID: r.raftLeader, Node: r.seen[r.raftLeader]})
	}
	for _, o := range ask {
		if _, known := d.answers[o.ID]; !known && o.Node != "" {
			r.host.Send(o.Node, r.partition, Message{Raft: &raftpb.Message{
				Type: messageHowFar.Enum(), From: new(r.id), To: new(o.ID), Context: binary.BigEndian.AppendUint64(nil, d.nonce),
			}})
		}
	}
}

// others returns the voters of a configuration without one.
func others(c *cluster.Config, self uint64) []cluster.Replica {
	all := slices.Concat(c.Voters, c.Outgoing)
	return slices.DeleteFunc(all, func(v cluster.Replica) bool { return v.ID == self })
}

// newestConfig returns the newest configuration that this replica or one that
// answered has.
func (r *Replica) newestConfig() *cluster.Config {
	newest := &r.config
	for _, a := range r.doubt.answers {
		if a.Config.Index > newest.Index {
			newest = &a.Config
		}
	}
	return newest
}

// answerHowFar tells a replica in doubt where the log ends here.
func (r *Replica) answerHowFar(from cluster.NodeID, m *raftpb.Message) {
	if r.frozen || len(m.GetContext()) != 8 {
		return
	}
	a := howFar{Nonce: binary.BigEndian.Uint64(m.GetContext()), Config: r.config}
	out := &raftpb.Message{Type: messageSoFar.Enum(), From: new(r.id), To: new(m.GetFrom())}
	switch {
	case r.state == cluster.ReplicaRefused:
		a.Refused, a.Config = true, cluster.Config{}
	case r.running():
		b := r.rn.BasicStatus()
		a.Leading = b.RaftState == raft.StateLeader
		last := r.log.LastIndex()
		term, err := r.log.Term(last)
		if err != nil && last > 0 {
			return
		}
		out.Term, out.LogTerm, out.Index = new(b.GetTerm()), new(term), new(last)
	default:
		return
	}
	var err error
	if out.Context, err = json.Marshal(a); err == nil {
		r.host.Send(from, r.partition, Message{Raft: out})
	}
}

// hearHowFar takes an answer.
func (r *Replica) hearHowFar(m *raftpb.Message) {
	d := &r.doubt
	var a howFar
	if !r.running() || !d.open.Load() || json.Unmarshal(m.GetContext(), &a) != nil || a.Nonce != d.nonce {
		return
	}
	a.end = position{m.GetLogTerm(), m.GetIndex()}
	if a.Leading {
		// One that does not know yet that it was replaced is asked again.
		if m.GetTerm() >= r.rn.BasicStatus().GetTerm() {
			r.setFloor(a.end)
		}
		return
	}
	d.answers[m.GetFrom()] = a
	r.countAnswers()
}

// countAnswers ends a round that all voters have answered.
func (r *Replica) countAnswers() {
	d := &r.doubt
	config := r.newestConfig()
	if config.Index == 0 {
		return // an empty replica knows nobody; a leader has to fill it
	}
	end := d.durable
	for _, v := range others(config, r.id) {
		a, known := d.answers[v.ID]
		switch {
		case !known && !r.host.Lost(v.Node):
			return
		case a.end.reaches(end):
			end = a.end
		}
	}
	d.rounds++
	r.newRound()
	if d.rounds == 1 && len(others(config, r.id)) > 0 {
		d.askAt = 0 // once more, at once
		return
	}
	d.askAt = r.ticks + askTicks
	r.setFloor(end)
}

// setFloor takes over a floor. Each of them is right, so the lowest is.
func (r *Replica) setFloor(p position) {
	d := &r.doubt
	if !d.hasFloor || d.floor.reaches(p) {
		d.floor, d.hasFloor = p, true
	}
	r.settleDoubt()
}

// stored notes what is on stable storage now.
func (r *Replica) stored(w *wal.Write) {
	if !r.doubt.open.Load() {
		return
	}
	if s := w.Snapshot; s != nil && s.Received {
		r.doubt.durable = position{s.Term, s.Index}
	}
	if n := len(w.Entries); n > 0 {
		r.doubt.durable = position{w.Entries[n-1].Term, w.Entries[n-1].Index}
	}
	r.settleDoubt()
}

// settleDoubt ends the doubt when the log reaches the floor.
func (r *Replica) settleDoubt() {
	d := &r.doubt
	if d.hasFloor && d.durable.reaches(d.floor) {
		r.logger.Info("this copy has all that it can have confirmed", "term", d.floor.term, "index", d.floor.index)
		r.endDoubt()
	}
}

func (r *Replica) endDoubt() {
	r.doubt.open.Store(false)
	r.doubt.answers = nil
	r.statusOld = true
}
