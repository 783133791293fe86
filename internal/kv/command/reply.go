package command

import (
	"math"
	"strconv"
)

// Reply encodes replies for one client, in protocol version 2 or 3 of Redis. The
// zero value is an empty reply in version 2.
type Reply struct {
	// Buf is what has been encoded. It may be taken, cut or replaced.
	Buf []byte
	// Proto is the protocol version; anything below 3 means 2.
	Proto uint8
}

// Reset empties the reply and keeps its buffer and version.
func (r *Reply) Reset() { r.Buf = r.Buf[:0] }

// IsError tells whether the reply begins with an error.
func (r *Reply) IsError() bool { return len(r.Buf) > 0 && r.Buf[0] == '-' }

func (r *Reply) head(kind byte, n int) {
	r.Buf = append(r.Buf, kind)
	r.Buf = strconv.AppendInt(r.Buf, int64(n), 10)
	r.crlf()
}

func (r *Reply) crlf() { r.Buf = append(r.Buf, '\r', '\n') }

// Int adds an integer.
func (r *Reply) Int(n int64) {
	r.Buf = append(r.Buf, ':')
	r.Buf = strconv.AppendInt(r.Buf, n, 10)
	r.crlf()
}

// Bool adds a boolean; in version 2 it is 1 or 0.
func (r *Reply) Bool(b bool) {
	switch {
	case r.Proto >= 3 && b:
		r.Buf = append(r.Buf, "#t\r\n"...)
	case r.Proto >= 3:
		r.Buf = append(r.Buf, "#f\r\n"...)
	case b:
		r.Int(1)
	default:
		r.Int(0)
	}
}

// Bulk adds a string of any bytes, which is copied.
func (r *Reply) Bulk(b []byte) {
	r.head('$', len(b))
	r.Buf = append(r.Buf, b...)
	r.crlf()
}

// BulkString is Bulk for a string.
func (r *Reply) BulkString(s string) {
	r.head('$', len(s))
	r.Buf = append(r.Buf, s...)
	r.crlf()
}

// Verbatim adds a text; in version 2 it is a bulk string.
func (r *Reply) Verbatim(s string) {
	if r.Proto < 3 {
		r.BulkString(s)
		return
	}
	r.head('=', len(s)+4)
	r.Buf = append(r.Buf, "txt:"...)
	r.Buf = append(r.Buf, s...)
	r.crlf()
}

// Double adds a floating point number; in version 2 it is a bulk string.
func (r *Reply) Double(f float64) {
	s := strconv.FormatFloat(f, 'g', 17, 64)
	switch {
	case math.IsInf(f, 1):
		s = "inf"
	case math.IsInf(f, -1):
		s = "-inf"
	case math.IsNaN(f):
		s = "nan"
	}
	if r.Proto < 3 {
		r.BulkString(s)
		return
	}
	r.Buf = append(r.Buf, ',')
	r.Buf = append(r.Buf, s...)
	r.crlf()
}

// Null adds the absence of a value.
func (r *Reply) Null() {
	if r.Proto >= 3 {
		r.Buf = append(r.Buf, "_\r\n"...)
		return
	}
	r.Buf = append(r.Buf, "$-1\r\n"...)
}

// NullArray adds the absence of an array.
func (r *Reply) NullArray() {
	if r.Proto >= 3 {
		r.Buf = append(r.Buf, "_\r\n"...)
		return
	}
	r.Buf = append(r.Buf, "*-1\r\n"...)
}

// Simple adds a status, which has no line breaks.
func (r *Reply) Simple(s string) {
	r.Buf = append(r.Buf, '+')
	r.Buf = append(r.Buf, s...)
	r.crlf()
}

// OK adds the status OK.
func (r *Reply) OK() { r.Buf = append(r.Buf, "+OK\r\n"...) }

// Error adds an error, whose first word is its kind. Line breaks at the end are
// cut and others become blanks.
func (r *Reply) Error(s string) {
	for len(s) > 0 && (s[len(s)-1] == '\r' || s[len(s)-1] == '\n') {
		s = s[:len(s)-1]
	}
	r.Buf = append(r.Buf, '-')
	from := len(r.Buf)
	r.Buf = append(r.Buf, s...)
	for i := from; i < len(r.Buf); i++ {
		if r.Buf[i] == '\r' || r.Buf[i] == '\n' {
			r.Buf[i] = ' '
		}
	}
	r.crlf()
}

// Array begins an array: n replies follow.
func (r *Reply) Array(n int) { r.head('*', n) }

// Map begins a map: n keys with their values follow. In version 2 it is an array
// of twice the length.
func (r *Reply) Map(n int) {
	if r.Proto >= 3 {
		r.head('%', n)
		return
	}
	r.head('*', 2*n)
}

// Set begins a set: n replies follow. In version 2 it is an array.
func (r *Reply) Set(n int) {
	if r.Proto >= 3 {
		r.head('~', n)
		return
	}
	r.head('*', n)
}
