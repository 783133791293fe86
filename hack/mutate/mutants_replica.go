package main

// replicaMutants break the part of a Raft group that is not the library's.
var replicaMutants = []mutant{
	{
		name: "acknowledge before the commit", breaks: "a write is acknowledged when a majority has it",
		file: "internal/kv/replica/propose.go", in: "func (r *Replica) proposeQueued(",
		old: "&proposal{term: r.raftTerm, calls: calls}", new: "&proposal{term: r.raftTerm}\n\tr.finishAll(calls, Done)",
		killers: []killer{{replicaTests, "."}, {nodeTests, "TestAnyNodeServesAnyKey"}},
	},
	{
		name: "send before the sync", breaks: "a message leaves after what it promises is on stable storage",
		file: "internal/kv/replica/drive.go", in: "func (r *Replica) persist(",
		old: "\tresponses := m.GetResponses()\n", new: `	var responses []*raftpb.Message
	for _, resp := range m.GetResponses() {
		if resp.GetTo() == r.id {
			responses = append(responses, resp)
		} else {
			r.send(resp)
		}
	}
`,
		killers: []killer{{replicaTests, "."}, simulated},
	},
	{
		name: "vote without syncing", breaks: "a vote is on stable storage before it is given",
		file: "internal/kv/replica/drive.go", in: "func (r *Replica) persist(",
		old: "w.NoSync = len(responses) == 0 && install == nil", new: "w.NoSync = len(w.Entries) == 0 && install == nil",
		killers: []killer{{replicaTests, "."}, simulated},
	},
	{
		name: "apply twice after a snapshot", breaks: "an entry is executed once",
		file: "internal/kv/replica/replica.go", in: "func New(",
		old: "r.applied, r.appliedTerm, r.reported = s.Index, s.Term", new: "r.applied, r.appliedTerm, r.reported = max(s.Index, 2)-1, s.Term",
		killers: []killer{{replicaTests, "."}, {nodeTests, "TestACompactedLog|TestVolumesOfAllVersions"}, simulated},
	},
	{
		name: "answer with the reply of another request", breaks: "a client gets the reply to what it sent",
		file: "internal/kv/replica/apply.go", in: "func (r *Replica) applyBatch(",
		old: "p != nil && p.term == e.GetTerm()", new: "p != nil",
		killers: []killer{{replicaTests, "."}, simulated},
	},
	{
		name: "expire by the replica's own clock", breaks: "all copies execute a command with the same result",
		file: "internal/kv/replica/apply.go", in: "func (r *Replica) applyBatch(",
		old: "ctx.Store, ctx.Now = st, batch.Now", new: "ctx.Store, ctx.Now = st, r.now()",
		killers: []killer{{replicaTests, "."}, {nodeTests, "Expir|Clock"}},
	},
	{
		name: "bring back what had expired", breaks: "a key that had expired stays away under a leader whose clock is behind",
		file: "internal/kv/replica/read.go", in: "func (r *Replica) now(",
		old: "max(r.clock.WallMillis(), r.newest.Load())", new: "r.clock.WallMillis()",
		killers: []killer{{replicaTests, "."}, {nodeTests, "Expir|Clock"}},
	},
	{
		name: "follow a group that has lost what is committed", breaks: "a leader counts nothing as confirmed that a copy does not have",
		file: "internal/kv/replica/contradiction.go", in: "func (r *Replica) contradicts(",
		old: "case err != nil || have == term:", new: "default:",
		killers: []killer{{simTests, "TestAPowerLossOfAll"}},
	},
	{
		name: "give back what may be committed", breaks: "a command of unknown outcome is not tried again",
		file: "internal/kv/replica/propose.go", in: "func (r *Replica) expireCalls(",
		old: "r.host.Finish(c, Unknown)", new: "r.host.Finish(c, NotExecuted)",
		killers: []killer{{replicaTests, "."}, simulated},
	},
	{
		name: "give back proposals of this term", breaks: "a command that is tried again was not executed",
		file: "internal/kv/replica/propose.go", in: "func (r *Replica) settleBefore(",
		old: "p.term < term", new: "p.term <= term",
		killers: []killer{{replicaTests, "."}, simulated},
	},
	{
		name: "give back what a snapshot may hold", breaks: "a command that is tried again was not executed",
		file: "internal/kv/replica/snapshot.go", in: "func (r *Replica) install(",
		old: "r.settleInside(h.Term)", new: "r.settleBefore(h.Term)",
		killers: []killer{{replicaTests, "."}, simulated},
	},
	{
		name: "forget the lease re-check", breaks: "a leader that was stopped in the middle of a read serves nothing stale",
		file: "internal/kv/replica/read.go", in: "func (r *Replica) TryRead(",
		old: "if !r.lease.held(check, r.clock.Monotonic()) {", new: "if !r.lease.held(check, r.clock.Monotonic()) && false {",
		killers: []killer{{simTests, "TestALeaderThatWasStopped"}},
	},
	{
		name: "a quorum of one", breaks: "a lease is granted by a majority",
		file: "internal/kv/replica/lease.go", in: "func (r *Replica) quorumAck(",
		old: "times[(len(times)-1)/2]", new: "times[len(times)-1]",
		killers: []killer{{replicaTests, "TestALease|TestTwoVoters"}},
	},
	{
		name: "skip the joint quorum", breaks: "while members change, a lease needs a majority of the old and of the new",
		file: "internal/kv/replica/lease.go", in: "func (r *Replica) renewLease(",
		old: "if r.config.Joint() {", new: "if false {",
		killers: []killer{{replicaTests, "TestALeaseInAJoint"}},
	},
	{
		name: "a lease without a margin for drift", breaks: "a lease ends before the voters' clocks let another leader be elected",
		file: "internal/kv/replica/lease.go", in: "func (r *Replica) renewLease(",
		old: "base + promise - promise/driftDivisor", new: "base + promise",
		killers: []killer{{replicaTests, "TestALease"}},
	},
	{
		name: "a lease from when the answer came", breaks: "a lease counts from when the heartbeat was sent",
		file: "internal/kv/replica/drive.go", in: "func (r *Replica) Step(",
		old: "r.acknowledge(raftMsg.GetFrom(), m.Echo)", new: "r.acknowledge(raftMsg.GetFrom(), r.clock.Monotonic())",
		killers: []killer{{replicaTests, "."}, simulated},
	},
	{
		name: "forget the term check", breaks: "what voters told a leader of an earlier term grants no lease",
		file: "internal/kv/replica/drive.go", in: "func (r *Replica) Step(",
		old: "r.leading && raftMsg.GetTerm() == r.raftTerm && m.Echo != 0", new: "r.leading && m.Echo != 0",
		killers: []killer{{replicaTests, "."}, simulated},
	},
	{
		name: "a lease before an entry of the own term", breaks: "a new leader has applied all that is acknowledged before it serves",
		file: "internal/kv/replica/lease.go", in: "func (r *Replica) renewLease(",
		old: " || r.appliedTerm != r.raftTerm", new: "",
		killers: []killer{{replicaTests, "TestNoLeaseBefore"}},
	},
	{
		name: "a lease after a hand-over", breaks: "a leader that told another to campaign serves no more under its lease",
		file: "internal/kv/replica/drive.go", in: "func (r *Replica) deliver(",
		old: "r.handedOver = true", new: "r.handedOver = false",
		killers: []killer{{replicaTests, "."}, simulated},
	},
	{
		name: "vote right after a restart", breaks: "a voter that has forgotten its leader elects no other while that one may hold a lease",
		file: "internal/kv/replica/replica.go", in: "func New(",
		old: "if !fresh {", new: "if false && !fresh {",
		killers: []killer{{replicaTests, "."}, simulated},
	},
	{
		name: "overlook that confirmed entries are gone", breaks: "a copy that has forgotten what it confirmed does not vote",
		file: "internal/kv/replica/drive.go", in: "func (r *Replica) Step(",
		old: "raftMsg.GetCommit() > last {", new: "raftMsg.GetCommit() > last && false {",
		killers: []killer{{nodeTests, "TestACopyThatHasForgotten"}},
	},
	{
		name: "reuse a replica ID", breaks: "a replica ID is never used twice",
		file: "internal/kv/replica/config.go", in: "func confChange(",
		old: "if l.ID < next || ", new: "if ",
		killers: []killer{{replicaTests, "TestAChangeThatDoesNotFit"}},
	},
	{
		name: "forget which IDs are used up", breaks: "a replica ID is never used twice, also when its replica is gone",
		file: "internal/kv/replica/config.go", in: "func configOf(",
		old: "c.NextReplicaID = max(c.NextReplicaID, r.ID+1)", new: "_ = r",
		killers: []killer{{replicaTests, "TestAReplicaIDIsUsedUp"}},
	},
	{
		name: "apply a change made for another configuration", breaks: "two coordinators do not change a group at once",
		file: "internal/kv/replica/config.go", in: "func acceptable(",
		old: "if ctx.Expected != c.Index || c.Joint() {", new: "if false {",
		killers: []killer{{replicaTests, "TestACommittedChangeForAnother"}},
	},
}
