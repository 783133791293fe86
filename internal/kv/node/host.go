package node

import (
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/replica"
	"github.com/ringkv/ringkv/internal/kv/transport"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

var _ replica.Host = (*shard)(nil)

// Send implements replica.Host.
func (s *shard) Send(to cluster.NodeID, partition uint32, m replica.Message) {
	s.out[to] = append(s.out[to], transport.Message{Partition: partition, Raft: m.Raft, SentAt: m.SentAt, Echo: m.Echo})
}

// SendSnapshot implements replica.Host.
func (s *shard) SendSnapshot(to cluster.NodeID, h replica.SnapshotHeader, body io.ReadCloser, done func(error)) {
	s.node.background(func() {
		defer body.Close()
		ctx, cancel := s.node.context()
		defer cancel()
		config, err := json.Marshal(h.Config)
		if err == nil {
			err = s.node.transport.SendSnapshot(ctx, to, transport.SnapshotHeader{
				Partition: h.Partition, From: h.From, To: h.To, RaftTerm: h.RaftTerm, Term: h.Term, Index: h.Index, Meta: config,
			}, body)
		}
		if errors.Is(err, transport.ErrBusy) {
			// Others are being sent: the next try makes a copy of the state anew,
			// so it had better wait for a place.
			select {
			case <-time.After(busyPause + rand.N(busyPause)):
			case <-ctx.Done():
			}
		}
		done(err)
	})
}

// busyPause is about how long a snapshot waits for a place.
const busyPause = 300 * time.Millisecond

// Write implements replica.Host.
func (s *shard) Write(w *wal.Write) { s.writes = append(s.writes, w) }

// Post implements replica.Host.
func (s *shard) Post(r *replica.Replica, fn func()) { s.post(event{r: r, fn: fn}) }

// Wake implements replica.Host.
func (s *shard) Wake(r *replica.Replica) { s.post(event{r: r}) }

// Background implements replica.Host.
func (s *shard) Background(fn func()) { s.node.background(fn) }

// Finish implements replica.Host.
func (s *shard) Finish(c *replica.Request, o replica.Outcome) {
	if o == replica.Done {
		s.node.executed(c)
		return
	}
	s.node.Finish(c, o)
}

// Changed implements replica.Host.
func (s *shard) Changed(r *replica.Replica) { s.node.changed(r) }

// LeadershipChanged implements replica.Host.
func (s *shard) LeadershipChanged(r *replica.Replica) { s.node.leadershipChanged(r) }

// Lost implements replica.Host.
func (s *shard) Lost(id cluster.NodeID) bool {
	v := s.node.view.Load()
	if v == nil {
		return false
	}
	m := v.m.Member(id)
	return m != nil && m.State == cluster.MemberLost
}

// Refuse implements replica.Host.
func (s *shard) Refuse(r *replica.Replica, reason error) {}

// leadershipChanged passes on what a local replica knows of its leader: to the
// node's own routing, and to everybody if the leader is here.
func (n *Node) leadershipChanged(r *replica.Replica) {
	v := n.view.Load()
	if v == nil {
		return
	}
	news, leading := r.Leadership()
	if news.Leader.Node == n.id && !leading {
		news.Leader = cluster.Replica{} // elected, but not yet able to serve
	}
	v.routing.learn(news, true)
	if leading {
		n.transport.SendLeading("", []cluster.Leadership{news})
	}
	n.resume(r.Partition())
}
