package command

import (
	"encoding/binary"
	"math/bits"
)

// bitOffset reads the number of a bit, counted from the first one's most
// significant, or adds the error reply. With a width, #n stands for n times that
// many bits.
func bitOffset(arg []byte, width int64, r *Reply) (int64, bool) {
	unit := int64(1)
	if width > 0 && len(arg) > 0 && arg[0] == '#' {
		arg, unit = arg[1:], width
	}
	n, ok := parseInt(arg)
	n *= unit
	if !ok || n < 0 || n>>3 >= MaxValueBytes {
		r.Error(ErrBitOffset)
		return 0, false
	}
	return n, true
}

// SETBIT key offset value
func setBit(c *Context, args [][]byte, r *Reply) {
	offset, ok := bitOffset(args[2], 0, r)
	if !ok {
		return
	}
	bit, ok := parseInt(args[3])
	if !ok || bit != 0 && bit != 1 {
		r.Error(ErrBit)
		return
	}
	it, _ := c.get(args[1])
	value := c.grown(it.Value, offset>>3+1)
	at, mask := &value[offset>>3], byte(0x80>>(offset&7))
	before := int64(0)
	if *at&mask != 0 {
		before = 1
	}
	*at &^= mask
	if bit == 1 {
		*at |= mask
	}
	c.Store.Set(args[1], value, it.ExpireAt)
	r.Int(before)
}

// grown returns a copy of a value with zero bytes up to a length, valid until the
// next use of the room.
func (c *Context) grown(value []byte, length int64) []byte {
	b := c.room(max(len(value), int(length)))
	clear(b[copy(b, value):])
	return b
}

// GETBIT key offset
func getBit(c *Context, args [][]byte, r *Reply) {
	offset, ok := bitOffset(args[2], 0, r)
	if !ok {
		return
	}
	it, _ := c.get(args[1])
	bit := int64(0)
	if at := offset >> 3; at < int64(len(it.Value)) && it.Value[at]&(0x80>>(offset&7)) != 0 {
		bit = 1
	}
	r.Int(bit)
}

// bitRange is a part of a value: bits from first up to and including last.
type bitRange struct{ first, last int64 }

// clip turns the indexes of a command, of which negative ones count from the end,
// into the bits of a value of so many bytes. It is empty if last is below first.
func (b bitRange) clip(bytes int, byBit bool) bitRange {
	n := int64(bytes)
	if byBit {
		n <<= 3
	}
	if b.first < 0 {
		b.first = max(n+b.first, 0)
	}
	if b.last < 0 {
		b.last = max(n+b.last, 0)
	}
	b.last = min(b.last, n-1)
	if b.first > b.last {
		return bitRange{0, -1}
	}
	if !byBit {
		b.first, b.last = b.first<<3, b.last<<3+7
	}
	return b
}

// bitUnit reads BYTE or BIT, or adds the error reply.
func bitUnit(arg []byte, r *Reply) (byBit, ok bool) {
	byBit = is(arg, "BIT")
	if !byBit && !is(arg, "BYTE") {
		r.Error(ErrSyntax)
		return false, false
	}
	return byBit, true
}

// BITCOUNT key [start end [BYTE | BIT]]
func bitCount(c *Context, args [][]byte, r *Reply) {
	span, byBit := bitRange{0, -1}, false
	switch len(args) {
	case 2:
	case 4, 5:
		var ok bool
		if span.first, ok = intArg(args[2], r); !ok {
			return
		}
		if span.last, ok = intArg(args[3], r); !ok {
			return
		}
		if len(args) == 5 {
			if byBit, ok = bitUnit(args[4], r); !ok {
				return
			}
		}
	default:
		r.Error(ErrSyntax)
		return
	}
	it, _ := c.get(args[1])
	if span.first < 0 && span.last < 0 && span.first > span.last {
		r.Int(0)
		return
	}
	r.Int(countBits(it.Value, span.clip(len(it.Value), byBit)))
}

