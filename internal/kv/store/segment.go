package store

import (
	"math"
	"math/bits"
)

// entry is one key in the index; 0 is an empty slot.
//
//	63        37   36   35         0
//	+-----------+------+-----------+
//	|    tag    | expi |  location |
//	+-----------+------+-----------+
//
// The tag is the top 27 bits of the key's hash, the bits that choose the segment
// included. So a segment can split and shrink without looking at the keys, and
// two keys of a partition are mixed up (and told apart by a look at the record)
// about once in 134 million.
type entry uint64

const (
	tagBits      = 27
	locationBits = 36
	tagShift     = 64 - tagBits
	expiresBit   = entry(1) << locationBits
)

func makeEntry(tag uint32, l location, expires bool) entry {
	e := entry(tag)<<tagShift | entry(l)
	if expires {
		e |= expiresBit
	}
	return e
}

func (e entry) tag() uint32        { return uint32(e >> tagShift) }
func (e entry) location() location { return location(e & (expiresBit - 1)) }
func (e entry) expires() bool      { return e&expiresBit != 0 }

func tagOf(hash uint64) uint32 { return uint32(hash >> tagShift) }

const (
	minSlots = 8
	maxSlots = 256
	noExpiry = math.MaxInt64
)

// segment holds the keys whose hash begins with its prefix, by open addressing
// with linear probing. Deletion moves entries back, so there are no tombstones.
type segment struct {
	slots []entry // a power of two of them
	count int
	depth uint8  // bits of the prefix
	epoch uint32 // below the index's epoch: the slots may be shared with a snapshot
	// soonest is a lower bound of the expiry times in the segment.
	soonest int64
}

func newSegment(slots int, depth uint8, epoch uint32) segment {
	return segment{slots: make([]entry, slots), depth: depth, epoch: epoch, soonest: noExpiry}
}

// full tells whether one more entry would make probing slow.
func (g *segment) full() bool { return g.count >= len(g.slots)*13/16 }

// home is the slot where the search for a tag begins. Multiplying spreads the low
// bits of the tag, which are all that differs in a deep segment.
func (g *segment) home(tag uint32) int {
	return int(tag * 0x9E3779B1 >> (32 - uint(bits.Len(uint(len(g.slots)-1)))))
}

// insert adds an entry that is not there yet; the segment must not be full.
func (g *segment) insert(e entry) {
	mask := len(g.slots) - 1
	i := g.home(e.tag())
	for g.slots[i] != 0 {
		i = (i + 1) & mask
	}
	g.slots[i] = e
	g.count++
}

// remove empties slot i and moves later entries of the cluster back.
func (g *segment) remove(i int) {
	mask := len(g.slots) - 1
	g.count--
	for j := i; ; {
		j = (j + 1) & mask
		e := g.slots[j]
		if e == 0 {
			break
		}
		// e may move to i if its home is not in (i, j], going round.
		if (j-g.home(e.tag()))&mask >= (j-i)&mask {
			g.slots[i] = e
			i = j
		}
	}
	g.slots[i] = 0
}

// resized returns the segment with another number of slots.
func (g *segment) resized(slots int, epoch uint32) segment {
	n := newSegment(slots, g.depth, epoch)
	n.soonest = g.soonest
	for _, e := range g.slots {
		if e != 0 {
			n.insert(e)
		}
	}
	return n
}

// split returns the two halves of the segment.
func (g *segment) split(epoch uint32) (zero, one segment) {
	depth := g.depth + 1
	zero, one = newSegment(len(g.slots), depth, epoch), newSegment(len(g.slots), depth, epoch)
	zero.soonest, one.soonest = g.soonest, g.soonest
	for _, e := range g.slots {
		switch {
		case e == 0:
		case e.tag()>>(tagBits-depth)&1 == 0:
			zero.insert(e)
		default:
			one.insert(e)
		}
	}
	return zero, one
}
