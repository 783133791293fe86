package resp

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringkv/ringkv/internal/kv/command"
)

const (
	// keepCalls is how many calls a connection keeps for its next pipeline,
	// keepReply the reply room of each, and keepArgs how many arguments there
	// is room for.
	keepCalls = 256
	keepReply = 16 << 10
	keepArgs  = 4096
	// keepOutput is the output room that a connection keeps; larger pipelines
	// of replies are written when they have grown to it.
	keepOutput = 64 << 10
)

// conn is one client. Its fields belong to its goroutine, except where it says
// otherwise.
type conn struct {
	server *Server
	socket net.Conn
	id     uint64
	remote string
	local  string
	since  time.Time
	shard  *shard // of the statistics
	port   port

	parser parser
	slab   [][]byte // the arguments of the commands that are being served
	calls  []*command.Call
	group  group
	out    []byte
	window int // calls that one group may have
	// began is when the commands that are being served were read.
	began time.Time
	// groupBegan is when the group began that is being served.
	groupBegan time.Time

	proto   uint8
	readAny bool
	closing bool // after the replies that are under way
	// What CLIENT REPLY has set: no replies, none to the command after the
	// next one, none to the next one.
	replyOff, skipNext, skip bool

	multi   *transaction // nil outside of MULTI
	watched []command.Watched

	refusal command.Reply // of a command that was not found
	grace   *time.Timer   // nil until it is needed

	// Shared with the monitor and with CLIENT commands of other connections.
	active       atomic.Int64 // when it last did something, Unix nanoseconds
	waiting      atomic.Bool  // for the client
	writingSince atomic.Int64 // Unix nanoseconds; 0: not writing
	lastCommand  atomic.Pointer[command.Spec]
	queued       atomic.Int32 // commands since MULTI, or notQueueing
	// Bytes, as they were after the last commands: of an unfinished command, of the
	// rest of that buffer, of the room for replies; and of what was queued since MULTI.
	unparsed, inputRoom, outputRoom, queuedBytes atomic.Int64
	writing                                      atomic.Int64 // bytes that the client is to take
	mu                                           sync.Mutex
	about                                        about // guarded by mu
}

// about is what CLIENT commands say of a connection.
type about struct {
	name, libName, libVersion string
	proto                     uint8
	noEvict, noTouch          bool
	readAny                   bool
}

func newConn(s *Server, socket net.Conn) *conn {
	c := &conn{
		server: s,
		socket: socket,
		id:     s.nextID.Add(1),
		remote: socket.RemoteAddr().String(),
		local:  socket.LocalAddr().String(),
		since:  time.Now(),
		parser: newParser(s.options.MaxBulkBytes, s.options.MaxRequestBytes),
		window: minWindow,
		proto:  2,
	}
	c.about.proto = 2
	c.shard = s.stats.shard(c.id)
	c.active.Store(c.since.UnixNano())
	c.queued.Store(notQueueing)
	return c
}

// serve runs the connection until it ends.
func (c *conn) serve() {
	defer c.socket.Close()
	for !c.closing && !c.server.draining.Load() {
		c.waiting.Store(true)
		n, err := c.socket.Read(c.parser.room())
		c.waiting.Store(false)
		if n > 0 {
			c.parser.filled(n)
			c.shard.bytesIn.Add(uint64(n))
			c.began = time.Now()
			c.groupBegan = c.began
			c.active.Store(c.began.UnixNano())
			if err := c.round(); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// round serves all commands that the buffer holds. Its error means that the
// connection is broken.
func (c *conn) round() error {
	c.out = c.out[:0]
	for c.fillGroup() {
		c.runGroup()
		if c.group.step.spec != nil {
			if err := c.endStep(); err != nil {
				return err
			}
		}
		if err := c.collect(); err != nil {
			return err
		}
	}
	if c.group.err != nil {
		return c.refuse(c.group.err)
	}
	if err := c.flush(); err != nil {
		return err
	}
	clear(c.slab)
	if c.slab = c.slab[:0]; cap(c.slab) > keepArgs {
		c.slab = nil
	}
	if len(c.calls) > keepCalls {
		c.calls = append([]*command.Call(nil), c.calls[:keepCalls]...)
	}
	if cap(c.out) > 2*keepOutput {
		c.out = nil
	}
	unparsed := len(c.parser.buf) - c.parser.start
	c.unparsed.Store(int64(unparsed))
	c.inputRoom.Store(int64(cap(c.parser.buf) - unparsed))
	c.outputRoom.Store(int64(cap(c.out)))
	return nil
}

// refuse answers a violation of the protocol and ends the connection. What the
// client is still sending is read and dropped for a moment, for closing a socket
// with unread bytes would take the answer back.
func (c *conn) refuse(reason error) error {
	c.server.stats.protocolErrors.Add(1)
	r := command.Reply{Buf: c.out, Proto: c.proto}
	r.Error("ERR " + reason.Error())
	c.out = r.Buf
	if err := c.flush(); err != nil {
		return err
	}
	half, ok := c.socket.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil || c.socket.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
		return reason
	}
	_, _ = io.CopyN(io.Discard, c.socket, lingerBytes) // however it ends, the connection does
	return reason
}

const (
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 1 << 20
)

// write sends bytes to the client. The monitor closes the socket when the client
// does not take them.
func (c *conn) write(b []byte) error {
	c.writing.Store(int64(len(b)))
	c.writingSince.Store(time.Now().UnixNano())
	n, err := c.socket.Write(b)
	c.writingSince.Store(0)
	c.writing.Store(0)
	c.shard.bytesOut.Add(uint64(n))
	return err
}

// flush sends the replies that have been put together.
func (c *conn) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	err := c.write(c.out)
	c.out = c.out[:0]
	return err
}

// call returns the i-th call of the group, made new.
func (c *conn) call(i int, spec *command.Spec, args [][]byte) *command.Call {
	if i == len(c.calls) {
		c.calls = append(c.calls, command.NewCall(spec, args, c.proto))
		return c.calls[i]
	}
	call := c.calls[i]
	call.Reset(spec, args, c.proto)
	return call
}
