package transport

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// Config makes a Transport. Self, ClusterID and Handler are required.
type Config struct {
	// Self is the identity of this node.
	Self cluster.NodeID
	// ClusterID returns the cluster that this node belongs to, or "" while it
	// belongs to none: then it neither dials nor accepts. Any goroutine may call
	// it.
	ClusterID func() string
	Handler   Handler
	Logger    *slog.Logger // nil: slog.Default()

	// Dial opens a connection to host:port, resolving names every time. Nil
	// means a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// TLS, if not nil, is the client side of TLS towards peers. The listener that
	// serves Handler brings the server side.
	TLS *tls.Config

	Timing Timing // zero fields take their defaults
	Limits Limits // zero fields take their defaults
}

// Timing is the pace of connections.
type Timing struct {
	// DialTimeout bounds resolving a name and connecting; HandshakeTimeout what
	// comes after, up to the peer's answer. Defaults: 1 s and 2 s.
	DialTimeout, HandshakeTimeout time.Duration
	// RetryMin and RetryMax bound the pause between two attempts to connect,
	// which grows with every failure. Defaults: 25 ms and 1 s. A peer that comes
	// back and dials this node is dialed at once.
	RetryMin, RetryMax time.Duration
	// BeatInterval is the longest silence of a healthy connection, in both
	// directions; after DeadAfter of silence it is given up. Defaults: 500 ms
	// and 2 s.
	BeatInterval, DeadAfter time.Duration
	// SnapshotStall is the longest pause within a snapshot stream, and
	// SnapshotInstall the longest wait for the receiver's verdict after its end.
	// Defaults: 30 s and 2 min.
	SnapshotStall, SnapshotInstall time.Duration
}

// Limits bound what a Transport holds.
type Limits struct {
	// RaftBytes and RaftMessages bound the queue of Raft messages for one peer.
	// One message of any size always finds room in an empty queue. Defaults:
	// 32 MiB and 65,536.
	RaftBytes, RaftMessages int
	// ForwardBytes and ForwardRequests bound the queue of requests for one peer,
	// ReplyBytes that of replies. Defaults: 16 MiB, 16,384 and 64 MiB.
	ForwardBytes, ForwardRequests, ReplyBytes int
	// Streams bounds the connections from peers. Default: 256.
	Streams int
	// SnapshotsOut and SnapshotsIn bound the snapshots under way. Defaults: 4
	// and 4.
	SnapshotsOut, SnapshotsIn int
}

func (c *Config) setDefaults() {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
	t := &c.Timing
	byDefault(&t.DialTimeout, time.Second)
	byDefault(&t.HandshakeTimeout, 2*time.Second)
	byDefault(&t.RetryMin, 25*time.Millisecond)
	byDefault(&t.RetryMax, time.Second)
	byDefault(&t.BeatInterval, 500*time.Millisecond)
	byDefault(&t.DeadAfter, 2*time.Second)
	byDefault(&t.SnapshotStall, 30*time.Second)
	byDefault(&t.SnapshotInstall, 2*time.Minute)
	l := &c.Limits
	byDefault(&l.RaftBytes, 32<<20)
	byDefault(&l.RaftMessages, 1<<16)
	byDefault(&l.ForwardBytes, 16<<20)
	byDefault(&l.ForwardRequests, 1<<14)
	byDefault(&l.ReplyBytes, 64<<20)
	byDefault(&l.Streams, 256)
	byDefault(&l.SnapshotsOut, 4)
	byDefault(&l.SnapshotsIn, 4)
}

func byDefault[T int | time.Duration](v *T, value T) {
	if *v == 0 {
		*v = value
	}
}
