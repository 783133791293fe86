package transport

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// cutter makes connections whose directions can be cut without a word: the bytes
// of a cut direction vanish, as on a network that drops packets.
type cutter struct {
	mu       sync.Mutex
	sending  bool // cut, from the dialer to the other side
	getting  bool // cut, from the other side to the dialer
	dialing  error
	conns    map[*cutConn]bool
	attempts int
}

func newCutter() *cutter { return &cutter{conns: map[*cutConn]bool{}} }

func (c *cutter) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c.mu.Lock()
	c.attempts++
	err := c.dialing
	c.mu.Unlock()
	if err != nil {
		return nil, err
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	cut := &cutConn{Conn: conn, cutter: c}
	c.conns[cut] = true
	return cut, nil
}

// cut cuts or mends the directions of all connections, those to come included.
func (c *cutter) cut(sending, getting bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sending, c.getting = sending, getting
}

// refuseDials makes dialing fail with err, or work again with nil.
func (c *cutter) refuseDials(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dialing = err
}

// closeAll breaks all connections.
func (c *cutter) closeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.conns {
		conn.Close()
		delete(c.conns, conn)
	}
}

// cutConn is a connection that has lost bytes once it was used while cut: then
// that direction stays dead, since TCP never goes on after a gap.
type cutConn struct {
	net.Conn
	cutter      *cutter
	deadSending atomic.Bool
	deadGetting atomic.Bool
}

func (c *cutConn) Write(b []byte) (int, error) {
	c.cutter.mu.Lock()
	cut := c.cutter.sending
	c.cutter.mu.Unlock()
	if cut {
		c.deadSending.Store(true)
	}
	if c.deadSending.Load() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// Read drops what arrives while its direction is cut, and ends by the deadline
// that the reader has set, or when this side closes.
func (c *cutConn) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		c.cutter.mu.Lock()
		cut := c.cutter.getting
		c.cutter.mu.Unlock()
		if cut {
			c.deadGetting.Store(true)
		}
		switch {
		case !c.deadGetting.Load() || errors.Is(err, net.ErrClosed) || err != nil && isTimeout(err):
			return n, err
		case err != nil:
			time.Sleep(time.Millisecond) // the end does not arrive either: wait for the deadline
		}
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
