package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/ringkv/ringkv/internal/respclient"
)

// link is a worker's connection to one server, made when it is needed.
type link struct {
	server  string // as the cluster names it
	address string // where it is reached
	conn    *respclient.Conn
	reply   respclient.Reply

	// Of the turn under way:

	out  []byte // the commands
	sent []int  // which outcomes they are
}

// exchange sends the commands and calls take for each answer, in their order, while
// the link's reply is that answer. After an error the connection is dropped, and the
// commands without an answer may have been executed or not.
func (l *link) exchange(ctx context.Context, timeout time.Duration, take func()) error {
	err := l.try(ctx, timeout, take)
	if err != nil {
		l.drop()
	}
	return err
}

func (l *link) try(ctx context.Context, timeout time.Duration, take func()) error {
	if l.conn == nil {
		conn, err := respclient.Dial(ctx, l.address)
		if err != nil {
			return err
		}
		l.conn = conn
	}
	// The end of the measurement ends the wait for an answer, too. It may come when the
	// link has dropped the connection already.
	conn := l.conn
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if err := l.conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	if err := l.conn.Write(l.out); err != nil {
		return err
	}
	for range l.sent {
		if err := l.conn.Read(&l.reply); err != nil {
			return fmt.Errorf("%s: %w", l.address, err)
		}
		take()
	}
	return nil
}

func (l *link) drop() {
	if l.conn != nil {
		_ = l.conn.Close() // of no more use
		l.conn = nil
	}
}
