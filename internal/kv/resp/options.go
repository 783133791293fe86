package resp

import (
	"log/slog"
	"time"
)

// Options make a Server. Zero values mean the defaults.
type Options struct {
	Backend Backend // required
	// Cluster is required for ServeCluster.
	Cluster Cluster
	Logger  *slog.Logger
	// Version is the program's own, shown by INFO.
	Version string
	// MaxConnections is how many clients may be connected; default 10,000.
	MaxConnections int
	// MaxBulkBytes is the longest argument; default 64 MiB.
	MaxBulkBytes int
	// MaxRequestBytes is the longest command; default four times MaxBulkBytes.
	MaxRequestBytes int
	// MaxOutputBytes is how much the replies to commands that are executed at
	// the same time may take before the client is cut off; default 256 MiB.
	// Usually they are kept near 1 MiB by executing fewer at a time; beyond it
	// gets who asks for many large values after many small ones.
	MaxOutputBytes int
	// IdleTimeout is how long a client may be silent; 0: for ever.
	IdleTimeout time.Duration
	// WriteTimeout is how long a client may let its replies lie before it is
	// cut off; default one minute.
	WriteTimeout time.Duration
	// EnableDebug allows the DEBUG command.
	EnableDebug bool
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MaxConnections == 0 {
		o.MaxConnections = 10_000
	}
	if o.MaxBulkBytes == 0 {
		o.MaxBulkBytes = 64 << 20
	}
	if o.MaxRequestBytes == 0 {
		o.MaxRequestBytes = 4 * o.MaxBulkBytes
	}
	if o.MaxOutputBytes == 0 {
		o.MaxOutputBytes = 256 << 20
	}
	if o.WriteTimeout == 0 {
		o.WriteTimeout = time.Minute
	}
	return o
}

// RedisVersion is the version of Redis whose behaviour clients may expect.
const RedisVersion = "7.2.0"
