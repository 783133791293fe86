package transport

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// liveReader reads a connection, and gives it up when nothing arrives for too
// long, within a frame or between two.
type liveReader struct {
	conn  net.Conn
	dead  time.Duration  // 0: whoever holds the connection sets the deadline
	count *atomic.Uint64 // of bytes; may be nil
}

// Read implements io.Reader.
//
// A process that was stopped or starved for a while finds its deadline passed
// although the peer spoke all the time. So silence is believed only when a second,
// short look finds nothing either.
func (r *liveReader) Read(b []byte) (int, error) {
	if r.dead == 0 {
		return r.conn.Read(b)
	}
	look := r.dead / 8
	n, err := r.within(r.dead-look, b)
	if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
		n, err = r.within(look, b)
	}
	if r.count != nil {
		r.count.Add(uint64(n))
	}
	return n, err
}

func (r *liveReader) within(d time.Duration, b []byte) (int, error) {
	if err := r.conn.SetReadDeadline(time.Now().Add(d)); err != nil {
		return 0, err
	}
	return r.conn.Read(b)
}
