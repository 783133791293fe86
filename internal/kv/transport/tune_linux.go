package transport

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// tuneStream makes the kernel give a connection up when data stays unacknowledged
// for about as long as this package bears silence: a closed connection would
// otherwise keep its unsent data for minutes. It is best effort, since beats find
// a dead connection anyway.
func tuneStream(conn net.Conn, dead time.Duration) {
	if wrapped, ok := conn.(interface{ NetConn() net.Conn }); ok { // TLS
		conn = wrapped.NetConn()
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(2*dead/time.Millisecond))
	})
}
