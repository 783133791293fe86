package compat

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ringkv/ringkv/internal/respclient"
)

// patience is how long an answer may take: longer than a node waits for a leader.
const patience = 20 * time.Second

// conversation sends commands to a server or to any node of a cluster, and follows MOVED
// as a client of Redis Cluster does. All its commands are about one slot at a time.
type conversation struct {
	addresses []string
	at        string // where the last command was executed
	next      int
	conn      *respclient.Conn
	replies   int // in all
	moved     int // how often it was sent elsewhere
}

// errUnknownOutcome means that commands were executed once or not at all, or will be.
var errUnknownOutcome = errors.New("the outcome is unknown")

// do sends commands until they are executed, and returns their replies as text. It
// repeats what certainly was not executed: a command that never left, MOVED, and
// CLUSTERDOWN. The only error but that of ctx is errUnknownOutcome.
func (c *conversation) do(ctx context.Context, commands [][]string) (string, error) {
	for ctx.Err() == nil {
		if c.conn == nil && !c.connect(ctx) {
			continue
		}
		text, err := c.exchange(commands)
		switch to, moved := movedTo(text); {
		case err != nil:
			c.leave("")
			return "", fmt.Errorf("%w: %w", errUnknownOutcome, err)
		case strings.Contains(text, "(error) UNKNOWNRESULT"):
			return "", fmt.Errorf("%w: %s", errUnknownOutcome, text)
		case moved:
			c.moved++
			c.leave(to)
		case strings.Contains(text, "(error) CLUSTERDOWN"):
		default:
			c.replies += len(commands)
			return text, nil
		}
	}
	return "", ctx.Err()
}

// movedTo finds the address in the first MOVED of some replies.
func movedTo(text string) (address string, moved bool) {
	_, rest, moved := strings.Cut(text, "(error) MOVED ")
	if !moved {
		return "", false
	}
	line, _, _ := strings.Cut(rest, "\n")
	_, address, _ = strings.Cut(line, " ")
	return address, true
}

// connect makes a connection to where the last command was executed, or to the next
// node.
func (c *conversation) connect(ctx context.Context) bool {
	if c.at == "" {
		c.at = c.addresses[c.next%len(c.addresses)]
		c.next++
	}
	conn, err := respclient.Dial(ctx, c.at)
	if err != nil {
		c.at = ""
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond): // the node is down: to the next one, without haste
		}
		return false
	}
	c.conn = conn
	return true
}

// leave drops the connection; the next one is to the address, or to any node.
func (c *conversation) leave(to string) {
	if c.conn != nil {
		_ = c.conn.Close() // of no more use
	}
	c.conn, c.at = nil, to
}

// exchange sends the commands in one go and returns their replies.
func (c *conversation) exchange(commands [][]string) (string, error) {
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	var out []byte
	for _, words := range commands {
		out = respclient.AppendCommand(out, words...)
	}
	if err := c.conn.Write(out); err != nil {
		return "", err
	}
	var text strings.Builder
	for range commands {
		var reply respclient.Reply
		if err := c.conn.Read(&reply); err != nil {
			return "", err
		}
		reply.Format(&text)
	}
	return text.String(), nil
}
