package node

import (
	"sync/atomic"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// leaderHistory is what clients still need to know of a partition's past.
type leaderHistory struct {
	// last is the leader that was known last, also while there is none: clients
	// are never shown a partition without an owner. nil before the first.
	last atomic.Pointer[cluster.Leadership]
	// lostAt is when this node ceased to lead, in monotonic nanoseconds; 0 if it
	// does or never did.
	lostAt atomic.Int64
}

// note keeps what is told to clients. The caller holds mu.
func (t *routing) note(news *cluster.Leadership) {
	h := &t.history[news.Partition]
	last := h.last.Load()
	if last != nil && last.Leader.Node == t.self && news.Leader.Node != t.self && h.lostAt.Load() == 0 {
		h.lostAt.Store(max(1, t.monotonic()))
	}
	if news.Leader.Node == "" {
		return
	}
	if news.Leader.Node == t.self {
		h.lostAt.Store(0)
	}
	h.last.Store(news)
	if last == nil || last.Term != news.Term || last.Leader != news.Leader {
		t.changes.Add(1)
	}
}

// mayHaveLed notes that this node may have led a partition until now: before it was
// started again.
func (t *routing) mayHaveLed(partition uint32) {
	t.history[partition].lostAt.Store(max(1, t.monotonic()))
}

// ledSince returns, by rising number, the partitions that this node leads or has led
// after a moment (monotonic nanoseconds).
func (t *routing) ledSince(since int64) []uint32 {
	var out []uint32
	for p := range t.history {
		if t.wasLedSince(uint32(p), since) {
			out = append(out, uint32(p))
		}
	}
	return out
}

func (t *routing) wasLedSince(p uint32, since int64) bool {
	lost := t.history[p].lostAt.Load()
	return t.leader(p) == t.self || lost != 0 && lost >= since
}
