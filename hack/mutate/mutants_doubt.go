package main

const certificateTests = "./internal/certificate"

// doubtMutants break what a copy in doubt may do, or one whose build is too old.
var doubtMutants = []mutant{
	{
		name: "overlook that the log was cut", breaks: "a copy whose log was cut at its end is in doubt",
		file: "internal/kv/replica/replica.go", in: "func New(",
		old: "recovered != nil && recovered.Doubtful", new: "recovered != nil && recovered.Doubtful && false",
		killers: []killer{{replicaTests, "Doubt|TestACopyThatIsGone|TestWithoutALeader"}},
	},
	{
		name: "vote in doubt", breaks: "a copy in doubt votes for nobody before it knows how far the others are",
		file: "internal/kv/replica/doubt.go", in: "func (r *Replica) abstains(",
		old: "return !d.hasFloor || ", new: "return d.hasFloor && ",
		killers: []killer{{replicaTests, "TestACopyInDoubt"}},
	},
	{
		name: "vote below the floor", breaks: "a copy in doubt votes only for who has all that it can have confirmed",
		file: "internal/kv/replica/doubt.go", in: "func (r *Replica) abstains(",
		old: " || !position{m.GetLogTerm(), m.GetIndex()}.reaches(d.floor)", new: "",
		killers: []killer{{replicaTests, "TestTheLeadersLog"}},
	},
	{
		name: "stand for election in doubt", breaks: "a copy in doubt stands for no election",
		file: "internal/kv/replica/outdated.go", in: "func (r *Replica) abstaining(",
		old: ` || r.doubt.open.Load()`, new: "",
		killers: []killer{{replicaTests, "TestACopyInDoubt"}},
	},
	{
		name: "believe a leader of an earlier term", breaks: "a leader that was replaced and does not know yet ends no doubt",
		file: "internal/kv/replica/doubt.go", in: "func (r *Replica) hearHowFar(",
		old: "if m.GetTerm() >= r.rn.BasicStatus().GetTerm() {", new: "if true {",
		killers: []killer{{replicaTests, "TestALeaderThatWasReplaced"}},
	},
	{
		name: "ask once", breaks: "without a leader all voters answer twice: one may have confirmed more after its first answer",
		file: "internal/kv/replica/doubt.go", in: "func (r *Replica) countAnswers(",
		old: "if d.rounds == 1 && ", new: "if d.rounds == 0 && ",
		killers: []killer{{replicaTests, "TestWithoutALeader"}},
	},
	{
		name: "do without a voter that is away", breaks: "without a leader nobody's log is a floor before all voters have answered",
		file: "internal/kv/replica/doubt.go", in: "func (r *Replica) countAnswers(",
		old: "case !known && !r.host.Lost(v.Node):", new: "case !known && false:",
		killers: []killer{{replicaTests, "TestACopyThatIsGone|TestWithoutALeader"}},
	},
	{
		name: "take an answer to an earlier question", breaks: "an answer counts for the question that it answers",
		file: "internal/kv/replica/doubt.go", in: "func (r *Replica) hearHowFar(",
		old: " || a.Nonce != d.nonce", new: "",
		killers: []killer{{replicaTests, "TestAnAnswerToAnEarlier"}},
	},
	{
		name: "end the doubt too soon", breaks: "the doubt ends when the copy has all that it can have confirmed",
		file: "internal/kv/replica/doubt.go", in: "func (r *Replica) settleDoubt(",
		old: "d.hasFloor && d.durable.reaches(d.floor)", new: "d.hasFloor",
		killers: []killer{{replicaTests, "TestTheLeadersLog"}},
	},
	{
		name: "refuse what a later build wrote", breaks: "a copy that waits for a newer build is whole: it is not replaced",
		file: "internal/kv/replica/outdated.go", in: "func tooNew(",
		old: "return errors.Is(err, command.ErrNotApplicable)", new: "return false && errors.Is(err, command.ErrNotApplicable)",
		killers: []killer{{replicaTests, "TestAnEntryOfALater"}},
	},
	{
		name: "skip what a later build wrote", breaks: "a copy executes nothing behind an entry that it could not execute",
		file: "internal/kv/replica/apply.go", in: "func (r *Replica) apply(",
		old: "if tooNew(err) {\n\t\t\t\t\t\tr.outdate(err)\n", new: "if tooNew(err) {\n\t\t\t\t\t\tr.applied = e.GetIndex()\n\t\t\t\t\t\tcontinue\n",
		killers: []killer{{replicaTests, "TestAnEntryOfALater"}},
	},
	{
		name: "lead with a build that is too old", breaks: "a copy that cannot execute its log lets others lead",
		file: "internal/kv/replica/outdated.go", in: "func (r *Replica) outdate(",
		old: "if len(r.config.Voters) > 1 {", new: "if false {",
		killers: []killer{{replicaTests, "TestALeaderThatIsTooOld"}},
	},
	{
		name: "replace what waits for a newer build", breaks: "the coordinator keeps a copy that its node is too old for, and gives it nothing to lead",
		file: "internal/kv/coordinator/group.go", in: "func (g *group) outdated(",
		old: ` && reported.Outdated != ""`, new: ` && false`,
		killers: []killer{{coordinatorTests, "TestACopyThatWaits"}},
	},
	{
		name: "read before an entry of the own term", breaks: "a single voter serves nothing older than what it has acknowledged before a restart",
		file: "internal/kv/replica/read.go", in: "func (r *Replica) askReads(",
		old: " || r.appliedTerm != r.raftTerm", new: "",
		killers: []killer{{replicaTests, "TestASingleVoter"}, simulated},
	},
	{
		name: "point the log back to an overtaken compaction", breaks: "the log goes on where its snapshot ends",
		file: "internal/kv/replica/snapshot.go", in: "func (r *Replica) compacted(",
		old: "newest != nil && newest.Index > ref.Index", new: "newest == nil",
		killers: []killer{{replicaTests, "TestACompactionThatASnapshotOvertook"}, simulated},
	},
	{
		name: "name a received snapshot like an earlier one", breaks: "a snapshot that is not needed takes no other one's file with it",
		file: "internal/kv/replica/snapshot.go", in: "func (r *Replica) ReceiveSnapshot(",
		old: "uint64(r.clock.WallMillis())<<8+r.received.Add(1)", new: "r.received.Add(1)",
		killers: []killer{{replicaTests, "TestASnapshotThatComesAgain"}, simulated},
	},
	{
		name: "take up the largest replica ID", breaks: "behind a replica ID there is one for its tombstone",
		file: "internal/kv/node/admin.go", in: "func (n *Node) CreateReplica(",
		old: " || req.ID > cluster.MaxReplicaID", new: "",
		killers: []killer{{nodeTests, "TestTheLargestReplicaID"}},
	},
}
