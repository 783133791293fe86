package resp

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringkv/ringkv/internal/kv/command"
)

const (
	// As in Redis, an entry has at most so many arguments, of so many bytes.
	slowlogArgs     = 32
	slowlogArgBytes = 128

	slowlogDefaultThreshold = 10 * time.Millisecond
	slowlogDefaultLength    = 128
)

// slowlog keeps the last commands that took long: from when they were given to the
// backend to when their replies were there, so the way to the leader and to a
// majority is in it.
type slowlog struct {
	threshold atomic.Int64 // nanoseconds; negative: off

	mu      sync.Mutex
	length  int         // most entries; guarded by mu
	nextID  int64       // guarded by mu
	entries []slowEntry // oldest first; guarded by mu
}

type slowEntry struct {
	id            int64
	at            time.Time
	took          time.Duration
	args          []string
	address, name string
}

func (s *slowlog) init() {
	s.threshold.Store(int64(slowlogDefaultThreshold))
	s.length = slowlogDefaultLength
}

// isSlow tells whether a time is one for the log.
func (s *slowlog) isSlow(took time.Duration) bool {
	t := s.threshold.Load()
	return t >= 0 && int64(took) >= t
}

// add notes a command. The arguments are copied.
func (s *slowlog) add(c *conn, args [][]byte, took time.Duration) {
	c.mu.Lock()
	e := slowEntry{at: time.Now(), took: took, args: slowArgs(args), address: c.remote, name: c.about.name}
	c.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	e.id = s.nextID
	s.nextID++
	s.entries = append(s.entries, e)
	s.cut()
}

// cut drops the oldest entries. The caller holds the lock.
func (s *slowlog) cut() {
	if over := len(s.entries) - s.length; over > 0 {
		s.entries = s.entries[over:] // growing gives the room of what was dropped back
	}
}

func (s *slowlog) setLength(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.length = n
	s.cut()
}

func (s *slowlog) maxLength() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.length
}

func slowArgs(args [][]byte) []string {
	var out []string
	for i, a := range args {
		if i == slowlogArgs-1 && len(args) > slowlogArgs {
			return append(out, fmt.Sprintf("... (%d more arguments)", len(args)-i))
		}
		if len(a) > slowlogArgBytes {
			out = append(out, fmt.Sprintf("%s... (%d more bytes)", a[:slowlogArgBytes], len(a)-slowlogArgBytes))
		} else {
			out = append(out, string(a))
		}
	}
	return out
}

var slowlogHelp = []string{
	"GET [<count>]", "    Return top <count> entries from the slowlog (default: 10, -1 mean all).",
	"    Entries are made of:", "    id, timestamp, time in microseconds, arguments array, client IP and port, client name",
	"LEN", "    Return the length of the slowlog.",
	"RESET", "    Reset the slowlog.",
}

// SLOWLOG GET [count]
func slowlogGet(c *conn, args [][]byte, r *command.Reply) {
	count := int64(10)
	if len(args) > 3 {
		r.Error("ERR wrong number of arguments for 'slowlog|get' command")
		return
	}
	if len(args) == 3 {
		var ok bool
		const outside = "ERR count should be greater than or equal to -1"
		if count, ok = intArg(args[2], outside, r); !ok {
			return
		}
		if count < -1 {
			r.Error(outside)
			return
		}
	}
	s := &c.server.slowlog
	s.mu.Lock()
	entries := s.entries // never changed, only appended to or replaced
	s.mu.Unlock()
	if count >= 0 && count < int64(len(entries)) {
		entries = entries[int64(len(entries))-count:]
	}
	r.Array(len(entries))
	for i := len(entries) - 1; i >= 0; i-- {
		e := &entries[i]
		r.Array(6)
		r.Int(e.id)
		r.Int(e.at.Unix())
		r.Int(e.took.Microseconds())
		bulks(e.args, r)
		r.BulkString(e.address)
		r.BulkString(e.name)
	}
}

// SLOWLOG LEN
func slowlogLen(c *conn, _ [][]byte, r *command.Reply) {
	s := &c.server.slowlog
	s.mu.Lock()
	defer s.mu.Unlock()
	r.Int(int64(len(s.entries)))
}

// SLOWLOG RESET
func slowlogReset(c *conn, _ [][]byte, r *command.Reply) {
	s := &c.server.slowlog
	s.mu.Lock()
	s.entries = nil
	s.mu.Unlock()
	r.OK()
}
