package store

// maxDepth bounds the directory at half a million segments, and leaves 8 bits of
// the tag to tell the keys of the deepest segment apart. Beyond it (more than
// about 80 million keys in one partition) segments grow instead of splitting.
const maxDepth = tagBits - 8

// index finds the entry of a key. See the package comment for its structure.
type index struct {
	directory []uint32 // segment number by the top depth bits of the hash
	depth     uint8
	segments  []segment // by number
	vacant    []uint32  // numbers of segments that were merged away
	count     int
	slots     int               // of all segments
	widest    int               // slots that no segment has ever exceeded
	byDepth   [maxDepth + 1]int // number of segments
	// epoch is raised by every snapshot; shared is the number of snapshots that
	// are in use. A segment older than the epoch is copied before it is changed
	// while there are any.
	epoch  uint32
	shared int
}

func newIndex() index {
	x := index{directory: []uint32{0}, epoch: 1}
	x.segments = []segment{newSegment(minSlots, 0, x.epoch)}
	x.slots, x.widest = minSlots, minSlots
	x.byDepth[0] = 1
	return x
}

// bytes is the memory that the index takes.
func (x *index) bytes() int64 {
	const segmentBytes = 56
	return int64(x.slots)*8 + int64(cap(x.segments))*segmentBytes + int64(cap(x.directory)+cap(x.vacant))*4
}

func (x *index) segmentOf(tag uint32) uint32 {
	return x.directory[tag>>(tagBits-x.depth)]
}

// writable returns a segment for a change of its slots.
func (x *index) writable(n uint32) *segment {
	g := &x.segments[n]
	if x.shared > 0 && g.epoch < x.epoch {
		g.slots = append([]entry(nil), g.slots...)
		g.epoch = x.epoch
	}
	return g
}

// insert adds an entry for a key that is not in the index.
func (x *index) insert(e entry) *segment {
	n := x.segmentOf(e.tag())
	for x.segments[n].full() {
		if len(x.segments[n].slots) < maxSlots || !x.split(n, e.tag()) {
			x.resize(n, 2*len(x.segments[n].slots))
		}
		n = x.segmentOf(e.tag())
	}
	g := x.writable(n)
	g.insert(e)
	x.count++
	return g
}

// remove takes the entry in slot i of segment n out.
func (x *index) remove(n uint32, i int) {
	g := x.writable(n)
	tag := g.slots[i].tag()
	g.remove(i)
	x.count--
	if g.count >= len(g.slots)/8 {
		return
	}
	if !x.merge(n, tag) && len(g.slots) > minSlots {
		x.resize(n, len(g.slots)/2)
	}
}

func (x *index) resize(n uint32, slots int) {
	g := &x.segments[n]
	x.slots += slots - len(g.slots)
	x.widest = max(x.widest, slots)
	*g = g.resized(slots, x.epoch)
}

// split divides segment n, to which the tag belongs, unless the directory would
// grow out of proportion, which takes keys that were made to have similar hashes.
func (x *index) split(n, tag uint32) bool {
	depth := x.segments[n].depth
	if depth == x.depth {
		if depth == maxDepth || len(x.directory) > max(64, 16*len(x.segments)) {
			return false
		}
		x.double()
	}
	zero, one := x.segments[n].split(x.epoch)
	m := x.take(one)
	x.segments[n] = zero
	x.slots += len(one.slots)
	x.byDepth[depth]--
	x.byDepth[depth+1] += 2

	// The upper half of the directory entries of n now belong to m.
	span := 1 << (x.depth - depth - 1)
	from := int(tag>>(tagBits-depth))<<(x.depth-depth) + span
	for i := from; i < from+span; i++ {
		x.directory[i] = m
	}
	return true
}

func (x *index) take(g segment) uint32 {
	if k := len(x.vacant); k > 0 {
		n := x.vacant[k-1]
		x.vacant = x.vacant[:k-1]
		x.segments[n] = g
		return n
	}
	x.segments = append(x.segments, g)
	return uint32(len(x.segments) - 1)
}

// double gives every directory entry a twin.
func (x *index) double() {
	wide := make([]uint32, 2*len(x.directory))
	for i, n := range x.directory {
		wide[2*i], wide[2*i+1] = n, n
	}
	x.directory = wide
	x.depth++
}

// merge joins segment n, to which the tag belongs, with its other half, if both
// are sparse.
func (x *index) merge(n, tag uint32) bool {
	g := &x.segments[n]
	depth := g.depth
	if depth == 0 {
		return false
	}
	prefix := tag >> (tagBits - depth)
	other := x.directory[int(prefix^1)<<(x.depth-depth)]
	h := &x.segments[other]
	if h.depth != depth || g.count+h.count > maxSlots*3/8 {
		return false
	}
	slots := minSlots
	for slots < 2*(g.count+h.count) {
		slots *= 2
	}
	joined := newSegment(slots, depth-1, x.epoch)
	joined.soonest = min(g.soonest, h.soonest)
	for _, slots := range [][]entry{g.slots, h.slots} {
		for _, e := range slots {
			if e != 0 {
				joined.insert(e)
			}
		}
	}
	x.slots += len(joined.slots) - len(g.slots) - len(h.slots)
	x.widest = max(x.widest, slots)
	x.segments[n] = joined
	x.segments[other] = segment{}
	x.vacant = append(x.vacant, other)
	x.byDepth[depth] -= 2
	x.byDepth[depth-1]++

	span := 1 << (x.depth - depth + 1)
	from := int(prefix>>1) << (x.depth - depth + 1)
	for i := from; i < from+span; i++ {
		x.directory[i] = n
	}
	for x.depth > 0 && x.byDepth[x.depth] == 0 {
		x.halve()
	}
	return true
}

func (x *index) halve() {
	narrow := make([]uint32, len(x.directory)/2)
	for i := range narrow {
		narrow[i] = x.directory[2*i]
	}
	x.directory = narrow
	x.depth--
}
