package command

import (
	"slices"
	"strconv"
	"sync/atomic"
)

// Router says where calls belong. It is pure: it looks at the arguments only.
type Router struct {
	// Partitions is their number.
	Partitions uint32
	// Slot returns a key's slot, and Partition the partition of a slot.
	Slot      func(key []byte) uint16
	Partition func(slot uint16) uint32
}

// Part is a call for one partition. The calls of a split have the same deadline
// and version as the whole.
type Part struct {
	Partition uint32
	Call      *Call
	// keys are the numbers of the part's keys among those of the whole call.
	keys []int
}

// Route appends the calls that make up c, which is not of Connection scope, to
// dst[:0]. When all of it concerns one partition the only part is c itself, and
// nothing is allocated. When the arguments do not allow an answer, c fails and
// there are no parts.
func (r *Router) Route(dst []Part, c *Call) []Part {
	dst = dst[:0]
	scope := c.Spec.Scope
	if scope == Keys && c.Spec.Together != nil && c.Spec.Together(c.Args) {
		scope = Key
	}
	switch scope {
	case Key:
		slot, ok := r.commonSlot(c)
		if !ok {
			c.Fail(ErrCrossSlot)
			return dst
		}
		return append(dst, Part{Partition: r.Partition(slot), Call: c})
	case Keys:
		if _, last, step := c.Spec.KeyRange(c.Args); last+step > len(c.Args) {
			// The last key lacks its value. A part must not get what the whole
			// would be refused for.
			c.Fail(arityError(c.Spec.FullName))
			return dst
		}
		if c.Cluster {
			if _, ok := r.commonSlot(c); !ok {
				c.Fail(ErrCrossSlot)
				return dst
			}
		}
		if p, ok := r.commonPartition(c); ok {
			return append(dst, Part{Partition: p, Call: c})
		}
		return r.splitKeys(dst, c)
	case OnePartition:
		p, ok := cursorPartition(c.Args[1], r.Partitions)
		if !ok {
			c.Fail(ErrCursor)
			return dst
		}
		return append(dst, Part{Partition: p, Call: c})
	case Slot:
		slot, ok := slotArg(c.Args[2], &c.Out)
		if !ok {
			c.Finish()
			return dst
		}
		return append(dst, Part{Partition: r.Partition(slot), Call: c})
	case Partitions:
		if r.Partitions == 1 {
			return append(dst, Part{Call: c})
		}
		for p := uint32(0); p < r.Partitions; p++ {
			dst = append(dst, Part{Partition: p, Call: c.part(c.Args)})
		}
		return dst
	}
	c.Fail("ERR '" + c.Spec.FullName + "' is no command for a partition")
	return dst
}

// RouteTo is Route for a call of Partitions scope that concerns only some of them.
// It completes a call that concerns none.
func (r *Router) RouteTo(dst []Part, c *Call, partitions []uint32) []Part {
	dst = dst[:0]
	for _, p := range partitions {
		dst = append(dst, Part{Partition: p, Call: c.part(c.Args)})
	}
	if len(dst) == 0 {
		combine(c, nil)
		c.Finish()
	}
	return dst
}

// KeySlot returns the slot of the first key of a call, or false if it has none.
func (r *Router) KeySlot(c *Call) (uint16, bool) {
	first, last, _ := c.Spec.KeyRange(c.Args)
	if first > last {
		return 0, false
	}
	return r.Slot(c.Args[first]), true
}

// commonSlot returns the slot of all keys; a call without keys belongs to slot 0.
func (r *Router) commonSlot(c *Call) (slot uint16, ok bool) {
	first, last, step := c.Spec.KeyRange(c.Args)
	for i := first; i <= last; i += step {
		s := r.Slot(c.Args[i])
		if i > first && s != slot {
			return 0, false
		}
		slot = s
	}
	return slot, true
}

func (r *Router) commonPartition(c *Call) (p uint32, ok bool) {
	first, last, step := c.Spec.KeyRange(c.Args)
	for i := first; i <= last; i += step {
		q := r.Partition(r.Slot(c.Args[i]))
		if i > first && q != p {
			return 0, false
		}
		p = q
	}
	return p, true
}

// splitKeys makes one call per partition, in the order in which they are named. What
// stands before the keys and after them goes to each.
func (r *Router) splitKeys(dst []Part, c *Call) []Part {
	first, last, step := c.Spec.KeyRange(c.Args)
	place := map[uint32]int{}
	for n, i := 0, first; i <= last; n, i = n+1, i+step {
		p := r.Partition(r.Slot(c.Args[i]))
		k, ok := place[p]
		if !ok {
			k = len(dst)
			place[p] = k
			dst = append(dst, Part{Partition: p, Call: c.part(slices.Clone(c.Args[:first]))})
		}
		part := &dst[k]
		part.Call.Args = append(part.Call.Args, c.Args[i:i+step]...)
		part.keys = append(part.keys, n)
	}
	for i := range dst {
		call := dst[i].Call
		call.Args = append(call.Args, c.Args[last+step:]...)
		if k := c.Spec.KeySpecs[0]; k.ByCount {
			call.Args[k.Begin] = strconv.AppendInt(nil, int64(len(dst[i].keys)), 10)
		}
	}
	return dst
}

// part makes a call for a part of c.
func (c *Call) part(args [][]byte) *Call {
	p := NewCall(c.Spec, args, c.Out.Proto)
	p.ReadAny, p.Deadline = c.ReadAny, c.Deadline
	return p
}

// Gather arranges that c is completed when all its parts are, with their combined
// reply. It does nothing when the only part is c itself. It must be called before
// any part is on its way.
func Gather(c *Call, parts []Part) {
	if len(parts) == 0 || parts[0].Call == c {
		return
	}
	own := append([]Part(nil), parts...) // the caller uses its slice again
	left := new(atomic.Int32)
	left.Store(int32(len(own)))
	for _, p := range own {
		p.Call.OnComplete = func(*Call) {
			if left.Add(-1) == 0 {
				combine(c, own)
				c.Finish()
			}
		}
	}
}

// The cursor of a scan over the cluster has the partition above and the cursor of
// the partition's store below. Both fit into the 53 bits that every client's
// integers have.
const cursorBits = 32

func cursorPartition(arg []byte, partitions uint32) (uint32, bool) {
	n, ok := parseCursor(arg)
	if !ok || n>>cursorBits >= uint64(partitions) {
		return 0, false
	}
	return uint32(n >> cursorBits), true
}

// parseCursor reads a cursor as Redis does with strtoul: what is empty is 0, and a
// plus sign may stand before it.
func parseCursor(arg []byte) (uint64, bool) {
	arg = cString(arg)
	if len(arg) == 0 {
		return 0, true
	}
	if len(arg) > 1 && arg[0] == '+' {
		arg = arg[1:]
	}
	n, err := strconv.ParseUint(string(arg), 10, 64)
	return n, err == nil
}
