package replica

import (
	"fmt"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

// What happens to a replica, in the order in which its host calls: time passes,
// messages come, and a round ends by handing out what is to be stored and sent.

// Tick lets the group's time pass. The host calls it no sooner than Timing.Tick
// after the last call and never twice to catch up, or followers would break the
// promise that leases rest on.
func (r *Replica) Tick() {
	if !r.running() || r.frozen {
		return
	}
	r.ticks++
	if r.doubt.open.Load() {
		r.pursueDoubt()
	}
	r.tickLibrary()
	r.succeed()
	r.expireCalls()
	if r.leading {
		r.renewLease() // a single voter has nobody to answer
		r.proposeExpiry()
	}
	r.maybeCompact()
	r.writeOwed()
	r.sendCommits()
	r.statusOld = true
}

// Step takes a message from another replica, which lives on node from.
func (r *Replica) Step(from cluster.NodeID, m Message) {
	raftMsg := m.Raft
	switch raftMsg.GetType() {
	case messageHowFar:
		r.answerHowFar(from, raftMsg)
		return
	case messageSoFar:
		r.hearHowFar(raftMsg)
		return
	}
	if !r.running() || r.frozen || r.state == cluster.ReplicaRemoved {
		return
	}
	r.seen[raftMsg.GetFrom()] = from
	switch raftMsg.GetType() {
	case raftpb.MsgVote, raftpb.MsgPreVote:
		if r.abstains(raftMsg) {
			return
		}
		if r.clock.Monotonic() < r.voteHold && string(raftMsg.GetContext()) != campaignTransfer {
			return
		}
	case raftpb.MsgHeartbeat:
		// A leader tells of commits only up to what this replica has confirmed.
		if last := r.log.LastIndex(); raftMsg.GetCommit() > last {
			r.refuse(fmt.Errorf("the log ends at entry %d, but entry %d was confirmed: the volume has lost what was on stable storage",
				last, raftMsg.GetCommit()))
			return
		}
		if raftMsg.GetTerm() >= r.heardTerm {
			r.heardTerm, r.heardAt = raftMsg.GetTerm(), m.SentAt
		}
		r.heardLeader(raftMsg.GetTerm())
	case raftpb.MsgApp:
		if err := r.contradiction(raftMsg); err != nil {
			r.refuse(err)
			return
		}
		r.heardLeader(raftMsg.GetTerm())
	case raftpb.MsgHeartbeatResp:
		if r.leading && raftMsg.GetTerm() == r.raftTerm && m.Echo != 0 {
			r.acknowledge(raftMsg.GetFrom(), m.Echo)
		}
	case raftpb.MsgTimeoutNow:
		if r.abstaining() {
			return
		}
	case raftpb.MsgSnap:
		return // snapshots come through ReceiveSnapshot
	}
	r.step(raftMsg)
	if raftMsg.GetType() == raftpb.MsgPreVote {
		r.heardCandidate(raftMsg)
	}
}

// campaignTransfer is how the library marks a vote request that the old leader
// itself has asked for.
const campaignTransfer = "CampaignTransfer"

// step feeds the library. Its errors say that a message came too late or was not
// for us, and are part of normal life.
func (r *Replica) step(m *raftpb.Message) {
	if err := r.rn.Step(m); err != nil {
		r.logger.Debug("message ignored", "type", m.GetType().String(), "from", m.GetFrom(), "error", err)
	}
}

// PeerUnreachable says that the connection to a node broke: a leader learns that
// messages may be lost, a follower that its leader may be.
func (r *Replica) PeerUnreachable(node cluster.NodeID) {
	if !r.running() {
		return
	}
	if !r.leading {
		r.leaderUnreachable(node)
		return
	}
	for _, set := range [][]cluster.Replica{r.config.Voters, r.config.Outgoing, r.config.Learners} {
		for _, p := range set {
			if p.Node == node {
				r.rn.ReportUnreachable(p.ID)
			}
		}
	}
}

// Flush ends a round: it proposes what has queued up and hands out what the
// library wants written and sent.
func (r *Replica) Flush() {
	if !r.running() {
		r.refuseQueued()
		return
	}
	r.proposeQueued()
	r.askReads()
	for r.rn.HasReady() {
		r.handle(r.rn.Ready())
	}
	r.dropIncoming()
	if r.statusOld {
		r.publish()
	}
}

// handle carries out one Ready. Messages go first, because a snapshot message
// speaks of the state before this Ready's entries are applied.
func (r *Replica) handle(rd raft.Ready) {
	if rd.SoftState != nil || rd.HardState != nil {
		r.noteLeadership(rd)
	}
	for _, rs := range rd.ReadStates {
		r.reads.confirmed(rs)
	}
	for _, m := range rd.Messages {
		switch m.GetTo() {
		case raft.LocalAppendThread:
			r.persist(m)
		case raft.LocalApplyThread:
			if !r.apply(m.GetEntries()) {
				r.unapplied = append(r.unapplied, m.GetResponses()...)
				continue
			}
			for _, resp := range m.GetResponses() {
				r.step(resp)
			}
		default:
			r.send(m)
		}
	}
	r.serveReads()
}

// noteLeadership takes over what the library says about term, role and leader.
func (r *Replica) noteLeadership(rd raft.Ready) {
	b := r.rn.BasicStatus()
	term := b.GetTerm()
	if term == r.raftTerm && b.Lead == r.raftLeader && b.RaftState == r.raftRole {
		return
	}
	if term != r.raftTerm || b.RaftState != raft.StateLeader {
		r.commits = commits{}
		r.lease.revoke()
		r.handedOver = false
		clear(r.acked)
	}
	wasLeading := r.leading
	r.raftTerm, r.raftLeader, r.raftRole = term, b.Lead, b.RaftState
	r.leading = b.RaftState == raft.StateLeader && r.outdated == ""
	if wasLeading && !r.leading {
		r.stopLeading()
	}
	if wasLeading != r.leading || term != r.raftTerm {
		r.logger.Info("leadership changed", "term", term, "leader", b.Lead, "leading", r.leading)
	}
	r.announce()
}

// announce makes leadership and configuration visible to other goroutines and
// tells the host.
func (r *Replica) announce() {
	r.leader.Store(r.raftLeader)
	r.publish()
	r.host.LeadershipChanged(r)
}

// send gives one message to the transport, unless it can wait.
func (r *Replica) send(m *raftpb.Message) {
	if m.GetType() != raftpb.MsgApp || !r.hold(m) {
		r.deliver(m)
	}
}

// deliver gives one message to the transport, stamped for leases.
func (r *Replica) deliver(m *raftpb.Message) {
	to := nodeOf(&r.config, m.GetTo())
	if to == "" {
		if to = r.seen[m.GetTo()]; to == "" {
			return
		}
	}
	out := Message{Raft: m}
	switch m.GetType() {
	case raftpb.MsgVote, raftpb.MsgPreVote:
		if r.abstaining() {
			return
		}
	case raftpb.MsgHeartbeat:
		out.SentAt = r.clock.Monotonic()
	case raftpb.MsgHeartbeatResp:
		if m.GetTerm() == r.heardTerm {
			out.Echo = r.heardAt
		}
	case raftpb.MsgTimeoutNow:
		r.handedOver = true
		r.lease.revoke()
	case raftpb.MsgSnap:
		r.sendSnapshot(to, m)
		return
	}
	r.host.Send(to, r.partition, out)
}

// persist hands what the library wants stored to the log. Its responses are sent,
// or stepped, once that is on stable storage.
func (r *Replica) persist(m *raftpb.Message) {
	w := &wal.Write{Partition: r.partition, Replica: r.id, Entries: walEntries(m.GetEntries())}
	promise := r.hard.note(m)
	responses := m.GetResponses()
	var install *incomingSnapshot
	if s := m.GetSnapshot(); !raft.IsEmptySnap(s) {
		if install = r.takeIncoming(s); install == nil {
			r.refuse(fmt.Errorf("snapshot %d was accepted but is not here", s.GetMetadata().GetIndex()))
			return
		}
		w.Snapshot = install.ref
	}
	if promise || r.hard.owed && (len(w.Entries) > 0 || install != nil) {
		w.HardState = r.hard.take()
	} else if len(w.Entries) == 0 && install == nil && len(responses) == 0 {
		return
	}
	w.NoSync = len(responses) == 0 && install == nil
	own := len(m.GetEntries()) > 0 && r.leading
	if own {
		r.proposals.unsynced++
	}
	generation := r.generation
	w.Done = func() {
		r.host.Post(r, func() {
			if !r.running() || r.generation != generation {
				return
			}
			if own {
				r.proposals.unsynced--
			}
			if install != nil {
				r.install(install)
			}
			r.stored(w)
			for _, resp := range responses {
				if resp.GetTo() == r.id {
					r.step(resp)
				} else {
					r.send(resp)
				}
			}
		})
	}
	r.host.Write(w)
}
