package command

import (
	"encoding/binary"
	"hash/crc64"
	"math"
	"strconv"
)

// The payload of DUMP and RESTORE is a value as in Redis's snapshot files:
//
//	+------+----------------+-----------+----------+
//	| type | string         | version   | checksum |
//	+------+----------------+-----------+----------+
//	 1 byte                   2 bytes     8 bytes: CRC-64/Jones of what is before
//
// The version and the checksum are little endian. A string is a length and as many
// bytes, or one of four special encodings; its first byte tells:
//
//	00nnnnnn            length of 6 bits
//	01nnnnnn n          length of 14 bits, big endian
//	10000000 nnnn       length of 32 bits, big endian
//	10000001 nnnnnnnn   length of 64 bits, big endian
//	11000000 n          decimal digits of an integer of 8 bits
//	11000001 nn         16 bits, little endian
//	11000010 nnnn       32 bits, little endian
//	11000011            LZF: compressed length, length, compressed bytes
const (
	rdbTypeString = 0
	// rdbVersion is that of Redis 7.0, the oldest whose payloads Redis 7 takes
	// for new. The encoding of strings has not changed since version 6.
	rdbVersion = 10
	rdbFooter  = 2 + 8

	rdbLen14 = 0x40
	rdbLen32 = 0x80
	rdbLen64 = 0x81
	rdbInt8  = 0xc0
	rdbInt16 = 0xc1
	rdbInt32 = 0xc2
	rdbLZF   = 0xc3
)

var crc64Jones = crc64.MakeTable(0x95ac9329ac4bc9b5)

// rdbChecksum is CRC-64/Jones without the inversions of package crc64.
func rdbChecksum(b []byte) uint64 {
	return ^crc64.Update(math.MaxUint64, crc64Jones, b)
}

// appendDump adds the payload of a value.
func appendDump(dst, value []byte) []byte {
	start := len(dst)
	dst = appendRDBString(append(dst, rdbTypeString), value)
	dst = binary.LittleEndian.AppendUint16(dst, rdbVersion)
	return binary.LittleEndian.AppendUint64(dst, rdbChecksum(dst[start:]))
}

// appendRDBString adds a string; it does not compress.
func appendRDBString(dst, s []byte) []byte {
	if n, ok := parseInt(s); ok {
		switch {
		case n == int64(int8(n)):
			return append(dst, rdbInt8, byte(n))
		case n == int64(int16(n)):
			return binary.LittleEndian.AppendUint16(append(dst, rdbInt16), uint16(n))
		case n == int64(int32(n)):
			return binary.LittleEndian.AppendUint32(append(dst, rdbInt32), uint32(n))
		}
	}
	switch n := len(s); {
	case n < 1<<6:
		dst = append(dst, byte(n))
	case n < 1<<14:
		dst = append(dst, rdbLen14|byte(n>>8), byte(n))
	default: // no value is longer
		dst = binary.BigEndian.AppendUint32(append(dst, rdbLen32), uint32(n))
	}
	return append(dst, s...)
}

// dumpIsSound checks the checksum of a payload. Any version will do: if the type is
// known, so is what follows.
func dumpIsSound(payload []byte) bool {
	body := len(payload) - 8
	return len(payload) >= rdbFooter && binary.LittleEndian.Uint64(payload[body:]) == rdbChecksum(payload[:body])
}

// parseDump returns the value of a payload; it may alias the payload. As Redis
// does, it does not mind bytes after the string.
func parseDump(payload []byte) (value []byte, ok bool) {
	if len(payload) == 0 || payload[0] != rdbTypeString {
		return nil, false
	}
	return parseRDBString(payload[1:])
}

func parseRDBString(b []byte) ([]byte, bool) {
	if len(b) == 0 {
		return nil, false
	}
	rest := b[1:]
	switch {
	case b[0] == rdbInt8 && len(rest) >= 1:
		return strconv.AppendInt(nil, int64(int8(rest[0])), 10), true
	case b[0] == rdbInt16 && len(rest) >= 2:
		return strconv.AppendInt(nil, int64(int16(binary.LittleEndian.Uint16(rest))), 10), true
	case b[0] == rdbInt32 && len(rest) >= 4:
		return strconv.AppendInt(nil, int64(int32(binary.LittleEndian.Uint32(rest))), 10), true
	case b[0] == rdbLZF:
		compressed, rest, ok := parseRDBLength(rest)
		if !ok {
			return nil, false
		}
		length, rest, ok := parseRDBLength(rest)
		if !ok || compressed > uint64(len(rest)) || length > MaxValueBytes {
			return nil, false
		}
		return decompressLZF(rest[:compressed], int(length))
	}
	length, rest, ok := parseRDBLength(b)
	if !ok || length > uint64(len(rest)) {
		return nil, false
	}
	return rest[:length], true
}

// parseRDBLength reads a length and returns what follows it.
func parseRDBLength(b []byte) (n uint64, rest []byte, ok bool) {
	if len(b) == 0 {
		return 0, nil, false
	}
	switch rest = b[1:]; {
	case b[0] < rdbLen14:
		return uint64(b[0]), rest, true
	case b[0] < rdbLen32 && len(rest) >= 1:
		return uint64(b[0]&^rdbLen14)<<8 | uint64(rest[0]), rest[1:], true
	case b[0] == rdbLen32 && len(rest) >= 4:
		return uint64(binary.BigEndian.Uint32(rest)), rest[4:], true
	case b[0] == rdbLen64 && len(rest) >= 8:
		return binary.BigEndian.Uint64(rest), rest[8:], true
	}
	return 0, nil, false
}

// decompressLZF undoes the compression of liblzf. Each piece begins with a control
// byte: below 32 it is followed by one byte more than it says, as they are; else it
// stands for bytes that were there before:
//
//	lllddddd dddddddd:   length lll+2, lll being 1 to 6; distance ddddd dddddddd + 1
//	111ddddd l dddddddd: length 9+l
func decompressLZF(in []byte, length int) ([]byte, bool) {
	const bestRatio = 264 / 3
	out := make([]byte, 0, min(length, bestRatio*len(in)))
	for len(in) > 0 {
		control := int(in[0])
		in = in[1:]
		if control < 32 {
			n := control + 1
			if n > len(in) || len(out)+n > length {
				return nil, false
			}
			out = append(out, in[:n]...)
			in = in[n:]
			continue
		}
		n := control>>5 + 2
		if n == 9 {
			if len(in) == 0 {
				return nil, false
			}
			n += int(in[0])
			in = in[1:]
		}
		if len(in) == 0 {
			return nil, false
		}
		from := len(out) - (control&31<<8 | int(in[0])) - 1
		in = in[1:]
		if from < 0 || len(out)+n > length {
			return nil, false
		}
		for i := from; i < from+n; i++ { // the two may overlap
			out = append(out, out[i])
		}
	}
	return out, len(out) == length
}
