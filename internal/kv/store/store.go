package store

import (
	"bytes"
	"sync"
)

// Item is what a key holds.
type Item struct {
	// Value lies in the store's memory: read only, and only while the lock is held.
	Value []byte
	// ExpireAt is when the key ceases to exist, in milliseconds since the Unix
	// epoch; 0 means never.
	ExpireAt int64
	// Version is the store's revision at which the key was last set. It is never 0.
	Version uint64
}

// Expired tells whether the item must not be seen any more at now (milliseconds
// since the Unix epoch). As in Redis, a key lives through its last millisecond.
func (i Item) Expired(now int64) bool { return i.ExpireAt != 0 && now > i.ExpireAt }

// Store is the data of one partition. The embedded lock is taken by callers, not
// by the methods: see each of them. Make one with New.
type Store struct {
	sync.RWMutex

	// All fields are guarded by the lock. Reading methods change none of them.
	index    index
	arena    arena
	compact  compaction
	expiry   expiry
	gone     gone
	answers  answers
	seed     uint64
	revision uint64
	history  *history // nil: none is kept
	// pinned is the bytes of chunks that were freed while a snapshot could
	// still look into them.
	pinned int64
}

// New returns an empty store. The seed keys the hash function, so that clients
// who do not know it cannot make keys that collide; all replicas of a partition
// must have the same, since it decides the order of scans.
func New(seed uint64) *Store {
	return &Store{index: newIndex(), expiry: newExpiry(), seed: seed}
}

// Get returns what a key holds, expired or not, and whether the key is there.
// It needs the lock for reading.
func (s *Store) Get(key []byte) (Item, bool) {
	_, _, r := s.find(key, hash64(key, s.seed))
	if r == nil {
		return Item{}, false
	}
	return r.item(), true
}

// Set makes key hold value until expireAt (milliseconds since the Unix epoch, 0
// for ever; never negative) and gives it a new version. Key and value are copied;
// the value may be one that Get returned. It needs the lock for writing.
func (s *Store) Set(key, value []byte, expireAt int64) {
	s.revision++
	s.noteChange(ChangeSet, key, value, expireAt)
	s.set(key, value, expireAt, s.revision)
}

// Delete removes a key and tells whether it was there. It needs the lock for
// writing.
func (s *Store) Delete(key []byte) bool { return s.remove(key, ChangeDelete) }

// Expire is Delete for a key whose time is over: it differs for readers of Changes.
func (s *Store) Expire(key []byte) bool { return s.remove(key, ChangeExpire) }

func (s *Store) remove(key []byte, kind ChangeKind) bool {
	hash := hash64(key, s.seed)
	n, i, r := s.find(key, hash)
	if r == nil {
		return false
	}
	s.gone.note(hash, r.item().Version)
	s.revision++
	s.noteChange(kind, key, nil, 0)
	e, size := s.index.segments[n].slots[i], r.size()
	l := e.location()
	s.index.remove(n, i)
	s.noteMove(&s.index.segments[s.index.segmentOf(e.tag())])
	s.release(l, size)
	s.compactSome(size)
	return true
}

// Clear removes all keys; the memory of answers stays. It needs the lock for writing.
func (s *Store) Clear() {
	s.noteAllGone()
	s.revision++
	s.noteChange(ChangeClear, nil, nil, 0)
	if s.index.shared > 0 {
		s.pinned += s.arena.held
	}
	epoch, shared := s.index.epoch, s.index.shared
	s.index = newIndex()
	s.index.epoch, s.index.shared = epoch, shared
	s.index.segments[0].epoch = epoch
	s.arena, s.compact, s.expiry = arena{}, compaction{}, newExpiry()
}

// Len returns the number of keys, expired ones included. It needs the lock for
// reading.
func (s *Store) Len() int { return s.index.count }

// Bytes returns the bytes of all records: keys, values and 16 to 31 bytes for
// each. It needs the lock for reading.
func (s *Store) Bytes() int64 { return s.arena.live }

