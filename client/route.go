package client

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	kvv1 "github.com/ringkv/ringkv/api/kv/v1"
	"github.com/ringkv/ringkv/internal/kv/ring"
)

const (
	// refreshAfter is how long the map of the cluster counts as new.
	refreshAfter = 15 * time.Second
	// refreshPause is the shortest time from one refresh to the next.
	refreshPause = 100 * time.Millisecond
	// refreshTimeout bounds one refresh.
	refreshTimeout = time.Second
)

// route knows where to send calls.
type route struct {
	given []string // the addresses that New got

	mu         sync.Mutex
	members    []string // addresses of all nodes; guarded by mu
	leaders    []string // by partition: address of the leader, "" if unknown; guarded by mu
	asked      time.Time
	stale      bool // a call failed since
	refreshing bool
}

func (t *route) init(addresses []string) { t.given = slices.Clone(addresses) }

// candidates returns the nodes to try for a key, best first.
func (t *route) candidates(key string) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []string
	if n := len(t.leaders); n > 0 && key != "" {
		if leader := t.leaders[ring.Partition(ring.Slot([]byte(key)), n)]; leader != "" {
			out = append(out, leader)
		}
	}
	others := slices.Concat(t.members, t.given)
	rand.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
	for _, a := range others {
		if !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// due tells whether the map should be asked for now, by the caller.
func (t *route) due() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	age := time.Since(t.asked)
	if t.refreshing || !(t.leaders == nil || age > refreshAfter || t.stale) || age < refreshPause {
		return false
	}
	t.refreshing, t.stale, t.asked = true, false, time.Now()
	return true
}

// suspect notes that what the route says led a call astray.
func (t *route) suspect() {
	t.mu.Lock()
	t.stale = true
	t.mu.Unlock()
}

// learn takes over what a node says; nil if none answered.
func (t *route) learn(r *kvv1.ClusterResponse) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refreshing = false
	if r == nil || len(r.GetPartitions()) == 0 {
		return
	}
	addresses := map[string]string{}
	t.members = t.members[:0:0]
	for _, m := range r.GetMembers() {
		if m.GetHttpAddress() != "" {
			addresses[m.GetId()] = m.GetHttpAddress()
			t.members = append(t.members, m.GetHttpAddress())
		}
	}
	t.leaders = make([]string, len(r.GetPartitions()))
	for i, p := range r.GetPartitions() {
		t.leaders[i] = addresses[p.GetLeader()]
	}
}

// refresh asks for the map if that is due. Only the very first call waits for it.
func (c *Client) refresh(ctx context.Context) {
	if !c.route.due() {
		return
	}
	ask := func(ctx context.Context) {
		var found *kvv1.ClusterResponse
		for _, address := range c.route.candidates("") {
			asked, cancel := context.WithTimeout(ctx, refreshTimeout)
			r, err := c.service(address).Cluster(asked, &kvv1.ClusterRequest{})
			cancel()
			if err == nil {
				found = r
				break
			}
		}
		c.route.learn(found)
	}
	if c.route.known() {
		go ask(context.WithoutCancel(ctx))
		return
	}
	ask(ctx)
}

func (t *route) known() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.leaders != nil
}
