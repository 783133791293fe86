package command

import "math"

// bitfieldOp is one operation of BITFIELD.
type bitfieldOp struct {
	kind     bitfieldKind
	overflow bitfieldOverflow
	signed   bool
	width    int64 // bits
	offset   int64 // of the first bit
	operand  int64
}

type bitfieldKind uint8

const (
	bitfieldGet bitfieldKind = iota
	bitfieldSet
	bitfieldIncrBy
)

// bitfieldOverflow says what a write does with a number that does not fit.
type bitfieldOverflow uint8

const (
	overflowWrap bitfieldOverflow = iota
	overflowSaturate
	overflowFail
)

// BITFIELD key [GET encoding offset | [OVERFLOW WRAP | SAT | FAIL] <SET encoding
// offset value | INCRBY encoding offset increment> [...]]
func bitfield(c *Context, args [][]byte, r *Reply) {
	ops, end, ok := parseBitfield(args[2:], r)
	if !ok {
		return
	}
	it, _ := c.get(args[1])
	if end == 0 {
		readBitfields(it.Value, ops, r)
		return
	}
	value := c.grown(it.Value, (end-1)>>3+1)
	changed := len(value) > len(it.Value)
	r.Array(len(ops))
	for _, op := range ops {
		before := loadBits(value, op)
		if op.kind == bitfieldGet {
			r.Int(before)
			continue
		}
		after, result, fits := op.apply(before)
		if !fits {
			r.Null()
			continue
		}
		r.Int(result)
		storeBits(value, op, after)
		changed = changed || after != before
	}
	if changed {
		c.Store.Set(args[1], value, it.ExpireAt)
	}
}

// BITFIELD_RO key [GET encoding offset [GET encoding offset ...]]
func bitfieldRO(c *Context, args [][]byte, r *Reply) {
	ops, end, ok := parseBitfield(args[2:], r)
	if !ok {
		return
	}
	if end != 0 {
		r.Error("ERR BITFIELD_RO only supports the GET subcommand")
		return
	}
	it, _ := c.get(args[1])
	readBitfields(it.Value, ops, r)
}

func readBitfields(value []byte, ops []bitfieldOp, r *Reply) {
	r.Array(len(ops))
	for _, op := range ops {
		r.Int(loadBits(value, op))
	}
}

// parseBitfield reads the operations, or adds the error reply. end is the bit after
// the last one that is written; 0: none is.
func parseBitfield(args [][]byte, r *Reply) (ops []bitfieldOp, end int64, ok bool) {
	overflow := overflowWrap
	for len(args) > 0 {
		var op bitfieldOp
		size := 4
		switch {
		case is(args[0], "GET") && len(args) >= 3:
			op.kind, size = bitfieldGet, 3
		case is(args[0], "SET") && len(args) >= 4:
			op.kind = bitfieldSet
		case is(args[0], "INCRBY") && len(args) >= 4:
			op.kind = bitfieldIncrBy
		case is(args[0], "OVERFLOW") && len(args) >= 2:
			switch {
			case is(args[1], "WRAP"):
				overflow = overflowWrap
			case is(args[1], "SAT"):
				overflow = overflowSaturate
			case is(args[1], "FAIL"):
				overflow = overflowFail
			default:
				r.Error("ERR Invalid OVERFLOW type specified")
				return nil, 0, false
			}
			args = args[2:]
			continue
		default:
			r.Error(ErrSyntax)
			return nil, 0, false
		}
		if !op.parseEncoding(args[1], r) {
			return nil, 0, false
		}
		if op.offset, ok = bitOffset(args[2], op.width, r); !ok {
			return nil, 0, false
		}
		if op.kind != bitfieldGet {
			if op.operand, ok = intArg(args[3], r); !ok {
				return nil, 0, false
			}
			end = max(end, op.offset+op.width)
		}
		op.overflow = overflow
		ops = append(ops, op)
		args = args[size:]
	}
	return ops, end, true
}

// parseEncoding reads i1 to i64 and u1 to u63, or adds the error reply.
func (o *bitfieldOp) parseEncoding(arg []byte, r *Reply) bool {
	arg = cString(arg)
	kind := at(arg, 0)
	widest := int64(63)
	if kind == 'i' {
		widest = 64
	}
	if kind == 'i' || kind == 'u' {
		if width, ok := parseInt(arg[1:]); ok && width >= 1 && width <= widest {
			o.signed, o.width = kind == 'i', width
			return true
		}
	}
	r.Error("ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.")
	return false
}

// loadBits reads a number; beyond the value's end there are zeros.
func loadBits(value []byte, o bitfieldOp) int64 {
	n := uint64(0)
	for i := o.offset; i < o.offset+o.width; i++ {
		n = n<<1 | uint64(at(value, int(i>>3))>>(7-i&7)&1)
	}
	if o.signed {
		n <<= 64 - o.width
		return int64(n) >> (64 - o.width)
	}
	return int64(n)
}

// storeBits writes the lower bits of a number into a value that has room for it.
func storeBits(value []byte, o bitfieldOp, n int64) {
	for i := o.offset + o.width - 1; i >= o.offset; i-- {
		mask := byte(0x80 >> (i & 7))
		value[i>>3] &^= mask
		if n&1 != 0 {
			value[i>>3] |= mask
		}
		n >>= 1
	}
}

// apply returns the number to be stored and the reply. fits is false when nothing
// is to be stored because the number does not fit.
func (o *bitfieldOp) apply(before int64) (after, reply int64, fits bool) {
	var direction int
	if o.kind == bitfieldSet {
		after, direction = o.operand, o.exceeds(o.operand, 0)
	} else {
		after, direction = before+o.operand, o.exceeds(before, o.operand)
	}
	if direction != 0 {
		switch o.overflow {
		case overflowFail:
			return 0, 0, false
		case overflowSaturate:
			after = o.smallest()
			if direction > 0 {
				after = o.largest()
			}
		case overflowWrap:
			after = o.wrap(after)
		}
	}
	if o.kind == bitfieldSet {
		return after, before, true
	}
	return after, after, true
}

func (o *bitfieldOp) largest() int64 {
	if o.signed {
		return math.MaxInt64 >> (64 - o.width)
	}
	return 1<<o.width - 1
}

func (o *bitfieldOp) smallest() int64 {
	if o.signed {
		return math.MinInt64 >> (64 - o.width)
	}
	return 0
}

// exceeds tells whether n+by is too large (1) or too small (-1) for the encoding.
// Two oddities are those of Redis: an unsigned number is taken modulo 2^64, so a
// negative one is too large; and the room above n is computed modulo 2^64, so a
// signed number far below the smallest is too large as well.
func (o *bitfieldOp) exceeds(n, by int64) int {
	largest, smallest := o.largest(), o.smallest()
	above, below := largest-n, smallest-n
	if o.width == 64 {
		switch {
		case n >= 0 && by > above:
			return 1
		case n < 0 && by < below:
			return -1
		}
		return 0
	}
	switch {
	case !o.signed && n < 0, n > largest, (o.signed || by > 0) && by > above:
		return 1
	case n < smallest, by < below:
		return -1
	}
	return 0
}

// wrap keeps as many bits of a number as there is room for.
func (o *bitfieldOp) wrap(n int64) int64 {
	unused := 64 - o.width
	if o.signed {
		return n << unused >> unused
	}
	return int64(uint64(n) << unused >> unused)
}
