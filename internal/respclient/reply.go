package respclient

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// ErrProtocol marks bytes that are no RESP2: the peer is no Redis server, or the
// connection is out of step. It is of no more use.
var ErrProtocol = errors.New("not an answer of a Redis server")

// The kinds of replies: their first byte on the wire.
const (
	Simple  = '+'
	Failure = '-'
	Integer = ':'
	Bulk    = '$'
	Array   = '*'
)

// Limits of what is believed of a peer before memory is taken for it.
const (
	maxBulkBytes = 512 << 20
	maxElements  = 1 << 20
)

// Reply is one answer.
type Reply struct {
	Kind byte
	// Null is a missing bulk string or array.
	Null bool
	// Text is the line of Simple, Failure and Integer, and the bytes of Bulk.
	Text     []byte
	Elements []Reply
}

// Err returns the error that the server answered, or nil.
func (r *Reply) Err() error {
	if r.Kind == Failure {
		return ServerError(r.Text)
	}
	return nil
}

// ServerError is an error reply.
type ServerError string

func (e ServerError) Error() string { return string(e) }

// Prefix is the first word, which says what kind of error it is.
func (e ServerError) Prefix() string {
	prefix, _, _ := strings.Cut(string(e), " ")
	return prefix
}

// read reads one reply into r, whose memory is used again.
func (r *Reply) read(in *bufio.Reader) error {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return err
	}
	line, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok || len(line) == 0 {
		return fmt.Errorf("%w: %q", ErrProtocol, line)
	}
	r.Kind, r.Null, r.Text, r.Elements = line[0], false, r.Text[:0], r.Elements[:0]
	switch r.Kind {
	case Simple, Failure, Integer:
		r.Text = append(r.Text, line[1:]...)
		return nil
	case Bulk:
		n, err := length(line[1:], maxBulkBytes)
		if r.Null = n < 0; err != nil || r.Null {
			return err
		}
		return r.readBulk(in, n)
	case Array:
		n, err := length(line[1:], maxElements)
		if r.Null = n < 0; err != nil || r.Null {
			return err
		}
		for range n {
			r.Elements = append(r.Elements, Reply{})
			if err := r.Elements[len(r.Elements)-1].read(in); err != nil {
				return err
			}
		}
		return nil
	default:
		return fmt.Errorf("%w: %q", ErrProtocol, line)
	}
}

func (r *Reply) readBulk(in *bufio.Reader, n int) error {
	if cap(r.Text) < n+2 {
		r.Text = make([]byte, n+2)
	}
	r.Text = r.Text[:n+2]
	if _, err := io.ReadFull(in, r.Text); err != nil {
		return err
	}
	if !bytes.HasSuffix(r.Text, []byte("\r\n")) {
		return fmt.Errorf("%w: no end after %d bytes", ErrProtocol, n)
	}
	r.Text = r.Text[:n]
	return nil
}

// length reads a length; -1 stands for null.
func length(digits []byte, most int) (int, error) {
	n, err := strconv.Atoi(string(digits))
	if err != nil || n < -1 || n > most {
		return 0, fmt.Errorf("%w: length %q", ErrProtocol, digits)
	}
	return n, nil
}

// Format writes the reply as redis-cli shows it to people.
func (r *Reply) Format(w io.Writer) {
	r.format(w, "")
}

func (r *Reply) format(w io.Writer, indent string) {
	switch {
	case r.Null:
		fmt.Fprintln(w, "(nil)")
	case r.Kind == Failure:
		fmt.Fprintf(w, "(error) %s\n", r.Text)
	case r.Kind == Integer:
		fmt.Fprintf(w, "(integer) %s\n", r.Text)
	case r.Kind == Bulk:
		fmt.Fprintf(w, "%q\n", r.Text)
	case r.Kind != Array:
		fmt.Fprintf(w, "%s\n", r.Text)
	case len(r.Elements) == 0:
		fmt.Fprintln(w, "(empty array)")
	default:
		for i := range r.Elements {
			number := fmt.Sprintf("%d) ", i+1)
			if i > 0 {
				fmt.Fprint(w, indent)
			}
			fmt.Fprint(w, number)
			r.Elements[i].format(w, indent+strings.Repeat(" ", len(number)))
		}
	}
}
