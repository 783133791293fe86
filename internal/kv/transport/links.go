package transport

import (
	"cmp"
	"slices"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// Link is a connection with a peer that is up.
type Link struct {
	Peer     cluster.NodeID
	Outgoing bool // this node dialed it, and sends on it
	Since    time.Time
	// QueuedBytes wait to be sent.
	QueuedBytes int
}

// Links returns the connections that are up, sorted by peer.
func (t *Transport) Links() []Link {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var links []Link
	for _, p := range t.peers {
		links = append(links, p.links()...)
	}
	slices.SortStableFunc(links, func(a, b Link) int { return cmp.Compare(a.Peer, b.Peer) })
	return links
}

func (p *peer) links() (links []Link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out != nil {
		out := Link{Peer: p.id, Outgoing: true, Since: p.out.since}
		for i := range p.lanes {
			out.QueuedBytes += p.lanes[i].bytes
		}
		links = append(links, out)
	}
	if p.in != nil {
		links = append(links, Link{Peer: p.id, Since: p.in.since})
	}
	return links
}

// Linked tells whether a peer can be reached and can answer.
func (t *Transport) Linked(to cluster.NodeID) bool {
	p := t.peer(to)
	if p == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.linked()
}
