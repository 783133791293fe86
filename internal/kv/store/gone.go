package store

// goneBuckets is how many buckets deleted keys are remembered in.
const goneBuckets = 512

// gone remembers of the keys that were deleted how young they were: by hash, the
// highest version that a deleted record had. With it a reader can tell whether a
// key that is absent was there in the meantime. It is part of the state: replicas
// decide transactions by it, so it is the same on all of them and in snapshots.
type gone [goneBuckets]uint64

func (g *gone) note(hash, version uint64) {
	b := &g[hash%goneBuckets]
	*b = max(*b, version)
}

// noteAllGone is note for all keys of a store that is about to be cleared. With more
// keys than buckets it takes them all for as young as the youngest can be.
func (s *Store) noteAllGone() {
	if s.index.count > goneBuckets {
		for i := range s.gone {
			s.gone[i] = s.revision
		}
		return
	}
	for n := range s.index.segments {
		for _, e := range s.index.segments[n].slots {
			if e != 0 {
				r := s.arena.record(e.location())
				s.gone.note(hash64(r.key(), s.seed), r.item().Version)
			}
		}
	}
}

// SetSince tells whether a key was set after a revision, be it there now or not.
// It may be wrong for a key that is absent, if another one of the same hash bucket
// was set after the revision and deleted. It needs the lock for reading.
func (s *Store) SetSince(key []byte, revision uint64) bool {
	hash := hash64(key, s.seed)
	if _, _, r := s.find(key, hash); r != nil {
		return r.item().Version > revision
	}
	return s.gone[hash%goneBuckets] > revision
}
