package resp

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ringkv/ringkv/internal/kv/command"
)

var configHelp = []string{
	"GET <pattern>", "    Return parameters matching the glob-like <pattern> and their values.",
	"SET <directive> <value>", "    Set the configuration <directive> to <value>.",
	"RESETSTAT", "    Reset statistics reported by the INFO command.",
}

// settings returns all parameters, sorted by name. They are what clients and
// benchmarks ask for, and what the backend has; that goes before the server's own.
func (s *Server) settings() []Setting {
	all := []Setting{
		{"appendonly", "yes"},
		{"databases", "1"},
		{"maxclients", strconv.FormatInt(s.maxConnections.Load(), 10)},
		{"maxmemory-policy", "noeviction"},
		{"proto-max-bulk-len", strconv.Itoa(s.options.MaxBulkBytes)},
		{"save", ""},
		{"timeout", strconv.FormatInt(int64(time.Duration(s.idleTimeout.Load()).Seconds()), 10)},
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

// CONFIG SET parameter value [parameter value ...]: all or none are set.
func configSet(c *conn, args [][]byte, r *command.Reply) {
	if len(args)%2 != 0 {
		r.Error("ERR wrong number of arguments for 'config|set' command")
		return
	}
	s := c.server
	var apply []func()
	for i := 2; i < len(args); i += 2 {
		name, value := strings.ToLower(string(args[i])), string(args[i+1])
		n, err := strconv.ParseInt(value, 10, 32)
		bad := func(why string) {
			r.Error("ERR CONFIG SET failed (possibly related to argument '" + name + "') - " + why)
		}
		switch {
		case name == "timeout" && (err != nil || n < 0), name == "maxclients" && (err != nil || n < 1):
			bad("argument couldn't be parsed into an integer")
			return
		case name == "timeout":
			apply = append(apply, func() { s.idleTimeout.Store(n * int64(time.Second)) })
		case name == "maxclients":
			apply = append(apply, func() { s.maxConnections.Store(n) })
		case s.hasSetting(name):
			bad("can't set immutable config")
			return
		default:
			r.Error("ERR Unknown option or number of arguments for CONFIG SET - '" + string(args[i]) + "'")
			return
		}
	}
	for _, f := range apply {
		f()
	}
	r.OK()
}

func (s *Server) hasSetting(name string) bool {
	for _, o := range s.settings() {
		if o.Name == name {
			return true
		}
	}
	return false
}
