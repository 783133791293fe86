package store

// Places returns the number of places that At knows. It is not zero, and grows and
// shrinks with the number of keys: of more than a hundred keys each has fewer than 20.
func (s *Store) Places() uint64 {
	return uint64(len(s.index.directory)) * uint64(s.index.widest)
}

// At returns the key at a place below Places, expired or not; most places have none. Of
// all places one has a given key, so random places give every key the same chance. It
// needs the lock for reading; the next write changes what is where.
func (s *Store) At(place uint64) (key []byte, item Item, ok bool) {
	x := &s.index
	at, slot := place/uint64(x.widest), place%uint64(x.widest)
	g := &x.segments[x.directory[at]]
	// A segment counts where the directory names it first.
	if at&(1<<(x.depth-g.depth)-1) != 0 || slot >= uint64(len(g.slots)) || g.slots[slot] == 0 {
		return nil, Item{}, false
	}
	r := s.arena.record(g.slots[slot].location())
	return r.key(), r.item(), true
}
