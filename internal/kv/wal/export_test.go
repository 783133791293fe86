package wal

import (
	"encoding/binary"
	"hash/crc32"
)

// SetFormatVersion changes the version in all copies of a segment's header, as
// another version of the program would have written them.
func SetFormatVersion(segment []byte, version uint32) {
	for _, off := range []int{0, noteOffset1, noteOffset2} {
		p := segment[off : off+headerBytes]
		binary.LittleEndian.PutUint32(p[8:], version)
		binary.LittleEndian.PutUint32(p[508:], crc32.Checksum(p[:508], castagnoli))
	}
}
