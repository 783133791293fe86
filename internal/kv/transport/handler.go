package transport

import (
	"context"
	"errors"
	"io"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// The errors of sending; compare with errors.Is.
var (
	// ErrNotConnected: there is no connection to that peer, or none back from
	// it. Nothing left this node.
	ErrNotConnected = errors.New("not connected to the peer")
	// ErrQueueFull: the queue for that peer has no room. Nothing left this node.
	ErrQueueFull = errors.New("the queue for the peer is full")
	// ErrTooLarge: the request is larger than MaxRecordBytes. Nothing left this
	// node, and nothing ever will.
	ErrTooLarge = errors.New("too large to send to a peer")
	// ErrBusy: as many snapshots as allowed are under way, here or at the
	// receiver. Try again later, with a fresh snapshot.
	ErrBusy = errors.New("too many snapshots under way")
	// ErrClosed: the transport was closed.
	ErrClosed = errors.New("the transport is closed")
)

// Handler takes what peers send. A Transport calls it on its own goroutines:
// for one peer and connection one call at a time, in the order of arrival, and
// for different peers concurrently. Except for Snapshot, calls must return soon,
// because the peer's stream waits for them. They may call the Transport, but not
// Close. There are no calls after Close has returned.
type Handler interface {
	// Raft takes the messages of one frame, in order. They and all they point to
	// belong to the handler; the data of entries share the memory of the frame
	// that they came in.
	Raft(from cluster.NodeID, msgs []Message)
	// Forward takes a request, which SendForwardReply answers. It belongs to the
	// handler.
	Forward(from cluster.NodeID, req *ForwardRequest)
	// ForwardReply takes the answer to a request that was sent to from. Its ID
	// can be one that has been given up. It belongs to the handler.
	ForwardReply(from cluster.NodeID, reply *ForwardReply)
	// Leading takes news of who leads what.
	Leading(from cluster.NodeID, news []cluster.Leadership)
	// Connected is called when the connection to a peer has been made, also when
	// it has been made again.
	Connected(to cluster.NodeID)
	// Unreachable is called once when the connection to a peer, or the one from
	// it while requests could be under way, broke. Requests that were taken by
	// SendForward before that and have no reply yet have an unknown outcome. It
	// is not called for what Close breaks.
	Unreachable(to cluster.NodeID)
	// Snapshot takes a snapshot stream. body returns only bytes that passed
	// their checks, and io.EOF only when the whole stream did: nothing may be
	// used before that. An error is reported to the sender, in words. ctx ends
	// when the sender is gone or the Transport is being closed, which waits for
	// this call.
	Snapshot(ctx context.Context, from cluster.NodeID, header SnapshotHeader, body io.Reader) error
}

// Message is a Raft message between replicas of one partition.
type Message struct {
	Partition uint32
	Raft      *raftpb.Message
	// SentAt is the monotonic clock of the sender in nanoseconds, on
	// MsgHeartbeat; otherwise 0.
	SentAt int64
	// Echo is, on MsgHeartbeatResp, the SentAt of the heartbeat that it answers;
	// otherwise 0.
	Echo int64
}

// ForwardRequest is a command on its way to the leader of its partition.
type ForwardRequest struct {
	ID        uint64 // chosen by the sender, repeated in the reply
	Partition uint32
	Write     bool
	ReadAny   bool
	First     bool     // no earlier write of the partition is still under way from the sender
	Proto     uint8    // RESP version of the reply
	TimeoutMs uint32   // milliseconds that the sender is going to wait
	Args      [][]byte // the command and its arguments: never empty on arrival
}

// ForwardStatus says what became of a forwarded command.
type ForwardStatus uint8

// The statuses.
const (
	ForwardOK          ForwardStatus = 1 // executed; Reply is set
	ForwardNotLeader   ForwardStatus = 2 // certainly not executed; Hint may name the leader
	ForwardNotExecuted ForwardStatus = 3 // certainly not executed
	ForwardUnknown     ForwardStatus = 4 // executed, or not, or still to be
)

// ForwardReply answers a ForwardRequest.
type ForwardReply struct {
	ID     uint64
	Status ForwardStatus
	Hint   cluster.NodeID // who leads, on ForwardNotLeader; "" if unknown
	Reply  []byte         // RESP
}

// SnapshotHeader says what a snapshot stream carries.
type SnapshotHeader struct {
	Partition uint32 `json:"partition"`
	From      uint64 `json:"from"`     // replica ID of the sender
	To        uint64 `json:"to"`       // replica ID of the receiver
	RaftTerm  uint64 `json:"raftTerm"` // the sender's term
	Term      uint64 `json:"term"`     // of the entry at Index
	Index     uint64 `json:"index"`    // the last entry that the snapshot covers
	// Size in bytes, if known beforehand; otherwise 0. It is a hint: how much
	// really came is checked at the end of the stream.
	Size int64  `json:"size,omitempty"`
	Meta []byte `json:"meta,omitempty"` // the caller's
}
