package resp

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ringkv/ringkv/internal/kv/command"
)

var configHelp = []string{
	"GET <pattern>", "    Return parameters matching the glob-like <pattern> and their values.",
	"SET <directive> <value>", "    Set the configuration <directive> to <value>, on this node until it ends.",
	"RESETSTAT", "    Reset statistics reported by the INFO command.",
	"REWRITE", "    Refused: there is no configuration file.",
}

// parameter is a setting that can be changed while the server runs. What is set
// holds for this node, until it ends.
type parameter struct {
	name string
	get  func(s *Server) int64
	set  func(s *Server, n int64)
	// least and most bound the value.
	least, most int64
}

var parameters = []parameter{
	{"latency-monitor-threshold", // milliseconds; 0: off
		func(s *Server) int64 { return s.latency.threshold.Load() / int64(time.Millisecond) },
		func(s *Server, n int64) { s.latency.threshold.Store(n * int64(time.Millisecond)) },
		0, math.MaxInt64 / int64(time.Millisecond)},
	{"maxclients",
		func(s *Server) int64 { return s.maxConnections.Load() },
		func(s *Server, n int64) { s.maxConnections.Store(n) },
		1, math.MaxInt32},
	{"slowlog-log-slower-than", // microseconds; negative: off
		func(s *Server) int64 {
			if t := s.slowlog.threshold.Load(); t >= 0 {
				return t / int64(time.Microsecond)
			}
			return -1
		},
		func(s *Server, n int64) { s.slowlog.threshold.Store(n * int64(time.Microsecond)) },
		-1, math.MaxInt64 / int64(time.Microsecond)},
	{"slowlog-max-len",
		func(s *Server) int64 { return int64(s.slowlog.maxLength()) },
		func(s *Server, n int64) { s.slowlog.setLength(int(n)) },
		0, maxSlowlogLength},
	{"timeout", // seconds; 0: none
		func(s *Server) int64 { return int64(time.Duration(s.idleTimeout.Load()).Seconds()) },
		func(s *Server, n int64) { s.idleTimeout.Store(n * int64(time.Second)) },
		0, math.MaxInt32},
}

// maxSlowlogLength bounds the memory of the slow log, at about 5 KiB an entry.
const maxSlowlogLength = 100_000

// settings returns all parameters, sorted by name. They are what clients and
// benchmarks ask for, and what the backend has; that goes before the server's own.
func (s *Server) settings() []Setting {
	all := []Setting{
		{"appendonly", "yes"},
		{"client-output-buffer-limit", fmt.Sprintf("normal %d 0 0 slave 0 0 0 pubsub 0 0 0", s.options.MaxOutputBytes)},
		{"client-query-buffer-limit", strconv.Itoa(s.options.MaxRequestBytes)},
		{"databases", "1"},
		{"maxmemory-policy", "noeviction"},
		{"notify-keyspace-events", ""},
		{"proto-max-bulk-len", strconv.Itoa(s.options.MaxBulkBytes)},
		{"requirepass", ""},
		{"save", ""},
	}
	for _, p := range parameters {
		all = append(all, Setting{p.name, strconv.FormatInt(p.get(s), 10)})
	}
	all = append(s.options.Backend.Settings(), all...)
	slices.SortStableFunc(all, func(a, b Setting) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(all, func(a, b Setting) bool { return a.Name == b.Name })
}

// CONFIG GET pattern [pattern ...]
func configGet(c *conn, args [][]byte, r *command.Reply) {
	var found []Setting
	for _, s := range c.server.settings() {
		for _, pattern := range args[2:] {
			if command.GlobMatch(bytes.ToLower(pattern), []byte(s.Name)) {
				found = append(found, s)
				break
			}
		}
	}
	r.Map(len(found))
	for _, s := range found {
		r.BulkString(s.Name)
		r.BulkString(s.Value)
	}
}

// CONFIG SET parameter value [parameter value ...]: all or none are set. What cannot
// be changed may be set to what it is.
func configSet(c *conn, args [][]byte, r *command.Reply) {
	if len(args)%2 != 0 {
		r.Error("ERR wrong number of arguments for 'config|set' command")
		return
	}
	s := c.server
	current := map[string]string{}
	for _, o := range s.settings() {
		current[o.Name] = o.Value
	}
	seen := map[string]bool{}
	var apply []func()
	for i := 2; i < len(args); i += 2 {
		name, value := strings.ToLower(string(args[i])), string(args[i+1])
		was, known := current[name]
		if !known {
			r.Error("ERR Unknown option or number of arguments for CONFIG SET - '" + string(args[i]) + "'")
			return
		}
		do, problem := s.change(name, value, was)
		if seen[name] {
			problem = "duplicate parameter"
		}
		if problem != "" {
			r.Error("ERR CONFIG SET failed (possibly related to argument '" + name + "') - " + problem)
			return
		}
		seen[name] = true
		apply = append(apply, do)
	}
	for _, do := range apply {
		do()
	}
	r.OK()
}

// change returns what sets a parameter, or why it cannot be set.
func (s *Server) change(name, value, was string) (do func(), problem string) {
	i := slices.IndexFunc(parameters, func(p parameter) bool { return p.name == name })
	if i < 0 {
		if value == was {
			return func() {}, ""
		}
		return nil, "can't set immutable config"
	}
	p := parameters[i]
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return nil, "argument couldn't be parsed into an integer"
	}
	if n < p.least || n > p.most {
		return nil, fmt.Sprintf("argument must be between %d and %d inclusive", p.least, p.most)
	}
	if most, limited := mostConnections(); name == "maxclients" && limited && n > most {
		return nil, fmt.Sprintf("The operating system is not able to handle the specified number of clients, try with %d", most)
	}
	return func() { p.set(s, n) }, ""
}
