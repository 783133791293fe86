package resp

import (
	"errors"
	"hash/maphash"
	"time"

	"github.com/ringkv/ringkv/internal/kv/command"
)

const (
	// minWindow and maxWindow bound the commands of one group. A connection
	// begins with minWindow.
	minWindow = 32
	maxWindow = 1024
	// windowBytes is about how much a group's replies should be: the window
	// doubles below it and shrinks, down to one command, above it.
	windowBytes = 1 << 20
	// flushGrace is how long the first replies of a group wait for the last
	// one, so that all leave in one write. It is well above the time that a
	// write takes and well below what somebody would notice in an election.
	flushGrace = 5 * time.Millisecond
)

var errOutputLimit = errors.New("output limit exceeded")

// group is a run of commands of one connection that may be executed at the same
// time: no key is both read and written, and commands about all keys are alone.
// The next group starts when all of this one are complete, so every command sees
// what the client sent before it, and nothing of what it sent after it.
type group struct {
	size    int             // calls of the connection that are in use
	remote  []*command.Call // those for the backend
	reads   keySet
	writes  keySet
	barrier bool // it has a command about all keys
	step    step // if the only remote call is one
	waited  bool // a call was not complete when its reply was due

	// held is a command that was parsed but belongs to the next group.
	held     *command.Spec
	heldArgs [][]byte
	// err is a violation of the protocol after the commands so far.
	err error
}

// keySet is a set of keys, by a hash of ten bits: that two keys are mistaken for
// one costs a round, nothing else.
type keySet [16]uint64

func (k *keySet) add(h uint64)      { k[h>>6&15] |= 1 << (h & 63) }
func (k *keySet) has(h uint64) bool { return k[h>>6&15]&(1<<(h&63)) != 0 }

// fillGroup parses commands until the buffer, the window or the run ends. It
// returns false when there is nothing left to do.
func (c *conn) fillGroup() bool {
	g := &c.group
	clear(g.remote)
	g.size, g.remote, g.reads, g.writes, g.barrier, g.step, g.waited = 0, g.remote[:0], keySet{}, keySet{}, false, step{}, false
	if g.held != nil {
		c.admit(g.held, g.heldArgs)
		g.held, g.heldArgs = nil, nil
	}
	for g.size < c.window && !c.closing && g.err == nil && g.step.spec == nil {
		from := len(c.slab)
		slab, ok, err := c.parser.command(c.slab)
		c.slab = slab
		if err != nil {
			g.err = err
			break
		}
		if !ok {
			break
		}
		args := slab[from:len(slab):len(slab)]
		c.refusal.Reset()
		spec := c.resolve(args)
		switch {
		case spec == nil:
			c.refuseTransaction(args)
			c.answer(nil, args)
			continue
		case c.multi != nil && !immediate[spec.FullName]:
			c.answer(spec, args)
			continue
		case spec.Scope != command.Connection && c.conflicts(spec, args),
			(spec == execSpec || spec == watchSpec) && len(g.remote) > 0:
			g.held, g.heldArgs = spec, args
			return true
		}
		c.admit(spec, args)
	}
	return g.size > 0
}

// resolve finds the command that the client asks for, or returns nil and the refusal.
func (c *conn) resolve(args [][]byte) *command.Spec {
	spec := command.Resolve(args, &c.refusal)
	switch {
	case spec == nil || spec.Flags&(command.ClusterOnly|command.Debugging) == 0:
		return spec
	case spec.Flags&command.ClusterOnly != 0 && !c.port.cluster:
		c.refusal.Error(errClusterDisabled)
		return nil
	case spec.Flags&command.Debugging != 0 && !c.server.options.EnableDebug:
		c.refusal.Error(errDebug)
		return nil
	}
	return spec
}

// admit makes a command part of the group.
func (c *conn) admit(spec *command.Spec, args [][]byte) {
	if spec.Scope == command.Connection {
		if spec != execSpec && spec != watchSpec || !c.beginStep(spec, args) {
			c.answer(spec, args)
		}
		return
	}
	g := &c.group
	call := c.call(g.size, spec, args)
	g.size++
	call.ReadAny, call.Cluster, call.Audience = c.readAny, c.port.cluster, c.port.audience
	c.endCommand(call)
	g.remote = append(g.remote, call)
	c.note(spec, args)
}

// answer executes a command of the server here and now: what it does concerns only itself and the
// commands after it. Without a spec the answer is the refusal.
func (c *conn) answer(spec *command.Spec, args [][]byte) {
	call := c.call(c.group.size, spec, args)
	c.group.size++
	switch {
	case spec == nil:
		call.Out.Buf = append(call.Out.Buf, c.refusal.Buf...)
	case c.multi != nil && !immediate[spec.FullName]:
		c.queue(spec, args, &call.Out)
		call.Spec = nil // it is counted when it is executed
	default:
		c.lastCommand.Store(spec)
		c.server.handlers[spec.ID](c, args, &call.Out)
	}
	c.endCommand(call)
	call.Finish()
}

// noReply is the protocol version of calls whose reply the client does not want.
const noReply = 0

// endCommand does what CLIENT REPLY has asked for.
func (c *conn) endCommand(call *command.Call) {
	if c.replyOff || c.skip {
		call.Out.Proto = noReply
	}
	c.skip, c.skipNext = c.skipNext, false
}

