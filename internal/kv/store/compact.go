package store

// Arenas are compacted in small steps: every write that may leave garbage also
// pays for a bounded piece of the work, so there is no pause and no goroutine.
const (
	// Compaction runs while more than a quarter of the arena is dead.
	deadDivisor = 4
	// compactFloor is the garbage in bytes below which it is not worth the work.
	compactFloor = 64 << 10
	// A write of n bytes pays for looking at compactRate x n + compactBase
	// bytes. The victim is at most 3/4 live whenever there is one, so looking
	// at 4 bytes wins at least one: 6 stays ahead of any stream of writes.
	compactRate = 6
	compactBase = 512
)

// compaction is a walk through one chunk that moves its live records away.
type compaction struct {
	victim uint32 // 0: none
	offset int
	// notBefore is how much garbage there must be before looking for a victim
	// again, after a search that found none.
	notBefore int64
}

// compactSome does a piece of work that fits a write of that many bytes. It
// must not run between find and the use of what find returned.
func (s *Store) compactSome(written int) {
	if s.compact.victim == 0 && !s.chooseVictim() {
		return
	}
	victim := s.compact.victim
	for budget := compactRate*written + compactBase; budget > 0; {
		c := &s.arena.chunks[victim]
		if s.compact.offset >= len(c.data) {
			// A chunk goes with its last live record, except when that died
			// while the chunk was still open.
			s.freeChunk(victim)
			return
		}
		r := record(c.data[s.compact.offset:])
		size := r.size()
		s.moveIfLive(makeLocation(victim, s.compact.offset), r, size)
		budget -= size
		if s.compact.victim != victim {
			return // freed with its last live record
		}
		s.compact.offset += size
	}
}

// moveIfLive copies the record to the open chunk if the index points to it.
func (s *Store) moveIfLive(l location, r record, size int) {
	tag := tagOf(hash64(r.key(), s.seed))
	n := s.index.segmentOf(tag)
	g := &s.index.segments[n]
	mask := len(g.slots) - 1
	for i := g.home(tag); g.slots[i] != 0; i = (i + 1) & mask {
		if g.slots[i].location() != l {
			continue
		}
		to, room := s.arena.allocate(size, s.index.epoch)
		copy(room, r[:size])
		g = s.index.writable(n)
		g.slots[i] = makeEntry(tag, to, r.expires())
		s.release(l, size)
		return
	}
}

// chooseVictim picks the chunk with the least live bytes in proportion, if there
// is enough garbage. Chunks that a snapshot holds would not give memory back.
func (s *Store) chooseVictim() bool {
	a := &s.arena
	garbage := a.used - a.live
	if garbage < max(compactFloor, a.used/deadDivisor, s.compact.notBefore) {
		return false
	}
	best, bestLive := uint32(0), 1.0
	for n := range a.chunks {
		c := &a.chunks[n]
		if c.data == nil || uint32(n) == a.open || s.isPinned(uint32(n)) {
			continue
		}
		if live := float64(c.live) / float64(len(c.data)); live < bestLive {
			best, bestLive = uint32(n), live
		}
	}
	if best == 0 {
		s.compact.notBefore = garbage + garbage/8
		return false
	}
	s.compact = compaction{victim: best}
	return true
}
