package command

import "math"

// parseInt reads a 64-bit integer as Redis does: no plus sign, no blanks, no
// leading zeros, no minus zero.
func parseInt(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 20 {
		return 0, false
	}
	if len(b) == 1 && b[0] == '0' {
		return 0, true
	}
	negative := b[0] == '-'
	if negative {
		b = b[1:]
	}
	if len(b) == 0 || b[0] < '1' || b[0] > '9' {
		return 0, false
	}
	n := uint64(0)
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		d := uint64(c - '0')
		if n > (math.MaxUint64-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	switch {
	case negative && n <= 1<<63:
		return -int64(n), true
	case !negative && n <= math.MaxInt64:
		return int64(n), true
	}
	return 0, false
}

// intArg reads an argument, or adds the error reply.
func intArg(b []byte, r *Reply) (int64, bool) {
	n, ok := parseInt(b)
	if !ok {
		r.Error(ErrNotInteger)
	}
	return n, ok
}
