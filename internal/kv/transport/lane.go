package transport

import (
	"slices"
	"sync"
	"time"
)

// A lane is the queue of one kind of record for one peer. Records are encoded as
// they are queued, into the frames that will leave: so the bound in bytes is
// exact, nothing of the caller's is kept, and the writer only has to seal and
// write. The peer's mutex guards it.
type lane struct {
	typ      frameType
	maxBytes int
	maxCount int

	frames []*frame // the last one takes more records until it is full
	bytes  int      // queued or being written
	count  int      // records queued or being written
	since  time.Time
}

// frame is a frame being filled. Its buffer starts with room for the header.
type frame struct {
	typ     frameType
	buf     []byte
	records int
	items   int // what the receiver bounds apart from bytes: entries, arguments
}

// Frames are closed at these numbers, far below what a receiver takes.
const (
	targetFrameRecords = 4096
	targetFrameItems   = 1 << 14

	// A record that joins a frame which is just not closed must fit what the
	// receiver takes.
	maxRecordEntries = maxFrameEntries - targetFrameItems
	maxRecordArgs    = maxFrameArgs - targetFrameItems
)

var framePool = sync.Pool{New: func() any { return &frame{buf: make([]byte, frameHeaderBytes, 4<<10)} }}

// newFrame returns an empty frame.
func newFrame(typ frameType) *frame {
	f := framePool.Get().(*frame)
	*f = frame{typ: typ, buf: f.buf[:frameHeaderBytes]}
	return f
}

// free gives a frame back that has been written.
func (f *frame) free() {
	if cap(f.buf) <= 2*targetFrameBytes {
		framePool.Put(f)
	}
}

func (f *frame) closed() bool {
	return len(f.buf) >= targetFrameBytes || f.records >= targetFrameRecords || f.items >= targetFrameItems
}

// full tells whether a record of that size must wait outside. An empty queue
// takes any.
func (l *lane) full(size int) bool {
	return l.count >= l.maxCount || l.count > 0 && l.bytes+size > l.maxBytes
}

// room returns the frame that takes a record of at most size bytes next.
func (l *lane) room(size int) *frame {
	var f *frame
	if n := len(l.frames); n > 0 {
		f = l.frames[n-1]
	}
	if f == nil || f.closed() || f.records > 0 && len(f.buf)+size > 2*targetFrameBytes {
		f = newFrame(l.typ)
		if len(l.frames) == 0 {
			l.since = time.Now()
		}
		l.frames = append(l.frames, f)
	}
	if size > targetFrameBytes/4 { // smaller ones let append grow in its own steps
		f.buf = slices.Grow(f.buf, size)
	}
	return f
}

// add counts a record that was appended to f, which had before bytes.
func (l *lane) add(f *frame, before, items int) {
	f.records++
	f.items += items
	l.count++
	l.bytes += len(f.buf) - before
}

// take moves frames of up to about max bytes to dst. They count until release.
func (l *lane) take(dst []*frame, max int) []*frame {
	n, size := 0, 0
	for n < len(l.frames) && (n == 0 || size < max) {
		size += len(l.frames[n].buf)
		n++
	}
	dst = append(dst, l.frames[:n]...)
	l.frames = slices.Delete(l.frames, 0, n)
	if len(l.frames) > 0 {
		l.since = time.Now() // what is left has just been passed over
	}
	return dst
}

// release stops counting a frame that was taken.
func (l *lane) release(f *frame) {
	l.count -= f.records
	l.bytes -= len(f.buf) - frameHeaderBytes
}

// clear empties the lane of what was not taken and returns how many records
// that were.
func (l *lane) clear() int {
	dropped := 0
	for _, f := range l.frames {
		dropped += f.records
		l.release(f)
		f.free()
	}
	clear(l.frames)
	l.frames = l.frames[:0]
	return dropped
}
