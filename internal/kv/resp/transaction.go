package resp

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/ringkv/ringkv/internal/kv/command"
)

// transaction is what a client has queued since MULTI. What concerns keys becomes
// one command of one partition; what concerns the connection is executed beside
// it, when that command's reply is there, and the replies are put in order.
type transaction struct {
	queue []queued
	keyed command.Transaction
	bytes int
	// proto is the protocol version that holds after the commands so far.
	proto uint8
	// refused: a command was refused, so EXEC will be, too.
	refused bool
}

// queued is a command of a transaction.
type queued struct {
	spec *command.Spec
	args [][]byte // nil if it is in the keyed part
}

var (
	execSpec  = command.Lookup([]byte("exec"))
	watchSpec = command.Lookup([]byte("watch"))
	watchRead = command.Lookup([]byte("ringkv.watch"))

	// immediate are the commands that are not queued.
	immediate = map[string]bool{"multi": true, "exec": true, "discard": true, "watch": true, "quit": true, "reset": true}
)

// step is a command of the server that asks the backend something: the call has
// its group for itself, and the answer is made from the backend's.
type step struct {
	spec *command.Spec // as the client named it
	done func(r *command.Reply)
}

// refuseTransaction makes EXEC fail, because the client has just been told that a
// command is not queued. If that command is EXEC, it is all over now.
func (c *conn) refuseTransaction(args [][]byte) {
	if is(args[0], "EXEC") {
		c.endTransaction()
		c.refusal.Reset()
		c.refusal.Error("EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command")
	} else if c.multi != nil {
		c.multi.refused = true
	}
}

// queue makes a command part of the transaction.
func (c *conn) queue(spec *command.Spec, args [][]byte, r *command.Reply) {
	t := c.multi
	if spec.Flags&command.NoMulti != 0 {
		r.Error("ERR Command not allowed inside a transaction")
		t.refused = true
		return
	}
	if spec.Scope != command.Connection && !spec.FitsTransaction() {
		r.Error("ERR Command not allowed inside a transaction: '" + spec.FullName + "' is not about single keys, a transaction is about those of one hash tag")
		t.refused = true
		return
	}
	if c.port.cluster && !c.readAny && c.moved(spec, args, r) {
		t.refused = true
		return
	}
	for _, a := range args {
		t.bytes += len(a)
	}
	if t.bytes > c.server.options.MaxRequestBytes {
		r.Error("ERR the transaction is too big, its commands may have " + strconv.Itoa(c.server.options.MaxRequestBytes) + " bytes")
		t.refused = true
		return
	}
	entry := queued{spec: spec}
	if spec.Scope == command.Connection {
		entry.args = make([][]byte, len(args))
		for i, a := range args {
			entry.args[i] = bytes.Clone(a)
		}
		if spec.FullName == "hello" {
			if o, problem := parseHello(args, t.proto); problem == "" {
				t.proto = o.version
			}
		}
	} else {
		t.keyed.Add(spec, args, t.proto)
	}
	t.queue = append(t.queue, entry)
	c.queued.Store(int32(len(t.queue)))
	c.queuedBytes.Store(int64(t.bytes))
	r.Simple("QUEUED")
}

// MULTI
func multi(c *conn, _ [][]byte, r *command.Reply) {
	if c.multi != nil {
		r.Error("ERR MULTI calls can not be nested")
		return
	}
	c.multi = &transaction{proto: c.proto}
	c.queued.Store(0)
	r.OK()
}

// DISCARD
func discard(c *conn, _ [][]byte, r *command.Reply) {
	if c.multi == nil {
		r.Error("ERR DISCARD without MULTI")
		return
	}
	c.endTransaction()
	r.OK()
}

// endTransaction forgets what was queued and watched, and returns the former.
func (c *conn) endTransaction() *transaction {
	t := c.multi
	c.multi, c.watched = nil, nil
	c.queued.Store(notQueueing)
	c.queuedBytes.Store(0)
	return t
}

// notQueueing is the number of queued commands outside of a transaction.
const notQueueing = -1

// UNWATCH
func unwatch(c *conn, _ [][]byte, r *command.Reply) {
	c.watched = nil
	r.OK()
}

// WATCH key [key ...], where no backend is needed to answer it
func watchRefused(_ *conn, _ [][]byte, r *command.Reply) {
	r.Error("ERR WATCH inside MULTI is not allowed")
}

