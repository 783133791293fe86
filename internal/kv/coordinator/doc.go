// Package coordinator watches the nodes of a cluster, compares what they report
// with what is wanted, and makes the moves that bring the two together. The
// operator runs it in its reconcile loop and local clusters run it in process;
// it knows nothing of either.
//
// # What holds
//
//   - It is off the data path. While no coordinator runs, nodes go on under the
//     last map; when one returns, nothing moves that was not wanted anyway.
//   - No plan is stored. Plan is pure and looks at what nodes report now, so a
//     coordinator that died between any two steps is replaced by one that plans
//     again. What it must remember is the Record: the map and that the cluster
//     was once initialised.
//   - Evidence is fresh and positive or it does not count. A node that does not
//     answer, answers late, as somebody else or in contradiction to itself is
//     unknown: it is never taken to be empty, and nothing is removed because of
//     what it does not say.
//   - Nothing is removed without a proof, a list of named checks that must all
//     hold (see Check). The proof goes with the step into logs and status.
//   - One change of membership per partition at a time, and each names the
//     configuration that it expects, so that a late or repeated one is refused.
//   - A copy is given up only after its replacement is a voter and when all
//     other copies are good: neither the replication factor nor the spread over
//     zones drops on the way.
//   - A wish that cannot be granted is refused as a whole, with a reason and
//     what to do about it (see Blocked), and data stays as it is.
//   - A cluster that was initialised is never initialised again.
//
// # How a replica moves
//
//	CreateReplica on the target      an empty replica under a new ID
//	ChangeConfig AddLearners         the leader fills it
//	(caught up)
//	TransferLeader                   only if the leader is the one to go
//	ChangeConfig Promote + Remove    one joint change
//	RemoveReplica on the source      after proof
//
// Two coordinators at once do no harm, nor does a call that arrives late: the
// record is written by compare and swap, maps carry a revision, a change of
// membership names the configuration that it expects, and a replica whose ID is
// off the configuration never comes back to it.
package coordinator
