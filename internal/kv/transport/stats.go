package transport

import (
	"sync/atomic"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// Stats are counters since the start, for metrics.
type Stats struct {
	Peers map[cluster.NodeID]PeerStats
	// Streams is the number of connections from peers at the moment.
	Streams int
	// Refused counts the requests for a stream or a snapshot that were refused.
	Refused uint64
	// UnknownPeer counts the Raft messages for nodes that SetPeers did not name.
	UnknownPeer uint64

	SnapshotsSent, SnapshotsReceived            uint64 // completed
	SnapshotsSendFailed, SnapshotsReceiveFailed uint64
	SnapshotBytesSent, SnapshotBytesReceived    uint64
	SnapshotsSending, SnapshotsReceiving        int
}

// PeerStats are the counters of one peer. Bytes include frame headers.
type PeerStats struct {
	// Connected: this node's connection to the peer is up. Linked: the one back
	// is up too, so requests can be forwarded.
	Connected, Linked bool
	// OutSince is when the connection to the peer was made, InSince the one from
	// it; zero: there is none.
	OutSince, InSince time.Time
	// Connects counts the connections made to the peer, DialFailures the
	// attempts that failed, Broken the connections that broke.
	Connects, DialFailures, Broken uint64

	BytesSent, BytesReceived       uint64
	FramesSent, FramesReceived     uint64 // without beats
	MessagesSent, MessagesReceived uint64 // Raft messages
	MessagesDropped                uint64 // Raft messages that found no room or no connection
	ForwardsSent, ForwardsReceived uint64
	ForwardsRefused                uint64 // requests that SendForward did not take
	RepliesSent, RepliesReceived   uint64
	RepliesDropped                 uint64 // replies that found no room or no connection
	Malformed                      uint64 // streams from the peer that were cut for what they carried
	QueuedBytes                    int    // waiting or being written
}

// peerCounters are updated without a lock.
type peerCounters struct {
	connects, dialFailures, broken atomic.Uint64
	bytesSent, bytesReceived       atomic.Uint64
	framesSent, framesReceived     atomic.Uint64
	recordsSent, recordsReceived   [frameTypes]atomic.Uint64
	messagesDropped                atomic.Uint64
	forwardsRefused                atomic.Uint64
	repliesDropped                 atomic.Uint64
	malformed                      atomic.Uint64
}

type snapshotCounters struct {
	sent, received, sendFailed, receiveFailed atomic.Uint64
	bytesSent, bytesReceived                  atomic.Uint64
}

// Stats returns the counters.
func (t *Transport) Stats() Stats {
	s := Stats{
		Peers:                  map[cluster.NodeID]PeerStats{},
		Refused:                t.refused.Load(),
		UnknownPeer:            t.unknownPeer.Load(),
		SnapshotsSent:          t.snapshots.sent.Load(),
		SnapshotsReceived:      t.snapshots.received.Load(),
		SnapshotsSendFailed:    t.snapshots.sendFailed.Load(),
		SnapshotsReceiveFailed: t.snapshots.receiveFailed.Load(),
		SnapshotBytesSent:      t.snapshots.bytesSent.Load(),
		SnapshotBytesReceived:  t.snapshots.bytesReceived.Load(),
		SnapshotsSending:       len(t.sending),
		SnapshotsReceiving:     len(t.receiving),
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	s.Streams = t.streams
	for id, p := range t.peers {
		s.Peers[id] = p.stats()
	}
	return s
}

func (p *peer) stats() PeerStats {
	c := &p.counters
	s := PeerStats{
		Connects:         c.connects.Load(),
		DialFailures:     c.dialFailures.Load(),
		Broken:           c.broken.Load(),
		BytesSent:        c.bytesSent.Load(),
		BytesReceived:    c.bytesReceived.Load(),
		FramesSent:       c.framesSent.Load(),
		FramesReceived:   c.framesReceived.Load(),
		MessagesSent:     c.recordsSent[frameRaft].Load(),
		MessagesReceived: c.recordsReceived[frameRaft].Load(),
		MessagesDropped:  c.messagesDropped.Load(),
		ForwardsSent:     c.recordsSent[frameRequests].Load(),
		ForwardsReceived: c.recordsReceived[frameRequests].Load(),
		ForwardsRefused:  c.forwardsRefused.Load(),
		RepliesSent:      c.recordsSent[frameReplies].Load(),
		RepliesReceived:  c.recordsReceived[frameReplies].Load(),
		RepliesDropped:   c.repliesDropped.Load(),
		Malformed:        c.malformed.Load(),
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s.Connected, s.Linked = p.out != nil, p.linked()
	if p.out != nil {
		s.OutSince = p.out.since
	}
	if p.in != nil {
		s.InSince = p.in.since
	}
	for i := range p.lanes {
		s.QueuedBytes += p.lanes[i].bytes
	}
	return s
}
