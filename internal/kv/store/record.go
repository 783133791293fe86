package store

import "encoding/binary"

// A record holds one key in an arena chunk. It begins at a multiple of 8:
//
//	 0        4        8                16                24
//	+--------+--------+----------------+----------------+-----+-------+
//	|E keyLen| valLen |    version     |  expireAt (E)  | key | value | pad to 8
//	+--------+--------+----------------+----------------+-----+-------+
//
// little endian; E is the top bit of keyLen and says that expireAt is there.
const (
	recordHeader = 16
	expireBytes  = 8
	expireFlag   = 1 << 31

	// maxKeyBytes and maxValueBytes are what the header can say.
	maxKeyBytes   = expireFlag - 1
	maxValueBytes = 1<<32 - 1
)

// recordSize returns the bytes that a record takes, padding included.
func recordSize(keyLen, valueLen int, expires bool) int {
	n := recordHeader + keyLen + valueLen
	if expires {
		n += expireBytes
	}
	return (n + 7) &^ 7
}

// record is the bytes of one record and what follows it in the chunk.
type record []byte

func (r record) expires() bool { return r[3]&0x80 != 0 }

func (r record) keyLen() int {
	return int(binary.LittleEndian.Uint32(r) &^ expireFlag)
}

func (r record) valueLen() int { return int(binary.LittleEndian.Uint32(r[4:])) }

func (r record) keyStart() int {
	if r.expires() {
		return recordHeader + expireBytes
	}
	return recordHeader
}

func (r record) size() int { return recordSize(r.keyLen(), r.valueLen(), r.expires()) }

func (r record) key() []byte {
	from := r.keyStart()
	to := from + r.keyLen()
	return r[from:to:to]
}

func (r record) expireAt() int64 {
	if !r.expires() {
		return 0
	}
	return int64(binary.LittleEndian.Uint64(r[recordHeader:]))
}

func (r record) item() Item {
	from := r.keyStart() + r.keyLen()
	to := from + r.valueLen()
	return Item{
		Value:    r[from:to:to],
		ExpireAt: r.expireAt(),
		Version:  binary.LittleEndian.Uint64(r[8:]),
	}
}

// put writes a whole record. The value may lie in any record, r included.
func (r record) put(key, value []byte, expireAt int64, version uint64) {
	keyLen := uint32(len(key))
	if expireAt != 0 {
		keyLen |= expireFlag
		binary.LittleEndian.PutUint64(r[recordHeader:], uint64(expireAt))
	}
	binary.LittleEndian.PutUint32(r, keyLen)
	binary.LittleEndian.PutUint32(r[4:], uint32(len(value)))
	binary.LittleEndian.PutUint64(r[8:], version)
	n := r.keyStart()
	n += copy(r[n:], key)
	copy(r[n:], value)
}
