package resp

import (
	"bytes"
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringkv/ringkv/internal/kv/command"
)

// latencyBuckets is the number of buckets of a latency histogram: bucket i counts
// commands that took less than 2^i microseconds, and not less than half of that;
// the last one everything above 4 seconds.
const latencyBuckets = 24

// stats count what the server does. Hot counters are spread over shards, so that
// connections on different processors do not fight over cache lines.
type stats struct {
	shards []shard

	connections    atomic.Uint64
	rejected       atomic.Uint64
	protocolErrors atomic.Uint64
	outputLimit    atomic.Uint64

	mu       sync.Mutex
	errors   map[string]uint64 // by kind; guarded by mu
	lastAt   time.Time         // guarded by mu
	lastSeen uint64            // commands at lastAt; guarded by mu
	rate     float64           // commands per second; guarded by mu
}

type shard struct {
	bytesIn, bytesOut atomic.Uint64
	commands          []commandStats // by spec ID
	_                 [64]byte
}

type commandStats struct {
	calls, failed atomic.Uint64
	nanoseconds   atomic.Uint64
	latency       [latencyBuckets]atomic.Uint64
}

func (s *stats) init() {
	n := 1
	for n < runtime.GOMAXPROCS(0) && n < 32 {
		n *= 2
	}
	s.shards = make([]shard, n)
	for i := range s.shards {
		s.shards[i].commands = make([]commandStats, command.Specs())
	}
	s.errors = map[string]uint64{}
}

func (s *stats) shard(id uint64) *shard { return &s.shards[id&uint64(len(s.shards)-1)] }

// runOf counts neighbouring calls of the same command at once.
type runOf struct {
	shard         *shard
	took          time.Duration
	spec          *command.Spec
	calls, failed uint64
}

func (r *runOf) add(spec *command.Spec, failed bool) {
	if spec != r.spec {
		r.end()
		r.spec, r.calls, r.failed = spec, 0, 0
	}
	r.calls++
	if failed {
		r.failed++
	}
}

func (r *runOf) end() {
	if r.spec == nil || r.calls == 0 {
		return
	}
	c := &r.shard.commands[r.spec.ID]
	c.calls.Add(r.calls)
	c.nanoseconds.Add(r.calls * uint64(r.took))
	if r.failed > 0 {
		c.failed.Add(r.failed)
	}
	bucket := min(bits.Len64(uint64(r.took.Microseconds())), latencyBuckets-1)
	c.latency[bucket].Add(r.calls)
}

// maxErrorKinds bounds the kinds of errors that are counted apart.
const maxErrorKinds = 128

// countError counts an error reply by its kind, the first word.
func (s *stats) countError(reply []byte) {
	kind, _, _ := bytes.Cut(bytes.TrimSpace(reply[1:]), []byte{' '})
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.errors[string(kind)]; known || len(s.errors) < maxErrorKinds {
		s.errors[string(kind)]++
	}
}

// sample measures the rate of commands since the last sample.
func (s *stats) sample(now time.Time) {
	seen := s.totals().commands
	s.mu.Lock()
	defer s.mu.Unlock()
	if took := now.Sub(s.lastAt).Seconds(); !s.lastAt.IsZero() && took > 0 && seen >= s.lastSeen {
		s.rate = float64(seen-s.lastSeen) / took
	}
	s.lastAt, s.lastSeen = now, seen
}

// totals are sums over all shards.
type totals struct {
	commands, bytesIn, bytesOut uint64
}

func (s *stats) totals() (t totals) {
	for i := range s.shards {
		h := &s.shards[i]
		t.bytesIn += h.bytesIn.Load()
		t.bytesOut += h.bytesOut.Load()
		for j := range h.commands {
			t.commands += h.commands[j].calls.Load()
		}
	}
	return t
}

// CommandStats is what was counted of one command.
type CommandStats struct {
	Spec          *command.Spec
	Calls, Failed uint64
	// Time is the sum of the times from reading a command to having its reply.
	// Commands of one pipeline count with the time of the whole.
	Time time.Duration
	// Latency counts calls: bucket i those that took less than 2^i
	// microseconds and were not in an earlier bucket, the last one the rest.
	Latency []uint64
}

// Quantile returns an upper bound of the time that a fraction q of calls took.
func (c *CommandStats) Quantile(q float64) time.Duration {
	left := q * float64(c.Calls)
	for i, n := range c.Latency {
		if left -= float64(n); left <= 0 {
			return time.Duration(1<<i) * time.Microsecond
		}
	}
	return time.Duration(1<<latencyBuckets) * time.Microsecond
}

// commandStats returns the commands that were called, in the order of the table.
func (s *stats) commandStats() []CommandStats {
	var out []CommandStats
	for id := range command.Specs() {
		c := CommandStats{Spec: command.ByID(id), Latency: make([]uint64, latencyBuckets)}
		for i := range s.shards {
			h := &s.shards[i].commands[id]
			c.Calls += h.calls.Load()
			c.Failed += h.failed.Load()
			c.Time += time.Duration(h.nanoseconds.Load())
			for b := range h.latency {
				c.Latency[b] += h.latency[b].Load()
			}
		}
		if c.Calls > 0 {
			out = append(out, c)
		}
	}
	return out
}

// reset sets everything to zero that CONFIG RESETSTAT does.
func (s *stats) reset() {
	for i := range s.shards {
		h := &s.shards[i]
		h.bytesIn.Store(0)
		h.bytesOut.Store(0)
		for j := range h.commands {
			c := &h.commands[j]
			c.calls.Store(0)
			c.failed.Store(0)
			c.nanoseconds.Store(0)
			for b := range c.latency {
				c.latency[b].Store(0)
			}
		}
	}
	s.connections.Store(0)
	s.rejected.Store(0)
	s.protocolErrors.Store(0)
	s.outputLimit.Store(0)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.errors = map[string]uint64{}
	s.lastAt = time.Time{}
}