// conflicts tells whether a command must not run together with the group so far.
func (c *conn) conflicts(spec *command.Spec, args [][]byte) bool {
	g := &c.group
	if len(g.remote) == 0 {
		return false
	}
	if g.barrier || !spec.HasKeys() {
		return true
	}
	first, last, step := spec.KeyRange(args)
	for i := first; i <= last; i += step {
		h := maphash.Bytes(c.server.hashSeed, args[i])
		if g.writes.has(h) && !spec.IsWrite() || g.reads.has(h) && spec.IsWrite() {
			return true
		}
	}
	return false
}

func (c *conn) note(spec *command.Spec, args [][]byte) {
	g := &c.group
	g.barrier = !spec.HasKeys()
	set := &g.reads
	if spec.IsWrite() {
		set = &g.writes
	}
	first, last, step := spec.KeyRange(args)
	for i := first; i <= last; i += step {
		set.add(maphash.Bytes(c.server.hashSeed, args[i]))
	}
}

// runGroup has the backend execute the group's calls. It returns when they are
// complete, or when it is time to send the first replies without the last ones.
func (c *conn) runGroup() {
	g := &c.group
	if len(g.remote) == 0 {
		return
	}
	if c.server.pause.active.Load() && c.flush() == nil {
		c.holdGroup()
	}
	c.server.options.Backend.Submit(g.remote)
	last := g.remote[len(g.remote)-1]
	if g.step.spec == nil {
		c.lastCommand.Store(last.Spec)
	}
	if last.IsComplete() || len(g.remote) == 1 && len(c.out) == 0 {
		return
	}
	if c.grace == nil {
		c.grace = time.NewTimer(flushGrace)
	} else {
		c.grace.Reset(flushGrace)
	}
	select {
	case <-last.Done():
		c.grace.Stop()
	case <-c.grace.C:
	}
}

// endStep waits for the backend's answer to a step and makes the reply from it. An
// error means that the connection is broken.
func (c *conn) endStep() (err error) {
	call := c.group.remote[0]
	if !call.IsComplete() {
		err = c.flush() // do not keep the client waiting for what is there
	}
	blocked := !call.IsComplete()
	call.Wait()
	call.Spec = c.group.step.spec
	if blocked {
		c.group.waited = true
		c.noteSlow(call, time.Since(c.groupBegan))
	}
	c.group.step.done(&call.Out)
	return err
}

// collect waits for the group's calls in their order and puts their replies into
// the output. An error means that the connection is broken.
func (c *conn) collect() (err error) {
	g := &c.group
	size := 0
	for _, call := range c.calls[:g.size] {
		if err == nil && !call.IsComplete() {
			err = c.flush() // do not keep the client waiting for what is there
		}
		blocked := !call.IsComplete()
		reply := call.Wait() // even after an error: the call is not ours before
		if blocked {
			c.group.waited = true
			c.noteSlow(call, time.Since(c.groupBegan))
		}
		if call.Out.Proto == noReply || err != nil {
			continue
		}
		if size += len(reply); size > c.server.options.MaxOutputBytes {
			c.server.stats.outputLimit.Add(1)
			c.server.options.Logger.Warn("client is owed more replies than allowed, closing",
				"client", c.id, "address", c.remote, "bytes", size)
			err = errOutputLimit
			continue
		}
		if len(c.out)+len(reply) > keepOutput {
			if err = c.flush(); err == nil && len(reply) > keepOutput {
				err = c.write(reply)
				continue
			}
		}
		c.out = append(c.out, reply...)
	}
	c.count()
	for _, call := range c.calls[:g.size] {
		if cap(call.Out.Buf) > keepReply {
			call.Out.Buf = nil
		}
	}
	if size > windowBytes {
		c.window = max(1, int(int64(c.window)*windowBytes/int64(size)))
	} else {
		c.window = min(maxWindow, 2*c.window)
	}
	return err
}

// noteSlow notes a call that took long.
func (c *conn) noteSlow(call *command.Call, took time.Duration) {
	s := c.server
	if s.slowlog.isSlow(took) {
		args := call.Args
		if spec := c.group.step.spec; spec != nil {
			args = [][]byte{[]byte(spec.Name)}
		}
		s.slowlog.add(c, args, took)
	}
	if s.latency.isSlow(took) {
		s.latency.add(call.Spec, took)
	}
}

// count adds the group to the statistics.
func (c *conn) count() {
	now := time.Now()
	took := now.Sub(c.began)
	if g := &c.group; !g.waited {
		// They were executed together, so each has its share of the time.
		share := now.Sub(c.groupBegan) / time.Duration(max(g.size, 1))
		if s := c.server; s.slowlog.isSlow(share) || s.latency.isSlow(share) {
			for _, call := range c.calls[:g.size] {
				if call.Spec != nil {
					c.noteSlow(call, share)
				}
			}
		}
	}
	c.groupBegan = now
	run := runOf{shard: c.shard, took: took}
	for _, call := range c.calls[:c.group.size] {
		failed := call.Out.IsError()
		if failed {
			c.server.stats.countError(call.Out.Buf)
		}
		run.add(call.Spec, failed)
	}
	run.end()
}
