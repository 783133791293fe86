package node

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/replica"
	"github.com/ringkv/ringkv/internal/kv/transport"
)

var _ transport.Handler = (*Node)(nil)

// Raft implements transport.Handler.
func (n *Node) Raft(from cluster.NodeID, msgs []transport.Message) {
	byShard := make([][]event, len(n.shards))
	for i := range msgs {
		s := int(msgs[i].Partition) % len(n.shards)
		byShard[s] = append(byShard[s], event{from: from, msg: &msgs[i]})
	}
	for s, es := range byShard {
		if len(es) > 0 {
			n.shards[s].post(es...)
		}
	}
}

// Leading implements transport.Handler.
func (n *Node) Leading(_ cluster.NodeID, news []cluster.Leadership) {
	v := n.view.Load()
	if v == nil {
		return
	}
	for _, l := range news {
		v.routing.learn(l, false)
	}
}

// Connected implements transport.Handler: a peer that can be reached again is told
// what this node leads.
func (n *Node) Connected(to cluster.NodeID) {
	var news []cluster.Leadership
	for _, r := range n.allReplicas() {
		if l, leading := r.Leadership(); leading {
			news = append(news, l)
		}
	}
	if len(news) > 0 {
		n.transport.SendLeading(to, news)
	}
}

// Unreachable implements transport.Handler.
func (n *Node) Unreachable(to cluster.NodeID) {
	for _, f := range n.forwards.lostTo(to) {
		n.forwardLost(f)
	}
	for _, s := range n.shards {
		s.post(event{fn: func() {
			for _, r := range s.inOrder {
				r.PeerUnreachable(to)
			}
		}})
	}
}

// Snapshot implements transport.Handler.
func (n *Node) Snapshot(_ context.Context, from cluster.NodeID, h transport.SnapshotHeader, body io.Reader) error {
	r := n.replica(h.Partition)
	if r == nil || r.ID() != h.To {
		return fmt.Errorf("partition %d replica %d: %w", h.Partition, h.To, cluster.ErrNotFound)
	}
	var config cluster.Config
	if err := json.Unmarshal(h.Meta, &config); err != nil {
		return fmt.Errorf("decode the configuration of a snapshot: %w", err)
	}
	return r.ReceiveSnapshot(from, replica.SnapshotHeader{
		Partition: h.Partition, From: h.From, To: h.To, RaftTerm: h.RaftTerm, Term: h.Term, Index: h.Index, Config: config,
	}, body)
}
