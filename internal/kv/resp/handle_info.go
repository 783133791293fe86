package resp

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ringkv/ringkv/internal/kv/command"
)

// notByDefault are the sections that INFO shows only when they are asked for.
var notByDefault = []string{"commandstats", "latencystats", "modules"}

// INFO [section ...]
func info(c *conn, args [][]byte, r *command.Reply) {
	everything := false
	var wanted []string
	for _, a := range args[1:] {
		switch name := strings.ToLower(string(a)); name {
		case "all", "everything":
			everything = true // there are no modules that all would leave out
		case "default":
			wanted = append(wanted, "")
		default:
			wanted = append(wanted, name)
		}
	}
	if len(wanted) == 0 {
		wanted = []string{""}
	}
	var b strings.Builder
	for _, s := range c.server.infoSections(c) {
		name := strings.ToLower(s.Name)
		byDefault := slices.Contains(wanted, "") && !slices.Contains(notByDefault, name)
		if !everything && !byDefault && !slices.Contains(wanted, name) {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString("# " + s.Name + "\r\n")
		for _, f := range s.Fields {
			b.WriteString(f.Name + ":" + f.Value + "\r\n")
		}
	}
	r.Verbatim(b.String())
}

// infoSections puts the server's sections and the backend's together.
func (s *Server) infoSections(c *conn) []InfoSection {
	sections := []InfoSection{s.serverInfo(c), s.clientsInfo(), s.statsInfo()}
	enabled := 0
	if c.port.cluster {
		enabled = 1
	}
	sections = append(sections, InfoSection{"Cluster", []InfoField{number("cluster_enabled", enabled)}})
	late := []InfoSection{s.replicationInfo(), cpuInfo(), {Name: "Modules"}, s.errorInfo(), s.commandInfo(), s.latencyInfo()}
	for _, add := range s.options.Backend.Info() {
		i := slices.IndexFunc(sections, func(o InfoSection) bool { return strings.EqualFold(o.Name, add.Name) })
		if i < 0 {
			sections = append(sections, add)
		} else {
			sections[i].Fields = append(slices.Clip(sections[i].Fields), add.Fields...)
		}
	}
	return append(sections, late...)
}

// mode is how clients are told to talk to the listener.
func (c *conn) mode() string {
	if c.port.cluster {
		return "cluster"
	}
	return "standalone"
}

func number[T ~int | ~int64 | ~uint64](name string, n T) InfoField {
	return InfoField{name, fmt.Sprint(n)}
}

func (s *Server) serverInfo(c *conn) InfoSection {
	now := time.Now()
	up := now.Sub(s.started)
	port := "0"
	if _, p, err := net.SplitHostPort(c.local); err == nil {
		port = p
	}
	return InfoSection{"Server", []InfoField{
		{"redis_version", RedisVersion},
		{"redis_mode", c.mode()},
		{"ringkv_version", s.options.Version},
		{"os", runtime.GOOS + " " + runtime.GOARCH},
		number("arch_bits", strconv.IntSize),
		{"go_version", runtime.Version()},
		number("process_id", os.Getpid()),
		{"run_id", s.runID},
		{"tcp_port", port},
		number("server_time_usec", now.UnixMicro()),
		number("uptime_in_seconds", int64(up.Seconds())),
		number("uptime_in_days", int64(up.Hours()/24)),
	}}
}

func (s *Server) clientsInfo() InfoSection {
	s.mu.Lock()
	connected := len(s.conns)
	s.mu.Unlock()
	return InfoSection{"Clients", []InfoField{
		number("connected_clients", connected),
		number("maxclients", s.maxConnections.Load()),
		number("blocked_clients", s.pause.held.Load()),
		number("tracking_clients", 0),
		number("pubsub_clients", 0),
	}}
}

func (s *Server) statsInfo() InfoSection {
	t := s.stats.totals()
	s.stats.mu.Lock()
	rate := s.stats.rate
	var failed uint64
	for _, n := range s.stats.errors {
		failed += n
	}
	s.stats.mu.Unlock()
	return InfoSection{"Stats", []InfoField{
		number("total_connections_received", s.stats.connections.Load()),
		number("total_commands_processed", t.commands),
		number("instantaneous_ops_per_sec", int64(rate)),
		number("total_net_input_bytes", t.bytesIn),
		number("total_net_output_bytes", t.bytesOut),
		number("rejected_connections", s.stats.rejected.Load()),
		number("total_error_replies", failed),
		number("evicted_keys", 0),
		number("pubsub_channels", 0),
		number("pubsub_patterns", 0),
		number("protocol_errors", s.stats.protocolErrors.Load()),
		number("client_output_buffer_limit_disconnections", s.stats.outputLimit.Load()),
	}}
}

// replicationInfo is for clients, to which every node is a master without replicas:
// those of a partition are no business of theirs.
func (s *Server) replicationInfo() InfoSection {
	return InfoSection{"Replication", []InfoField{
		{"role", "master"},
		number("connected_slaves", 0),
		{"master_failover_state", "no-failover"},
		{"master_replid", s.runID},
		{"master_replid2", strings.Repeat("0", len(s.runID))},
		number("master_repl_offset", 0),
		number("second_repl_offset", -1),
		number("repl_backlog_active", 0),
	}}
}

func cpuInfo() InfoSection {
	user, system := cpuTimes()
	return InfoSection{"CPU", []InfoField{
		{"used_cpu_sys", fmt.Sprintf("%.6f", system.Seconds())},
		{"used_cpu_user", fmt.Sprintf("%.6f", user.Seconds())},
	}}
}

func (s *Server) errorInfo() InfoSection {
	s.stats.mu.Lock()
	defer s.stats.mu.Unlock()
	var fields []InfoField
	for kind, n := range s.stats.errors {
		fields = append(fields, InfoField{"errorstat_" + kind, fmt.Sprintf("count=%d", n)})
	}
	slices.SortFunc(fields, func(a, b InfoField) int { return strings.Compare(a.Name, b.Name) })
	return InfoSection{"Errorstats", fields}
}

func (s *Server) commandInfo() InfoSection {
	var fields []InfoField
	for _, c := range s.stats.commandStats() {
		usec := c.Time.Microseconds()
		fields = append(fields, InfoField{"cmdstat_" + c.Spec.FullName, fmt.Sprintf(
			"calls=%d,usec=%d,usec_per_call=%.2f,rejected_calls=0,failed_calls=%d",
			c.Calls, usec, float64(usec)/float64(c.Calls), c.Failed)})
	}
	return InfoSection{"Commandstats", fields}
}

func (s *Server) latencyInfo() InfoSection {
	var fields []InfoField
	for _, c := range s.stats.commandStats() {
		fields = append(fields, InfoField{"latency_percentiles_usec_" + c.Spec.FullName, fmt.Sprintf(
			"p50=%d,p99=%d,p99.9=%d",
			c.Quantile(0.5).Microseconds(), c.Quantile(0.99).Microseconds(), c.Quantile(0.999).Microseconds())})
	}
	return InfoSection{"Latencystats", fields}
}
