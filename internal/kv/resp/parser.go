package resp

import (
	"bytes"
	"math"
	"strconv"
)

const (
	// maxLine is the longest inline command or length line.
	maxLine = 64 << 10

	minReadBuffer = 4 << 10
	// A buffer that a big request made larger than this is given back.
	keepReadBuffer = 64 << 10
)

// protocolError is a reason to answer and hang up, as Redis words it.
type protocolError string

// Error implements error.
func (e protocolError) Error() string { return "Protocol error: " + string(e) }

// parser cuts a stream of bytes into commands. Arguments stay where they are in
// the buffer, which is neither moved nor changed before the next call of room.
type parser struct {
	buf  []byte // what was read; buf[next:] is still to be parsed
	next int
	// start is where the command begins that is being parsed.
	start int

	// The command that is being parsed, when it is an array.
	left  int    // arguments still missing; 0: between commands
	bulk  int    // length of the argument that is being read; -1: not known yet
	spans []span // the arguments so far, relative to start

	maxBulk, maxRequest int
}

type span struct{ from, to int }

func newParser(maxBulk, maxRequest int) parser {
	return parser{bulk: -1, maxBulk: maxBulk, maxRequest: maxRequest}
}

// room returns where to read more bytes into. All arguments that command returned
// become invalid. The buffer grows with what has arrived, never with what has been
// announced.
func (p *parser) room() []byte {
	rest := len(p.buf) - p.start
	if p.left == 0 && cap(p.spans) > keepArgs {
		p.spans = nil
	}
	filled := len(p.buf) == cap(p.buf) // the client sends more than there is room for
	switch {
	case cap(p.buf) > keepReadBuffer && rest < minReadBuffer/2:
		p.buf = append(make([]byte, 0, minReadBuffer), p.buf[p.start:]...)
	case filled && cap(p.buf) < keepReadBuffer || cap(p.buf)-rest < minReadBuffer/4:
		grown := make([]byte, 0, max(minReadBuffer, min(2*cap(p.buf), keepReadBuffer), 2*rest))
		p.buf = append(grown, p.buf[p.start:]...)
	case p.start > 0:
		p.buf = p.buf[:copy(p.buf, p.buf[p.start:])]
	}
	p.next -= p.start
	p.start = 0
	return p.buf[len(p.buf):cap(p.buf)]
}

// filled says how many bytes were read into the room.
func (p *parser) filled(n int) { p.buf = p.buf[:len(p.buf)+n] }

// command appends the arguments of the next command to args. It returns false when
// the buffer holds no whole command any more. An error is a protocolError, after
// which the parser is of no use.
func (p *parser) command(args [][]byte) ([][]byte, bool, error) {
	for p.left > 0 || p.next < len(p.buf) {
		if p.left == 0 {
			p.start = p.next
			if p.buf[p.next] != '*' {
				n := len(args)
				args, ok, err := p.inline(args)
				if !ok || err != nil || len(args) > n {
					return args, ok, err
				}
				continue // an empty line
			}
			if ok, err := p.arrayHeader(); !ok {
				return args, false, err
			}
			continue // to the arguments, or the next command after an empty array
		}
		if ok, err := p.arguments(); !ok {
			if err == nil && len(p.buf)-p.start > p.maxRequest {
				err = protocolError("too big request")
			}
			return args, false, err
		}
		for _, s := range p.spans {
			args = append(args, p.buf[p.start+s.from:p.start+s.to:p.start+s.to])
		}
		return args, true, nil
	}
	p.start = p.next
	return args, false, nil
}

// line returns the next line that ends with CR and any byte, as Redis has it.
func (p *parser) line(what string) (line []byte, ok bool, err error) {
	rest := p.buf[p.next:]
	end := bytes.IndexByte(rest, '\r')
	if end < 0 {
		if len(rest) > maxLine {
			return nil, false, protocolError("too big " + what + " count string")
		}
		return nil, false, nil
	}
	if end+2 > len(rest) {
		return nil, false, nil
	}
	p.next += end + 2
	return rest[:end], true, nil
}

func (p *parser) arrayHeader() (ok bool, err error) {
	line, ok, err := p.line("mbulk")
	if !ok {
		return false, err
	}
	n, ok := parseLength(line[1:])
	if !ok || n > math.MaxInt32 {
		return false, protocolError("invalid multibulk length")
	}
	p.left, p.bulk, p.spans = max(n, 0), -1, p.spans[:0]
	return true, nil
}

// arguments reads on until the command is whole.
func (p *parser) arguments() (ok bool, err error) {
	for p.left > 0 {
		if p.bulk < 0 {
			if p.next < len(p.buf) && p.buf[p.next] != '$' && bytes.IndexByte(p.buf[p.next:], '\r') >= 0 {
				return false, protocolError("expected '$', got '" + printable(p.buf[p.next]) + "'")
			}
			line, ok, err := p.line("bulk")
			if !ok {
				return false, err
			}
			n, ok := parseLength(line[1:])
			if !ok || n < 0 || n > p.maxBulk {
				return false, protocolError("invalid bulk length")
			}
			p.bulk = n
		}
		if len(p.buf)-p.next < p.bulk+2 {
			return false, nil
		}
		from := p.next - p.start
		p.spans = append(p.spans, span{from, from + p.bulk})
		p.next += p.bulk + 2
		p.bulk = -1
		p.left--
	}
	return true, nil
}

// printable is what can be put into an error reply.
func printable(c byte) string {
	if c == '\r' || c == '\n' {
		c = ' '
	}
	return string([]byte{c})
}

// parseLength reads a number as Redis's string2ll does.
func parseLength(b []byte) (int, bool) {
	if len(b) == 0 || len(b) > 20 || b[0] == '+' || len(b) > 1 && (b[0] == '0' || b[0] == '-' && b[1] == '0') {
		return 0, false
	}
	if len(b) <= 9 && b[0] != '-' { // the usual case, without strconv's errors
		n := 0
		for _, c := range b {
			if c < '0' || c > '9' {
				return 0, false
			}
			n = n*10 + int(c-'0')
		}
		return n, true
	}
	n, err := strconv.ParseInt(string(b), 10, 64)
	return int(n), err == nil
}