// EXEC, where no backend is needed to answer it
func execHere(c *conn, _ [][]byte, r *command.Reply) {
	if c.multi == nil {
		r.Error("ERR EXEC without MULTI")
		return
	}
	t := c.endTransaction()
	if t.refused {
		r.Error("EXECABORT Transaction discarded because of previous errors.")
		return
	}
	c.finishTransaction(t, nil, r)
}

// beginStep makes WATCH or EXEC a call for the backend, if that is needed to answer
// it. It tells whether it did.
func (c *conn) beginStep(spec *command.Spec, args [][]byte) bool {
	switch {
	case spec == watchSpec && c.multi == nil:
		c.beginWatch(args)
		return true
	case spec == execSpec && c.multi != nil && !c.multi.refused && (c.multi.keyed.Len() > 0 || len(c.watched) > 0):
		c.beginExec()
		return true
	}
	return false
}

func (c *conn) submitStep(spec *command.Spec, args [][]byte, s step) {
	g := &c.group
	call := c.call(g.size, spec, args)
	g.size++
	call.ReadAny, call.Cluster, call.Audience = c.readAny, c.port.cluster, c.port.audience
	c.lastCommand.Store(s.spec)
	g.remote = append(g.remote, call)
	g.step = s
	c.endCommand(call)
}

// beginWatch asks for the state of keys. All that are watched must lie in one slot,
// since EXEC looks at them in one partition: an earlier one goes with them.
func (c *conn) beginWatch(args [][]byte) {
	ask := append([][]byte{[]byte(watchRead.Name)}, args[1:]...)
	if len(c.watched) > 0 {
		ask = append(ask, c.watched[0].Key)
	}
	c.submitStep(watchRead, ask, step{spec: watchSpec, done: func(r *command.Reply) {
		state, ok := command.Integers(r.Buf)
		if !ok || len(state) != len(ask) {
			return // an error
		}
		for i, key := range args[1:] {
			c.watch(command.Watched{Key: bytes.Clone(key), Token: uint64(state[0])<<1 | uint64(state[1+i])})
		}
		r.Reset()
		r.OK()
	}})
}

// watch remembers a key, unless it is watched already.
func (c *conn) watch(w command.Watched) {
	for _, o := range c.watched {
		if bytes.Equal(o.Key, w.Key) {
			return
		}
	}
	c.watched = append(c.watched, w)
}

func (c *conn) beginExec() {
	spec, args := c.multi.keyed.Command(c.watched)
	proto := c.proto
	t := c.endTransaction()
	c.submitStep(spec, args, step{spec: execSpec, done: func(r *command.Reply) {
		if elements, ok := command.Elements(r.Buf); ok && len(elements) == t.keyed.Len() {
			c.executed(t, elements, proto, r)
			return
		}
		for _, kind := range []string{"-OOM ", "-DISKFULL ", "-ERR "} {
			if message := string(r.Buf); strings.HasPrefix(message, kind) {
				r.Reset()
				r.Error("EXECABORT Transaction discarded because of: " + message[1:])
			}
		}
	}})
}

// executed makes the reply of EXEC from those of the keyed commands.
func (c *conn) executed(t *transaction, keyed [][]byte, proto uint8, r *command.Reply) {
	if len(keyed) == len(t.queue) {
		c.countQueued(t, keyed)
		return // it is the reply already
	}
	out := command.Reply{Proto: proto}
	c.finishTransaction(t, keyed, &out)
	r.Buf = append(r.Buf[:0], out.Buf...)
}

// finishTransaction executes what concerns the connection and adds the reply of
// EXEC, in which the replies of the keyed commands take their places.
func (c *conn) finishTransaction(t *transaction, keyed [][]byte, r *command.Reply) {
	c.countQueued(t, keyed)
	r.Array(len(t.queue))
	run := runOf{shard: c.shard, took: time.Since(c.began)}
	for _, q := range t.queue {
		if q.args == nil {
			r.Buf = append(r.Buf, keyed[0]...)
			keyed = keyed[1:]
			continue
		}
		from := len(r.Buf)
		c.server.handlers[q.spec.ID](c, q.args, r)
		run.add(q.spec, r.Buf[from] == '-')
	}
	run.end()
}

// countQueued adds the keyed commands to the statistics.
func (c *conn) countQueued(t *transaction, keyed [][]byte) {
	run := runOf{shard: c.shard, took: time.Since(c.began)}
	for _, q := range t.queue {
		if q.args != nil {
			continue
		}
		failed := keyed[0][0] == '-'
		if failed {
			c.server.stats.countError(keyed[0])
		}
		run.add(q.spec, failed)
		keyed = keyed[1:]
	}
	run.end()
}
