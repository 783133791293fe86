package store

// Keys that expire are found without a structure of their own: each segment knows
// a lower bound of the expiry times in it, and an entry knows whether its record
// has one. A segment is looked into when its bound has passed, and then gets an
// exact bound. A store without expiring keys is never looked at.
type expiry struct {
	// soonest is a lower bound of all expiry times.
	soonest int64
	// position is the number of the segment where the sweep goes on; sweep is
	// the lower bound for what it has passed.
	position int
	sweep    int64
}

func newExpiry() expiry { return expiry{soonest: noExpiry, sweep: noExpiry} }

const (
	// One call looks at no more than this many segments' bounds, and into no
	// more than this many segments.
	sweepBounds   = 8192
	sweepSegments = 64
)

func (s *Store) noteExpiry(g *segment, at int64) {
	if at == 0 {
		return
	}
	g.soonest = min(g.soonest, at)
	s.expiry.soonest = min(s.expiry.soonest, at)
	s.expiry.sweep = min(s.expiry.sweep, at)
}

// noteMove is called with a segment after an insertion or removal in it. If that
// made it split or merge, keys may have come to a number that the sweep has
// already passed.
func (s *Store) noteMove(g *segment) { s.expiry.sweep = min(s.expiry.sweep, g.soonest) }

// Expired calls fn for up to limit keys that have expired at now (milliseconds
// since the Unix epoch), and tells whether there may be more. The next call goes
// on where this one stopped, so keys that are not deleted meanwhile come again in
// the next round. What one call does is bounded; when nothing has expired it does
// next to nothing. It needs the lock for writing. fn must not change the store.
func (s *Store) Expired(now int64, limit int, fn func(key []byte)) (more bool) {
	if s.expiry.soonest >= now {
		return false
	}
	for bounds, looked := 0, 0; s.expiry.position < len(s.index.segments); bounds++ {
		if bounds == sweepBounds || looked == sweepSegments || limit <= 0 {
			return true
		}
		g := &s.index.segments[s.expiry.position]
		if g.slots != nil && g.soonest < now {
			looked++
			limit -= s.expiredIn(g, now, fn)
		}
		if g.slots != nil {
			s.expiry.sweep = min(s.expiry.sweep, g.soonest)
		}
		s.expiry.position++
	}
	s.expiry.soonest = s.expiry.sweep
	s.expiry.position, s.expiry.sweep = 0, noExpiry
	return s.expiry.soonest < now
}

// expiredIn calls fn for the expired keys of a segment and makes its bound exact.
func (s *Store) expiredIn(g *segment, now int64, fn func(key []byte)) (found int) {
	g.soonest = noExpiry
	for _, e := range g.slots {
		if !e.expires() {
			continue
		}
		r := s.arena.record(e.location())
		at := r.expireAt()
		g.soonest = min(g.soonest, at)
		if at < now {
			found++
			fn(r.key())
		}
	}
	return found
}
