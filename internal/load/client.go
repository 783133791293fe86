package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/ringkv/ringkv/internal/respclient"
)

// outcome is what is known of an attempt after it ended.
type outcome int

const (
	succeeded outcome = iota
	refused           // it certainly did not happen
	unknown           // it may have happened, or may still happen
)

// attempt is one command of a pipeline, and its answer.
type attempt struct {
	key   string
	value []byte // to write; nil for a read

	outcome outcome
	err     error  // why it did not succeed
	reply   []byte // of a read; its memory is reused by the next answer
	missing bool   // a read that found no value
}

// client is one connection at a time to one of several addresses. It is used by
// one goroutine. It never repeats a command: that is its caller's decision.
//
// It is not a general Redis client. It exists because the checker must know for
// certain whether a command can have reached the server.
type client struct {
	addresses  *addressBook
	home       int    // which address to start with
	turn       int    // how many addresses were left since
	generation uint64 // of the addresses that the connection was made from
	timeout    time.Duration

	conn    net.Conn
	address string // of conn, or of the last attempt to connect
	reader  *bufio.Reader
	out     []byte
}

// dialTimeout bounds the wait for a connection: an address that drops packets
// should not cost more than the next one can make up for.
const dialTimeout = time.Second

// errProtocol marks an answer that is no RESP2 or not to what was asked.
var errProtocol = errors.New("unexpected answer")

// exchange sends the attempts in one go and fills in their outcomes. It reports
// whether a connection was there: false means that none of them has left.
func (c *client) exchange(attempts []*attempt) bool {
	if err := c.connect(); err != nil {
		for _, a := range attempts {
			a.outcome, a.err = refused, err
		}
		return false
	}
	c.out = c.out[:0]
	for _, a := range attempts {
		c.out = appendCommand(c.out, a)
	}
	deadline := time.Now().Add(c.timeout)
	err := c.conn.SetDeadline(deadline)
	if err == nil {
		_, err = c.conn.Write(c.out)
	}
	for i, a := range attempts {
		if err == nil {
			err = c.readAnswer(a)
		}
		if err != nil {
			// Everything from here on may have arrived before the connection
			// broke. What a failed write call left behind is not known either.
			err = fmt.Errorf("%s: %w", c.address, err)
			for _, rest := range attempts[i:] {
				rest.outcome, rest.err = unknown, err
			}
			c.close()
			break
		}
	}
	return true
}

func (c *client) connect() error {
	addresses, generation := c.addresses.get()
	if c.conn != nil && generation == c.generation {
		return nil
	}
	c.close()
	if generation != c.generation {
		c.generation, c.turn = generation, 0
	}
	c.address = addresses[(c.home+c.turn)%len(addresses)]
	conn, err := net.DialTimeout("tcp", c.address, min(dialTimeout, c.timeout))
	if err != nil {
		c.turn++
		return fmt.Errorf("connect to %s: %w", c.address, err)
	}
	c.conn = conn
	if c.reader == nil {
		c.reader = bufio.NewReaderSize(conn, 16<<10)
	} else {
		c.reader.Reset(conn)
	}
	return nil
}

// close drops the connection; the next one goes to the next address.
func (c *client) close() {
	if c.conn == nil {
		return
	}
	c.conn.Close()
	c.conn = nil
	c.turn++
}

func appendCommand(dst []byte, a *attempt) []byte {
	if a.value == nil {
		dst = append(dst, "*2\r\n$3\r\nGET\r\n"...)
		return respclient.AppendBulk(dst, a.key)
	}
	dst = append(dst, "*3\r\n$3\r\nSET\r\n"...)
	dst = respclient.AppendBulk(dst, a.key)
	return respclient.AppendBulk(dst, a.value)
}

// readAnswer reads one answer into a. An error means that the connection is of
// no more use.
func (c *client) readAnswer(a *attempt) error {
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return err
	}
	line, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok || len(line) == 0 {
		return fmt.Errorf("%w: %q", errProtocol, line)
	}
	a.missing = false
	switch {
	case line[0] == '-':
		a.err = fmt.Errorf("%s: %s", c.address, line[1:])
		a.outcome = outcomeOfError(line[1:])
		return nil
	case line[0] == '+' && a.value != nil && string(line) == "+OK":
	case line[0] == '$' && a.value == nil:
		if err := c.readBulk(a, line[1:]); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%w: %q", errProtocol, line)
	}
	a.outcome, a.err = succeeded, nil
	return nil
}

func (c *client) readBulk(a *attempt, length []byte) error {
	n, err := strconv.Atoi(string(length))
	if err != nil || n < -1 || n > 2*maxValueBytes {
		return fmt.Errorf("%w: length %q", errProtocol, length)
	}
	if n == -1 {
		a.missing = true
		a.reply = a.reply[:0]
		return nil
	}
	if cap(a.reply) < n+2 {
		a.reply = make([]byte, n+2)
	}
	a.reply = a.reply[:n+2]
	if _, err := io.ReadFull(c.reader, a.reply); err != nil {
		return err
	}
	if !bytes.HasSuffix(a.reply, []byte("\r\n")) {
		return fmt.Errorf("%w: no end after %d bytes", errProtocol, n)
	}
	a.reply = a.reply[:n]
	return nil
}

// refusals are the error prefixes that promise that the command did not
// happen. Clients retry most of them blindly, so a server that sends one after
// it has executed the command is wrong, and is found out.
var refusals = []string{
	"CLUSTERDOWN", "TRYAGAIN", "LOADING", "MASTERDOWN", "READONLY", "NOREPLICAS",
	"OOM", "MISCONF", "BUSY", "MOVED", "NOAUTH", "NOPERM",
	"ERR max number of clients",
}

func outcomeOfError(message []byte) outcome {
	for _, prefix := range refusals {
		if bytes.HasPrefix(message, []byte(prefix)) {
			return refused
		}
	}
	return unknown
}
