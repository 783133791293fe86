package ring

import "bytes"

// Slots is the number of slots that keys hash to, as in Redis Cluster.
const Slots = 16384

// Slot returns the slot of key, 0..Slots-1: CRC16 of the key or, when the key
// holds a hash tag, of the tag alone. The tag is what stands between the first
// '{' and the first '}' after it; an empty one does not count.
// https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags
func Slot(key []byte) uint16 { return crc16(tag(key)) & (Slots - 1) }

// Partition returns the partition of slot when there are so many partitions.
// partitions must be a power of two from 1 to Slots; every partition is a run
// of Slots/partitions neighbouring slots, so that the answer never changes in
// the life of a cluster.
func Partition(slot uint16, partitions int) uint32 {
	return uint32(slot) * uint32(partitions) / Slots
}

func tag(key []byte) []byte {
	open := bytes.IndexByte(key, '{')
	if open < 0 {
		return key
	}
	length := bytes.IndexByte(key[open+1:], '}')
	if length <= 0 {
		return key
	}
	return key[open+1 : open+1+length]
}

// crc16 is CRC-16/XMODEM: polynomial 0x1021, initial value 0, not reflected.
func crc16(b []byte) uint16 {
	var crc uint16
	for _, c := range b {
		crc = crc<<8 ^ crcTable[byte(crc>>8)^c]
	}
	return crc
}

var crcTable = makeCRCTable()

func makeCRCTable() (t [256]uint16) {
	for i := range t {
		crc := uint16(i) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
		t[i] = crc
	}
	return t
}
