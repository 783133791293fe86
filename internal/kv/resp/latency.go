package resp

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringkv/ringkv/internal/kv/command"
)

// latencySamples is how many samples of an event are kept, as in Redis.
const latencySamples = 160

// latencyMonitor keeps when commands took longer than its threshold. Its events are
// "command" and, for those that Redis calls fast, "fast-command".
type latencyMonitor struct {
	threshold atomic.Int64 // nanoseconds; 0: off

	mu     sync.Mutex
	events map[string]*latencyEvent // guarded by mu
}

type latencyEvent struct {
	samples []latencySample // one a second at most, oldest first
	most    int64           // milliseconds
}

type latencySample struct{ at, millis int64 } // seconds since the epoch

// isSlow tells whether a time is one to be noted.
func (l *latencyMonitor) isSlow(took time.Duration) bool {
	t := l.threshold.Load()
	return t > 0 && int64(took) >= t
}

func (l *latencyMonitor) add(spec *command.Spec, took time.Duration) {
	name := "command"
	if spec.Flags&command.Fast != 0 {
		name = "fast-command"
	}
	now, millis := time.Now().Unix(), took.Milliseconds()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.events == nil {
		l.events = map[string]*latencyEvent{}
	}
	e := l.events[name]
	if e == nil {
		e = &latencyEvent{}
		l.events[name] = e
	}
	e.most = max(e.most, millis)
	if n := len(e.samples); n > 0 && e.samples[n-1].at == now {
		e.samples[n-1].millis = max(e.samples[n-1].millis, millis)
		return
	}
	e.samples = append(e.samples, latencySample{now, millis})
	if len(e.samples) > latencySamples {
		e.samples = append(e.samples[:0:0], e.samples[1:]...)
	}
}

var latencyHelp = []string{
	"DOCTOR", "    Return a human readable latency analysis report.",
	"HISTOGRAM [COMMAND ...]", "    Return a cumulative distribution of commands' latencies in histogram format.",
	"HISTORY <event>", "    Return time-latency samples for the <event> class.",
	"LATEST", "    Return the latest latency samples for all events.",
	"RESET [<event> ...]", "    Reset latency data of one or more <event> classes (default: reset all).",
}

// LATENCY LATEST
func latencyLatest(c *conn, _ [][]byte, r *command.Reply) {
	l := &c.server.latency
	l.mu.Lock()
	defer l.mu.Unlock()
	r.Array(len(l.events))
	for _, name := range slices.Sorted(maps.Keys(l.events)) {
		e := l.events[name]
		last := e.samples[len(e.samples)-1]
		r.Array(4)
		r.BulkString(name)
		r.Int(last.at)
		r.Int(last.millis)
		r.Int(e.most)
	}
}

// LATENCY HISTORY event
func latencyHistory(c *conn, args [][]byte, r *command.Reply) {
	l := &c.server.latency
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.events[string(args[2])]
	if e == nil {
		r.Array(0)
		return
	}
	r.Array(len(e.samples))
	for _, s := range e.samples {
		r.Array(2)
		r.Int(s.at)
		r.Int(s.millis)
	}
}

// LATENCY RESET [event ...]
func latencyReset(c *conn, args [][]byte, r *command.Reply) {
	l := &c.server.latency
	l.mu.Lock()
	defer l.mu.Unlock()
	before := len(l.events)
	if len(args) == 2 {
		clear(l.events)
	}
	for _, name := range args[2:] {
		delete(l.events, string(name))
	}
	r.Int(int64(before - len(l.events)))
}

// LATENCY DOCTOR
func latencyDoctor(c *conn, _ [][]byte, r *command.Reply) {
	l := &c.server.latency
	if l.threshold.Load() == 0 {
		r.Verbatim("Nothing is watched: latency-monitor-threshold is 0.\n" +
			"CONFIG SET latency-monitor-threshold MILLISECONDS makes this node note commands that take longer.\n")
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(l.events)) {
		e := l.events[name]
		sum := int64(0)
		for _, s := range e.samples {
			sum += s.millis
		}
		fmt.Fprintf(&b, "%s: %d seconds with slow ones, %d ms on average, at most %d ms.\n", name, len(e.samples), sum/int64(len(e.samples)), e.most)
	}
	if b.Len() == 0 {
		b.WriteString("No command took longer than latency-monitor-threshold.\n")
	} else {
		b.WriteString("A write takes as long as its log entry needs to reach the disks of a majority; an election shows as about a second.\n" +
			"See SLOWLOG GET for the commands, and INFO latencystats for the distribution.\n")
	}
	r.Verbatim(b.String())
}

// LATENCY HISTOGRAM [command ...]
func latencyHistogram(c *conn, args [][]byte, r *command.Reply) {
	all := c.server.stats.commandStats()
	if len(args) > 2 {
		wanted := map[string]bool{}
		for _, a := range args[2:] {
			if spec := find(a); spec != nil {
				wanted[spec.FullName] = true
				for _, sub := range spec.Subcommands {
					wanted[sub.FullName] = true
				}
			}
		}
		all = slices.DeleteFunc(all, func(s CommandStats) bool { return !wanted[s.Spec.FullName] })
	}
	r.Map(len(all))
	for _, s := range all {
		r.BulkString(s.Spec.FullName)
		r.Map(2)
		r.BulkString("calls")
		r.Int(int64(s.Calls))
		r.BulkString("histogram_usec")
		filled := 0
		for _, n := range s.Latency {
			if n > 0 {
				filled++
			}
		}
		r.Map(filled)
		below := uint64(0)
		for i, n := range s.Latency {
			if below += n; n > 0 {
				r.Int(int64(1) << i)
				r.Int(int64(below))
			}
		}
	}
}
