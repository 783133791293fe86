package transport

import (
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// scriptedConn answers each Read with the next of its results.
type scriptedConn struct {
	net.Conn
	results []error // nil: a byte
	waited  time.Duration
}

func (c *scriptedConn) SetReadDeadline(at time.Time) error {
	c.waited += time.Until(at).Round(time.Millisecond)
	return nil
}

func (c *scriptedConn) Read(b []byte) (int, error) {
	err := c.results[0]
	c.results = c.results[1:]
	if err != nil {
		return 0, err
	}
	return copy(b, "x"), nil
}

func TestProcessThatWasStoppedLooksTwiceBeforeItBelievesInSilence(t *testing.T) {
	conn := &scriptedConn{results: []error{os.ErrDeadlineExceeded, nil}}
	n, err := (&liveReader{conn: conn, dead: 8 * time.Second}).Read(make([]byte, 10))
	require.NoError(t, err)
	require.Equal(t, 1, n)

	conn = &scriptedConn{results: []error{os.ErrDeadlineExceeded, os.ErrDeadlineExceeded}}
	_, err = (&liveReader{conn: conn, dead: 8 * time.Second}).Read(make([]byte, 10))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.Equal(t, 8*time.Second, conn.waited, "both looks together")
}
