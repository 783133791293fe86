package load

import (
	"bytes"
	"fmt"
	"strconv"
)

// maxValueBytes is the largest value that a load writes: 64 MiB, the largest
// that ringkv takes.
const maxValueBytes = 64 << 20

// keyName returns the name of the i-th key.
func keyName(prefix string, i int) string { return fmt.Sprintf("%s%08d", prefix, i) }

// appendValue appends the value of one write: the sequence number and the key,
// so that it can be judged without knowing where it was found, and a filler
// that depends on both.
//
//	"17 load-5eed:00000042 rstuvwxyzabcd..."
func appendValue(dst []byte, key string, seq uint64, size int) []byte {
	start := len(dst)
	dst = strconv.AppendUint(dst, seq, 10)
	dst = append(dst, ' ')
	dst = append(dst, key...)
	dst = append(dst, ' ')
	for i := len(dst) - start; i < size; i++ {
		dst = append(dst, 'a'+byte((seq+uint64(i))%26))
	}
	return dst
}

// parseValue returns the sequence number of a value of that key. It is false
// for any value that appendValue did not make for this key and size, down to
// the last byte. scratch is reused and returned.
func parseValue(value []byte, key string, size int, scratch []byte) (seq uint64, ok bool, _ []byte) {
	digits, _, found := bytes.Cut(value, []byte{' '})
	if !found || len(digits) == 0 || len(digits) > 19 || digits[0] == '0' {
		return 0, false, scratch
	}
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, false, scratch
		}
		seq = seq*10 + uint64(d-'0')
	}
	scratch = appendValue(scratch[:0], key, seq, size)
	return seq, bytes.Equal(scratch, value), scratch
}