// countBits returns how many bits of a range are set.
func countBits(value []byte, span bitRange) int64 {
	if span.last < span.first {
		return 0
	}
	from, to := span.first>>3, span.last>>3
	n := 0
	for rest := value[from : to+1]; len(rest) > 0; {
		if len(rest) < 8 {
			n += bits.OnesCount8(rest[0])
			rest = rest[1:]
			continue
		}
		n += bits.OnesCount64(binary.LittleEndian.Uint64(rest))
		rest = rest[8:]
	}
	n -= bits.OnesCount8(value[from] &^ (0xff >> (span.first & 7)))
	n -= bits.OnesCount8(value[to] &^ (0xff << (7 - span.last&7)))
	return int64(n)
}

// BITPOS key bit [start [end [BYTE | BIT]]]
func bitPos(c *Context, args [][]byte, r *Reply) {
	bit, ok := intArg(args[2], r)
	if !ok {
		return
	}
	if bit != 0 && bit != 1 {
		r.Error("ERR The bit argument must be 1 or 0.")
		return
	}
	if len(args) > 6 {
		r.Error(ErrSyntax)
		return
	}
	span, byBit := bitRange{0, -1}, false
	if len(args) > 3 {
		if span.first, ok = intArg(args[3], r); !ok {
			return
		}
	}
	if len(args) > 5 {
		if byBit, ok = bitUnit(args[5], r); !ok {
			return
		}
	}
	if len(args) > 4 {
		if span.last, ok = intArg(args[4], r); !ok {
			return
		}
	}
	it, found := c.get(args[1])
	if !found { // as if it were zeros without an end
		r.Int(-bit)
		return
	}
	span = span.clip(len(it.Value), byBit)
	at := findBit(it.Value, bit == 1, span)
	if at < 0 && bit == 0 && len(args) < 5 && span.last >= span.first {
		at = int64(len(it.Value)) << 3 // the first of the zeros after the end
	}
	r.Int(at)
}

// findBit returns the first bit of a range that is set or clear; -1: there is none.
func findBit(value []byte, set bool, span bitRange) int64 {
	skip := byte(0xff) // bytes without such a bit
	if set {
		skip = 0
	}
	for at := span.first; at <= span.last; {
		b := value[at>>3]
		if at&7 == 0 && b == skip {
			at += 8
			continue
		}
		if (b&(0x80>>(at&7)) != 0) == set {
			return at
		}
		at++
	}
	return -1
}

// BITOP AND | OR | XOR | NOT destkey key [key ...]
func bitOp(c *Context, args [][]byte, r *Reply) {
	var combine func(a, b uint64) uint64
	switch {
	case is(args[1], "AND"):
		combine = func(a, b uint64) uint64 { return a & b }
	case is(args[1], "OR"):
		combine = func(a, b uint64) uint64 { return a | b }
	case is(args[1], "XOR"):
		combine = func(a, b uint64) uint64 { return a ^ b }
	case is(args[1], "NOT"):
		if len(args) != 4 {
			r.Error("ERR BITOP NOT must be called with a single source key.")
			return
		}
	default:
		r.Error(ErrSyntax)
		return
	}
	longest := 0
	for _, key := range args[3:] {
		it, _ := c.get(key)
		longest = max(longest, len(it.Value))
	}
	if longest == 0 {
		c.Store.Delete(args[2])
		r.Int(0)
		return
	}
	first, _ := c.get(args[3])
	value := c.grown(first.Value, int64(longest))
	if combine == nil {
		for i := range value {
			value[i] = ^value[i]
		}
	}
	for _, key := range args[4:] {
		it, _ := c.get(key)
		combineBits(value, it.Value, combine)
	}
	c.Store.Set(args[2], value, 0)
	r.Int(int64(longest))
}

// combineBits combines a value with another, which has zeros after its end.
func combineBits(value, other []byte, combine func(a, b uint64) uint64) {
	i := 0
	for ; i+8 <= min(len(value), len(other)); i += 8 {
		word := combine(binary.LittleEndian.Uint64(value[i:]), binary.LittleEndian.Uint64(other[i:]))
		binary.LittleEndian.PutUint64(value[i:], word)
	}
	for ; i < len(value); i++ {
		value[i] = byte(combine(uint64(value[i]), uint64(at(other, i))))
	}
}
