package command

import "strconv"

// Elements returns the encoded elements of an array, which alias b. It returns false
// if b is no array or holds more than one.
func Elements(b []byte) ([][]byte, bool) {
	n, rest, ok := header(b, '*')
	if !ok || n < 0 || n > int64(len(rest)) {
		return nil, false
	}
	elements := make([][]byte, n)
	for i := range elements {
		size, ok := ReplySize(rest)
		if !ok {
			return nil, false
		}
		elements[i], rest = rest[:size], rest[size:]
	}
	return elements, len(rest) == 0
}

// Integers returns the elements of an array of integers, or false if b is none.
func Integers(b []byte) ([]int64, bool) {
	elements, ok := Elements(b)
	if !ok {
		return nil, false
	}
	out := make([]int64, len(elements))
	for i, e := range elements {
		if out[i], _, ok = header(e, ':'); !ok {
			return nil, false
		}
	}
	return out, true
}

// ReplySize returns the encoded size of the reply that b begins with.
func ReplySize(b []byte) (int, bool) {
	if len(b) == 0 {
		return 0, false
	}
	line := lineEnd(b)
	if line < 0 {
		return 0, false
	}
	n := int64(0)
	switch b[0] {
	case '+', '-', ':', '_', '#', ',', '(':
		return line, true
	case '$', '=', '*', '~', '%', '>':
		var err error
		if n, err = strconv.ParseInt(string(b[1:line-2]), 10, 32); err != nil {
			return 0, false
		}
	default:
		return 0, false
	}
	if n < 0 { // null
		return line, true
	}
	switch b[0] {
	case '$', '=':
		size := line + int(n) + 2
		return size, size <= len(b)
	case '%':
		n *= 2
	}
	for ; n > 0; n-- {
		size, ok := ReplySize(b[line:])
		if !ok {
			return 0, false
		}
		line += size
	}
	return line, true
}

// lineEnd returns the position after the first line end, or -1.
func lineEnd(b []byte) int {
	for i := 0; i+1 < len(b); i++ {
		if b[i] == '\r' && b[i+1] == '\n' {
			return i + 2
		}
	}
	return -1
}
