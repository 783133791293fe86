package resp

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringkv/ringkv/internal/kv/command"
)

// Server serves Redis clients on any number of listeners.
type Server struct {
	options  Options
	stats    stats
	slowlog  slowlog
	latency  latencyMonitor
	pause    pause
	handlers []handler    // by spec ID; nil for what the backend executes
	hashSeed maphash.Seed // keys the hash by which connections find conflicts
	started  time.Time
	runID    string
	topology topologyReplies

	// Settings that CONFIG SET can change.
	maxConnections atomic.Int64
	idleTimeout    atomic.Int64 // nanoseconds

	nextID   atomic.Uint64
	draining atomic.Bool
	running  sync.WaitGroup // connections and the monitor
	stop     chan struct{}  // closed when the server stops

	mu        sync.Mutex
	listeners map[net.Listener]struct{}
	conns     map[uint64]*conn
	monitored bool // the monitor runs
	closed    bool
}

// New makes a server. It does nothing before Serve.
func New(o Options) *Server {
	s := &Server{
		options:   o.withDefaults(),
		handlers:  make([]handler, command.Specs()),
		hashSeed:  maphash.MakeSeed(),
		started:   time.Now(),
		runID:     newRunID(),
		stop:      make(chan struct{}),
		listeners: map[net.Listener]struct{}{},
		conns:     map[uint64]*conn{},
	}
	for id := range s.handlers {
		s.handlers[id] = handlers[command.ByID(id).FullName]
	}
	s.stats.init()
	s.slowlog.init()
	wanted := int64(s.options.MaxConnections)
	if most, limited := mostConnections(); limited && wanted > most {
		s.options.Logger.Warn("fewer clients may connect than wanted: raise the limit of open files (ulimit -n)",
			"wanted", wanted, "maxConnections", most)
		wanted = most
	}
	s.maxConnections.Store(wanted)
	s.idleTimeout.Store(int64(s.options.IdleTimeout))
	return s
}

// Serve accepts connections until the listener fails or the server is shut down;
// then it returns nil. It closes the listener.
func (s *Server) Serve(l net.Listener) error { return s.serve(l, port{}) }

func (s *Server) serve(l net.Listener, p port) error {
	defer l.Close()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.listeners[l] = struct{}{}
	if !s.monitored {
		s.monitored = true
		s.running.Add(1)
		go s.monitor()
	}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.listeners, l)
		s.mu.Unlock()
	}()
	for pause := time.Millisecond; ; {
		socket, err := l.Accept()
		switch {
		case err == nil:
			pause = time.Millisecond
			s.accept(socket, p)
		case s.draining.Load() || errors.Is(err, net.ErrClosed):
			return nil
		case isTemporary(err):
			// Out of file descriptors, most likely: others will be closed.
			s.options.Logger.Warn("cannot accept a connection", "error", err, "retryIn", pause)
			select {
			case <-time.After(pause):
			case <-s.stop:
				return nil
			}
			pause = min(2*pause, time.Second)
		default:
			return fmt.Errorf("accept on %s: %w", l.Addr(), err)
		}
	}
}

func isTemporary(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary()
}

// accept starts a connection, or refuses it.
func (s *Server) accept(socket net.Conn, p port) {
	c := newConn(s, socket)
	c.port = p
	_, c.port.tls = socket.(*tls.Conn)
	s.mu.Lock()
	full := int64(len(s.conns)) >= s.maxConnections.Load()
	if s.closed || full {
		s.mu.Unlock()
		if full {
			s.stats.rejected.Add(1)
			refuse(socket)
		}
		socket.Close()
		return
	}
	s.conns[c.id] = c
	s.running.Add(1)
	s.mu.Unlock()
	s.stats.connections.Add(1)
	go func() {
		defer s.running.Done()
		c.serve()
		s.mu.Lock()
		delete(s.conns, c.id)
		s.mu.Unlock()
	}()
}

// refuse tells a client that there are too many. If it cannot be told, it sees the
// connection end.
func refuse(socket net.Conn) {
	// The socket's buffer is empty, so in practice this does not block.
	if socket.SetWriteDeadline(time.Now().Add(time.Second)) == nil {
		_, _ = socket.Write([]byte("-ERR max number of clients reached\r\n"))
	}
}

// Shutdown stops accepting, lets every connection finish and answer the commands
// that it has read, and closes it. When the context ends first, the rest is cut
// off and the context's error returned.
func (s *Server) Shutdown(ctx context.Context) error {
	s.draining.Store(true)
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.stop)
	}
	for l := range s.listeners {
		l.Close()
	}
	for _, c := range s.conns {
		// Wakes it if it waits for commands. It fails if the socket is closed.
		_ = c.socket.SetReadDeadline(time.Unix(1, 0))
	}
	s.mu.Unlock()

	done := make(chan struct{})
	go func() {
		s.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	for _, c := range s.connections() {
		c.socket.Close()
	}
	return fmt.Errorf("close client connections: %w", ctx.Err())
}

// connections returns all connections in the order of their IDs.
func (s *Server) connections() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.conns), func(a, b *conn) int {
		if a.id < b.id {
			return -1
		}
		return 1
	})
}

// monitorEvery is how often clients are checked against the timeouts.
const monitorEvery = 250 * time.Millisecond

// monitor cuts off clients that are silent or do not take their replies, and
// samples the rate of commands. Doing it here costs connections no timers.
func (s *Server) monitor() {
	defer s.running.Done()
	tick := time.NewTicker(monitorEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-tick.C:
		}
		now := time.Now()
		s.stats.sample(now)
		idle := time.Duration(s.idleTimeout.Load())
		for _, c := range s.connections() {
			if since := c.writingSince.Load(); since != 0 && now.Sub(time.Unix(0, since)) > s.options.WriteTimeout {
				s.options.Logger.Info("client does not read its replies, closing", "client", c.id, "address", c.remote)
				c.socket.Close()
			} else if idle > 0 && c.waiting.Load() && now.Sub(time.Unix(0, c.active.Load())) > idle {
				c.socket.Close()
			}
		}
	}
}

// newRunID returns 40 random hexadecimal digits.
func newRunID() string {
	b := make([]byte, 20)
	rand.Read(b) // never fails (crypto/rand, Go 1.24 and later)
	return hex.EncodeToString(b)
}
