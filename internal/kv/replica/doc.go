// Package replica is one member of one partition's Raft group: it decides
// nothing about consensus (go.etcd.io/raft does) and owns no goroutine, clock,
// file or socket (its host does). What it adds is everything between the two.
//
// What holds, whatever crashes when:
//
//   - A call is finished with Done only after its entry was committed by a
//     quorum of voters, each of which had it on stable storage, and was applied
//     here.
//   - A call is finished with NotExecuted only if it never was and never will be
//     in the group's log. It can be tried again elsewhere.
//   - Everything else is finished with Unknown.
//   - A read is answered only from a state that contains every write that was
//     acknowledged before the read arrived, by lease (lease.go) or by ReadIndex
//     (read.go).
//   - A message to another replica leaves only when the state that it promises
//     is on stable storage: the library attaches such messages to the storage
//     write, and they are sent by its completion.
//
// # Threads
//
// A Replica belongs to one goroutine of its host, the owner, and most methods may
// be called only there. Submit, TryRead, Status, Leader and Leadership are for
// any goroutine.
//
// The host calls Tick, Step and the functions that it was asked to run, and after
// any of those Flush, once for all that happened in a round. Flush proposes what
// has queued up, and turns the library's Ready into log writes and messages.
package replica
