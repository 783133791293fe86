package respclient

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"time"
)

// dialTimeout bounds the wait for a connection, besides the caller's context.
const dialTimeout = 2 * time.Second

// Conn is a connection to one server. One goroutine uses it at a time.
type Conn struct {
	conn  net.Conn
	in    *bufio.Reader
	out   []byte
	reply Reply
}

// Dial connects to address (host:port).
func Dial(ctx context.Context, address string) (*Conn, error) {
	conn, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &Conn{conn: conn, in: bufio.NewReaderSize(conn, 64<<10)}, nil
}

// Close drops the connection. Any goroutine may call it: who waits for an answer
// gets an error.
func (c *Conn) Close() error { return c.conn.Close() }

// Do sends one command and returns its reply, which is valid until the next call.
// An error reply is returned as a ServerError beside it. After any other error the
// command may have been executed or not, and the connection is of no more use.
func (c *Conn) Do(ctx context.Context, words ...string) (*Reply, error) {
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	c.out = AppendCommand(c.out[:0], words...)
	if err := c.Write(c.out); err != nil {
		return nil, c.explain(ctx, err)
	}
	if err := c.Read(&c.reply); err != nil {
		return nil, c.explain(ctx, err)
	}
	return &c.reply, c.reply.Err()
}

// explain prefers the reason for which the wait was ended.
func (c *Conn) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return fmt.Errorf("%s: %w", c.conn.RemoteAddr(), err)
}

// SetDeadline bounds the reads and writes to come; the zero time means no bound.
func (c *Conn) SetDeadline(t time.Time) error { return c.conn.SetDeadline(t) }

// Write sends encoded commands (see AppendCommand) in one go.
func (c *Conn) Write(commands []byte) error {
	_, err := c.conn.Write(commands)
	return err
}

// Read reads the next reply into into, whose memory it uses again.
func (c *Conn) Read(into *Reply) error { return into.read(c.in) }