// ItemBytes returns the bytes that a key and what it holds take: the record and its
// entry in the index.
func ItemBytes(key []byte, it Item) int {
	return recordSize(len(key), len(it.Value), it.ExpireAt != 0) + 8
}

// MemoryBytes returns the bytes that the store holds from the process: records,
// dead records, free room, index, answers, history, and what snapshots keep alive. It
// needs the lock for reading.
func (s *Store) MemoryBytes() int64 {
	return s.arena.held + s.pinned + s.index.bytes() + int64(cap(s.arena.chunks))*48 +
		s.answers.memory() + s.history.held()
}

// Revision returns a number that every Set, every Delete of a present key and
// every Clear raises by one. It needs the lock for reading.
func (s *Store) Revision() uint64 { return s.revision }

// Hash returns a number that is equal for two stores with the same revision, the
// same keys, values, expiry times and versions, and the same memory of deleted keys
// and of answers, however they came about, and almost surely differs otherwise. It
// looks at everything, and needs the lock for reading.
func (s *Store) Hash() uint64 {
	const keySeed, valueSeed = 0x72696e676b76, 0x6b76
	sum := mix(s.revision^wy0, wy1) + s.answers.hash()
	for i, version := range s.gone {
		sum += mix(version^wy2, uint64(i)^wy0)
	}
	for n := range s.index.segments {
		for _, e := range s.index.segments[n].slots {
			if e == 0 {
				continue
			}
			r := s.arena.record(e.location())
			it := r.item()
			h := mix(hash64(r.key(), keySeed)^wy2, hash64(it.Value, valueSeed)^wy3)
			h = mix(h^uint64(it.ExpireAt), it.Version^wy1)
			sum += mix(h, wy3)
		}
	}
	return sum
}

// find returns the record of a key and its place in the index, or nil.
func (s *Store) find(key []byte, hash uint64) (n uint32, i int, r record) {
	tag := tagOf(hash)
	n = s.index.segmentOf(tag)
	g := &s.index.segments[n]
	mask := len(g.slots) - 1
	for i = g.home(tag); ; i = (i + 1) & mask {
		e := g.slots[i]
		if e == 0 {
			return 0, 0, nil
		}
		if e.tag() != tag {
			continue
		}
		if r = s.arena.record(e.location()); bytes.Equal(r.key(), key) {
			return n, i, r
		}
	}
}

func (s *Store) set(key, value []byte, expireAt int64, version uint64) {
	if len(key) > maxKeyBytes || len(value) > maxValueBytes {
		panic("store: a key or a value is too long")
	}
	hash := hash64(key, s.seed)
	expires := expireAt != 0
	size := recordSize(len(key), len(value), expires)
	n, i, old := s.find(key, hash)

	if old != nil && old.expires() == expires && old.size() == size {
		if l := s.index.segments[n].slots[i].location(); !s.isPinned(l.chunk()) {
			old.put(key, value, expireAt, version)
			s.noteExpiry(&s.index.segments[n], expireAt)
			return
		}
	}

	l, r := s.arena.allocate(size, s.index.epoch)
	r.put(key, value, expireAt, version)
	e := makeEntry(tagOf(hash), l, expires)
	if old == nil {
		g := s.index.insert(e)
		s.noteMove(g)
		s.noteExpiry(g, expireAt)
	} else {
		g := s.index.writable(n)
		before, oldSize := g.slots[i].location(), old.size()
		g.slots[i] = e
		s.noteExpiry(g, expireAt)
		s.release(before, oldSize)
	}
	s.compactSome(size)
}

// release gives up a record, and its chunk if that was the last one in it.
func (s *Store) release(l location, size int) {
	if s.arena.release(l, size) {
		s.freeChunk(l.chunk())
	}
}

func (s *Store) freeChunk(n uint32) {
	if s.compact.victim == n {
		s.compact = compaction{}
	}
	pinned := s.isPinned(n)
	size := s.arena.free(n)
	if pinned {
		s.pinned += int64(size)
	}
}

// isPinned tells whether a snapshot may look into a chunk.
func (s *Store) isPinned(n uint32) bool {
	return s.index.shared > 0 && s.arena.chunks[n].epoch < s.index.epoch
}
