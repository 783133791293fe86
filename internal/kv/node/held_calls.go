package node

import (
	"math"

	"github.com/ringkv/ringkv/internal/kv/replica"
	"github.com/ringkv/ringkv/internal/kv/store"
)

// heldCalls are the held calls of one partition. A change costs a look-up for the calls
// that are about a key, and a comparison for each prefix that some are about.
type heldCalls struct {
	// looked is a revision: of the changes up to there that are not in the answer of a
	// call, none concerned it.
	looked   uint64
	calls    []*replica.Request // as they came
	keys     map[string]int     // how many calls are about a key
	prefixes map[string]int     // or about all keys with a prefix
}

func newHeldCalls() *heldCalls {
	return &heldCalls{looked: math.MaxUint64, keys: map[string]int{}, prefixes: map[string]int{}}
}

// interests returns the counts that a call is in, and under what.
func (h *heldCalls) interests(c *replica.Request) (counts map[string]int, filter []byte) {
	filter, isKey := c.Call.Interest()
	if isKey {
		return h.keys, filter
	}
	return h.prefixes, filter
}

// add takes a call whose answer told up to a revision.
func (h *heldCalls) add(c *replica.Request, revision uint64) {
	h.looked = min(h.looked, revision)
	h.calls = append(h.calls, c)
	counts, filter := h.interests(c)
	counts[string(filter)]++
}

// take removes and returns the calls that fn chooses. They go on after what has been
// looked at, so that it does not matter how long the store keeps that.
func (h *heldCalls) take(fn func(*replica.Request) bool) (taken []*replica.Request) {
	kept := h.calls[:0]
	for _, c := range h.calls {
		if !fn(c) {
			kept = append(kept, c)
			continue
		}
		counts, filter := h.interests(c)
		if counts[string(filter)]--; counts[string(filter)] == 0 {
			delete(counts, string(filter))
		}
		c.Call.SkipTo(h.looked)
		taken = append(taken, c)
	}
	clear(h.calls[len(kept):])
	h.calls = kept
	return taken
}

// takeConcerned is take for the calls that a change of the store since the last look
// concerns. It needs the store's lock for reading.
func (h *heldCalls) takeConcerned(st *store.Store) (taken []*replica.Request) {
	keys, prefixes, all := map[string]bool(nil), map[string]bool(nil), false
	kept := st.Changes(h.looked, func(ch store.Change) bool {
		if all = ch.Kind == store.ChangeClear; all {
			return false
		}
		if h.keys[string(ch.Key)] > 0 {
			keys = with(keys, string(ch.Key))
		}
		for prefix := range h.prefixes {
			if len(prefix) <= len(ch.Key) && string(ch.Key[:len(prefix)]) == prefix {
				prefixes = with(prefixes, prefix)
			}
		}
		return true
	})
	if !kept || all || keys != nil || prefixes != nil {
		taken = h.take(func(c *replica.Request) bool {
			filter, isKey := c.Call.Interest()
			return !kept || all || isKey && keys[string(filter)] || !isKey && prefixes[string(filter)]
		})
	}
	h.looked = max(h.looked, st.Revision())
	return taken
}

// with adds to a set, nil being the empty one.
func with(set map[string]bool, member string) map[string]bool {
	if set == nil {
		set = map[string]bool{}
	}
	set[member] = true
	return set
}
