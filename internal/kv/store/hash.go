package store

import (
	"encoding/binary"
	"math/bits"
)

// The constants of wyhash, final version 4 (public domain, Wang Yi).
const (
	wy0 = 0xa0761d6478bd642f
	wy1 = 0xe7037ed1a0b428db
	wy2 = 0x8ebc6af09c88c6e3
	wy3 = 0x589965cc75374cc3
)

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// hash64 is wyhash. It decides the order of scans, so all replicas of a partition
// must compute the same: neither the function nor the seed of a partition may
// change while cursors are in use.
func hash64(b []byte, seed uint64) uint64 {
	n := len(b)
	seed ^= mix(seed^wy0, wy1)
	var x, y uint64
	switch {
	case n > 16:
		p := b
		if n > 48 {
			s1, s2 := seed, seed
			for len(p) > 48 {
				seed = mix(u64(p)^wy1, u64(p[8:])^seed)
				s1 = mix(u64(p[16:])^wy2, u64(p[24:])^s1)
				s2 = mix(u64(p[32:])^wy3, u64(p[40:])^s2)
				p = p[48:]
			}
			seed ^= s1 ^ s2
		}
		for len(p) > 16 {
			seed = mix(u64(p)^wy1, u64(p[8:])^seed)
			p = p[16:]
		}
		x, y = u64(b[n-16:]), u64(b[n-8:])
	case n >= 4:
		x = u32(b)<<32 | u32(b[n>>3<<2:])
		y = u32(b[n-4:])<<32 | u32(b[n-4-n>>3<<2:])
	case n > 0:
		x = uint64(b[0])<<16 | uint64(b[n>>1])<<8 | uint64(b[n-1])
	}
	hi, lo := bits.Mul64(x^wy1, y^seed)
	return mix(lo^wy0^uint64(n), hi^wy1)
}

func u64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }
func u32(b []byte) uint64 { return uint64(binary.LittleEndian.Uint32(b)) }
