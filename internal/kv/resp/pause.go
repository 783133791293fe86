package resp

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringkv/ringkv/internal/kv/command"
)

// pause holds back commands for CLIENT PAUSE: those that clients of this node send
// to the backend. What the server answers itself goes on, CLIENT UNPAUSE among it.
type pause struct {
	active atomic.Bool // whether there may be one; for a cheap look

	mu     sync.Mutex
	until  time.Time     // guarded by mu
	reads  bool          // they are held, too; guarded by mu
	change chan struct{} // closed when the pause changes; nil outside of one; guarded by mu

	held atomic.Int64 // clients that wait
}

// set begins a pause, or changes the one that there is: as in Redis it gets
// neither shorter nor milder.
func (p *pause) set(until time.Time, reads bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.change != nil {
		close(p.change)
		if time.Now().Before(p.until) {
			reads = reads || p.reads
			if p.until.After(until) {
				until = p.until
			}
		}
	}
	p.until, p.reads, p.change = until, reads, make(chan struct{})
	p.active.Store(true)
}

func (p *pause) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.change != nil {
		close(p.change)
		p.change = nil
	}
	p.active.Store(false)
}

// wait returns when commands of the kind may be executed, or when stop is closed.
func (p *pause) wait(writes bool, stop <-chan struct{}) {
	for {
		p.mu.Lock()
		left, change := time.Until(p.until), p.change
		if change != nil && left <= 0 {
			p.change, change = nil, nil
			p.active.Store(false)
		}
		holds := change != nil && (writes || p.reads)
		p.mu.Unlock()
		if !holds {
			return
		}
		p.held.Add(1)
		timer := time.NewTimer(left)
		select {
		case <-change:
		case <-timer.C:
		case <-stop:
			left = 0
		}
		timer.Stop()
		p.held.Add(-1)
		if left == 0 {
			return
		}
	}
}

// holdGroup waits while the group's commands are paused.
func (c *conn) holdGroup() {
	writes := false
	for _, call := range c.group.remote {
		writes = writes || call.Spec.IsWrite()
	}
	c.server.pause.wait(writes, c.server.stop)
	c.began = time.Now()
	c.groupBegan = c.began
}

// CLIENT PAUSE timeout [WRITE | ALL]
func clientPause(c *conn, args [][]byte, r *command.Reply) {
	reads := true
	switch {
	case len(args) == 3:
	case len(args) == 4 && is(args[3], "WRITE"):
		reads = false
	case len(args) == 4 && is(args[3], "ALL"):
	default:
		r.Error("ERR CLIENT PAUSE mode must be WRITE or ALL")
		return
	}
	n, ok := intArg(args[2], "ERR timeout is not an integer or out of range", r)
	switch {
	case !ok:
	case n < 0:
		r.Error("ERR timeout is negative")
	case n > int64(365*24*time.Hour/time.Millisecond):
		r.Error("ERR timeout is out of range")
	default:
		c.server.pause.set(time.Now().Add(time.Duration(n)*time.Millisecond), reads)
		r.OK()
	}
}

// CLIENT UNPAUSE
func clientUnpause(c *conn, _ [][]byte, r *command.Reply) {
	c.server.pause.end()
	r.OK()
}
