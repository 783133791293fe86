package command

import (
	"sync/atomic"
	"time"
)

// Call is one command on its way: from the server, through the node, to its reply.
// It can be used again after Reset. Who completes a call must not touch it
// afterwards.
type Call struct {
	Spec *Spec
	// Args holds the name and the arguments. They may alias the connection's
	// read buffer until the call is complete, so who keeps them longer copies.
	Args [][]byte
	// ReadAny lets any replica answer a read, possibly behind.
	ReadAny bool
	// Cluster is for calls of cluster clients: all keys must be in one slot, and
	// who does not lead it answers where the leader is; a call without keys
	// concerns what the node leads.
	Cluster bool
	// Audience says where such a client is told that it is.
	Audience Audience
	// Deadline is when waiting for a leader must end; zero: the node's own.
	Deadline time.Time
	// Out takes the reply; Out.Proto is the client's protocol version. Until
	// the call is complete it belongs to who executes it.
	Out Reply
	// OnComplete, if set, is called by Complete or Finish instead of waking a
	// waiter. It must not block.
	OnComplete func(*Call)

	state atomic.Uint32
	wake  chan struct{}
}

// Audience is by which port clients of Redis Cluster came in. They are told the
// addresses of that port on all nodes.
type Audience uint8

// The audiences.
const (
	Inside    Audience = iota // the cluster port
	InsideTLS                 // the cluster port with TLS
	Outside                   // the port for clients that cannot reach the others
	Audiences = iota          // their number
)

const (
	pending uint32 = iota
	awaited        // somebody waits on the channel
	complete
)

// NewCall returns a call without a reply.
func NewCall(spec *Spec, args [][]byte, proto uint8) *Call {
	c := &Call{wake: make(chan struct{}, 1)}
	c.Reset(spec, args, proto)
	return c
}

// Reset makes the call a new one and keeps its buffers. The earlier call must be
// complete, and its reply used up.
func (c *Call) Reset(spec *Spec, args [][]byte, proto uint8) {
	c.Spec, c.Args = spec, args
	c.ReadAny, c.Cluster, c.Audience, c.Deadline, c.OnComplete = false, false, Inside, time.Time{}, nil
	c.Out.Reset()
	c.Out.Proto = proto
	if c.wake == nil {
		c.wake = make(chan struct{}, 1)
	}
	select {
	case <-c.wake: // left by a Done that nobody received from
	default:
	}
	c.state.Store(pending)
}

// Finish completes the call with what is in Out. It must be called exactly once,
// on any goroutine.
func (c *Call) Finish() {
	if f := c.OnComplete; f != nil {
		c.state.Store(complete)
		f(c)
		return
	}
	wake := c.wake // c may be reset as soon as it is complete
	switch c.state.Swap(complete) {
	case awaited:
		wake <- struct{}{}
	case complete:
		panic("command: a call was completed twice")
	}
}

// Complete completes the call with a copy of an encoded reply.
func (c *Call) Complete(reply []byte) {
	c.Out.Buf = append(c.Out.Buf[:0], reply...)
	c.Finish()
}

// Fail completes the call with an error reply.
func (c *Call) Fail(message string) {
	c.Out.Reset()
	c.Out.Error(message)
	c.Finish()
}

// IsComplete tells whether the reply is there.
func (c *Call) IsComplete() bool { return c.state.Load() == complete }

// Wait waits for the reply and returns it; it is valid until Reset. Only one
// goroutine may wait.
func (c *Call) Wait() []byte {
	if c.state.CompareAndSwap(pending, awaited) || c.state.Load() == awaited {
		<-c.wake
	}
	return c.Out.Buf
}

// Done returns a channel that becomes readable when the call is complete. Only one
// goroutine may wait, by Wait or by Done.
func (c *Call) Done() <-chan struct{} {
	if c.state.CompareAndSwap(pending, awaited) || c.state.Load() == awaited {
		return c.wake
	}
	return closed
}

var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()
