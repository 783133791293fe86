package main

const coordinatorTests = "./internal/kv/coordinator"

// clusterMutants break the coordinator: what moves, and what may be removed.
var clusterMutants = []mutant{
	{
		name: "trust an unknown node as empty", breaks: "a node that does not answer is unknown, never empty",
		file: "internal/kv/coordinator/group.go", in: "func (g *group) broken(",
		old: "if n == nil {\n\t\treturn \"\"", new: "if n == nil {\n\t\treturn \"its node does not have it\"",
		killers: []killer{{coordinatorTests, "."}},
	},
	{
		name: "believe an old answer", breaks: "evidence is fresh or it does not count",
		file: "internal/kv/coordinator/view.go", in: "func (v *view) doubtful(",
		old: "v.in.Now.Sub(a.At) > v.limits.FreshFor", new: "false && v.in.Now.Sub(a.At) > v.limits.FreshFor",
		killers: []killer{{coordinatorTests, "TestDoubtfulEvidence"}},
	},
	{
		name: "a removal proof without its copies", breaks: "a node goes when every partition has its copies elsewhere",
		file:    "internal/kv/coordinator/proof.go",
		old:     "removalPredicates = []predicate{seatUnwanted, answersItself, offTheMap, hasCurrentMap, holdsNothing, offTheGroups, holdersAnswer, everyPartitionFull, enoughStay}",
		new:     "removalPredicates = []predicate{seatUnwanted, answersItself, offTheMap, hasCurrentMap, holdsNothing, offTheGroups, holdersAnswer, enoughStay}",
		killers: []killer{{coordinatorTests, "TestDoubtfulEvidence"}},
	},
	{
		name: "a removal proof without the node's own word", breaks: "a node goes when it says itself that it holds nothing",
		file:    "internal/kv/coordinator/proof.go",
		old:     "removalPredicates = []predicate{seatUnwanted, answersItself, offTheMap, hasCurrentMap, holdsNothing, offTheGroups,",
		new:     "removalPredicates = []predicate{seatUnwanted, answersItself, offTheMap, hasCurrentMap, offTheGroups,",
		killers: []killer{{coordinatorTests, "TestANodeThatStillHolds"}},
	},
	{
		name: "believe a leader without a quorum", breaks: "only a leader that a quorum has answered is proof",
		file: "internal/kv/coordinator/group.go", in: "func (g *group) findLeader(",
		old: "if claim == nil || len(claim.Progress) == 0 {", new: "if claim == nil {",
		killers: []killer{{coordinatorTests, "."}},
	},
	{
		name: "skip the joint change", breaks: "a copy moves in one change: the new one comes and the old one goes together",
		file: "internal/kv/coordinator/move.go", in: "func (mv *move) promote(",
		old: "Promote: []uint64{learner.ID}, Remove: []uint64{old.ID}}", new: "Remove: []uint64{old.ID}}",
		killers: []killer{{coordinatorTests, "TestStory"}},
	},
	{
		name: "promote a copy that is behind", breaks: "a copy votes when it has caught up",
		file: "internal/kv/coordinator/group.go", in: "func (g *group) good(",
		old: " && p.Match+g.v.limits.CatchUpLag >= g.leader.LastIndex", new: "",
		killers: []killer{{coordinatorTests, "TestALearnerIsPromoted"}},
	},
	{
		name: "give an ID out twice", breaks: "a replica ID that was given out is not given out again",
		file: "internal/kv/coordinator/group.go", in: "func (g *group) nextID(",
		old: "id = max(id, r.ID+1)", new: "_ = r",
		killers: []killer{{coordinatorTests, "TestAReplicaIDGivenOut"}},
	},
	{
		name: "start a cluster again", breaks: "a cluster that was once there is never started on empty volumes",
		file: "internal/kv/coordinator/plan.go", in: "func Plan(",
		old: "case !p.initialized():", new: `case !p.initialized() || !slices.ContainsFunc(p.sortedNodes(), func(n *node) bool { return n.status.ClusterID != "" }):`,
		killers: []killer{{coordinatorTests, "TestAnInitialisedCluster|TestStoryAllVolumesLost"}},
	},
}
