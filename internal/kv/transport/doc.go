// Package transport connects the nodes of a cluster: batches of Raft messages,
// commands that a node forwards to the leader of their partition, news of who
// leads what, and snapshots.
//
// Each pair of nodes has one connection for each direction. A node dials every
// peer that it was told of and sends on that connection; what the peer sends
// comes on the connection that the peer dialed. A connection starts as an HTTP
// request on the peer port that is upgraded (GET /peer/stream), so one port
// serves peers, snapshots (POST /peer/snapshot) and the admin endpoints.
//
// What holds:
//
//   - Sending never blocks and never waits for a batch to fill: what is queued
//     for a peer leaves in one write, and the next write carries what was queued
//     meanwhile.
//   - What is sent to one peer arrives in order or not at all, per kind: Raft
//     messages, requests, replies and news each keep their own order. Nothing
//     arrives twice.
//   - Every queue is bounded in bytes and count. A Raft message that finds no
//     room is dropped and counted, since Raft repeats it. A forwarded request that
//     finds no room, or no connection, is refused with an error: it did not
//     leave. Every request that was taken is either answered or, when the
//     connection in either direction breaks, covered by one call of
//     Handler.Unreachable.
//   - A link that is cut without a word is noticed within Timing.DeadAfter: each
//     end says something at least every Timing.BeatInterval.
//   - Bytes from the network are checked before they are used. They cannot make
//     this package panic, nor hold memory beyond a small multiple of what was
//     really received.
//
// What is not promised: that a message that was sent arrives. There is no
// encryption and no proof of identity here unless Config.TLS and a TLS listener
// bring them: node and cluster IDs in the handshake guard against mistakes, such
// as a reused address, not against an attacker.
package transport
