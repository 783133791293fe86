package store

import "fmt"

const (
	// minChunk and maxChunk bound the size of a chunk in bytes. Chunks start
	// small, so that a thousand nearly empty partitions cost little, and grow
	// with the arena, so that at most about a tenth of it is an unused tail.
	minChunk = 4 << 10
	maxChunk = 256 << 10
	// A record above largeRecord gets a chunk of its own.
	largeRecord = maxChunk / 4

	// A location is a chunk number and an offset in units of 8 bytes.
	unitBits  = 15 // maxChunk / 8
	chunkBits = locationBits - unitBits
)

// location says where a record is; 0 is nowhere.
type location uint64

func makeLocation(chunk uint32, offset int) location {
	return location(chunk)<<unitBits | location(offset>>3)
}

func (l location) chunk() uint32 { return uint32(l >> unitBits) }
func (l location) offset() int   { return int(l&(1<<unitBits-1)) << 3 }

// arena is an append-only heap of records in chunks.
type arena struct {
	chunks []chunk  // by number; number 0 is never used
	vacant []uint32 // numbers of chunks that were freed
	open   uint32   // the chunk that takes new records; 0: none
	held   int64    // bytes of all chunks
	used   int64    // bytes of all records, dead or alive
	live   int64    // bytes of all live records
}

type chunk struct {
	data []byte // len: used; cap: size; nil: vacant
	live int    // bytes of the live records
	// epoch is the snapshot epoch in which the chunk was made: a snapshot that
	// is younger than the chunk may look into it.
	epoch uint32
}

func (a *arena) record(l location) record {
	return record(a.chunks[l.chunk()].data[l.offset():])
}

// allocate makes room for a record and counts it as live.
func (a *arena) allocate(size int, epoch uint32) (location, record) {
	if size > largeRecord {
		n := a.addChunk(size, epoch)
		return a.carve(n, size)
	}
	if a.open == 0 || cap(a.chunks[a.open].data)-len(a.chunks[a.open].data) < size {
		a.open = a.addChunk(max(a.nextChunk(), size), epoch)
	}
	return a.carve(a.open, size)
}

func (a *arena) carve(n uint32, size int) (location, record) {
	c := &a.chunks[n]
	offset := len(c.data)
	c.data = c.data[:offset+size]
	c.live += size
	a.used += int64(size)
	a.live += int64(size)
	return makeLocation(n, offset), record(c.data[offset:])
}

// nextChunk returns the size of the next chunk: an eighth of the arena, in steps
// that Go's allocator has.
func (a *arena) nextChunk() int {
	size := minChunk
	for size < maxChunk && int64(size) <= a.held/16 {
		size *= 2
	}
	return size
}

// Above largeSize Go's allocator rounds up to whole pages.
const (
	largeSize = 32 << 10
	pageSize  = 8 << 10
)

func (a *arena) addChunk(size int, epoch uint32) uint32 {
	var n uint32
	if k := len(a.vacant); k > 0 {
		n, a.vacant = a.vacant[k-1], a.vacant[:k-1]
	} else {
		if len(a.chunks) == 0 {
			a.chunks = append(a.chunks, chunk{})
		}
		n = uint32(len(a.chunks))
		if n >= 1<<chunkBits {
			// 128 GiB at the very least: memory ends long before.
			panic(fmt.Sprintf("store: a partition holds more than %d chunks", n))
		}
		a.chunks = append(a.chunks, chunk{})
	}
	if size > largeSize {
		size = (size + pageSize - 1) &^ (pageSize - 1)
	}
	a.chunks[n] = chunk{data: make([]byte, 0, size), epoch: epoch}
	a.held += int64(size)
	return n
}

// release counts a record as dead and tells whether its chunk holds no live
// record any more and can be freed.
func (a *arena) release(l location, size int) (empty bool) {
	c := &a.chunks[l.chunk()]
	c.live -= size
	a.live -= int64(size)
	return c.live == 0 && l.chunk() != a.open
}

// free drops a chunk and returns its size.
func (a *arena) free(n uint32) int {
	size := cap(a.chunks[n].data)
	a.held -= int64(size)
	a.used -= int64(len(a.chunks[n].data))
	a.chunks[n] = chunk{}
	a.vacant = append(a.vacant, n)
	return size
}
