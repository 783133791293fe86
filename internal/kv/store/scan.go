package store

// CursorEnd is above all cursors of Scan.
const CursorEnd = 1 << tagBits

// Scan calls fn for about count keys, expired ones included, and returns the
// cursor to go on with; 0 both begins a scan and ends it. Cursors are below
// CursorEnd, and any number below it is one.
//
// A key that is there from the beginning of a scan to its end is seen at least
// once, and in fact exactly once: the order is that of the keys' hashes, whatever
// is written meanwhile, and on every replica alike. When fn returns false the
// scan stops, and the returned cursor comes back to some keys that were seen.
//
// It needs the lock for reading. fn must not change the store.
func (s *Store) Scan(cursor uint64, count int, fn func(key []byte, item Item) bool) (next uint64) {
	seen, steps := 0, 0
	for cursor < CursorEnd && seen < count && steps < 10*count {
		from := uint32(cursor)
		g := &s.index.segments[s.index.segmentOf(from)]
		span := uint32(1) << (tagBits - g.depth)
		for _, e := range g.slots {
			// After a merge the segment also holds keys before the cursor.
			if e == 0 || e.tag() < from {
				continue
			}
			seen++
			r := s.arena.record(e.location())
			if !fn(r.key(), r.item()) {
				return cursor
			}
		}
		cursor = uint64(from&^(span-1)) + uint64(span)
		steps++
	}
	if cursor >= CursorEnd {
		return 0
	}
	return cursor
}
