package resp

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/command"
)

func TestEveryConnectionCommandHasAHandler(t *testing.T) {
	wanted := map[string]bool{}
	for id := range command.Specs() {
		s := command.ByID(id)
		if s.Scope == command.Connection && (len(s.Subcommands) == 0 || s.Arity == -1) {
			wanted[s.FullName] = true
		}
	}
	for name := range handlers {
		require.True(t, wanted[name], "%s has a handler and no entry in the table", name)
		delete(wanted, name)
	}
	require.Empty(t, wanted, "commands without a handler")
}

func infoOf(t *testing.T, c *client, args string) string {
	c.send("INFO " + args + "\r\n")
	reply, err := readReply(c.in, false)
	require.NoError(t, err)
	return reply
}

func TestInfoShowsWhatIsAskedFor(t *testing.T) {
	_, address := start(t, newFake(), Options{Version: "1.2.3"})
	c := dial(t, address)
	c.do("SET k v", "+OK\r\n")
	c.do("INCR k", "-ERR value is not an integer or out of range\r\n")
	all := infoOf(t, c, "everything")
	for _, want := range []string{
		"# Server\r\nredis_version:7.2.0\r\nredis_mode:standalone\r\nringkv_version:1.2.3\r\n",
		"\r\n\r\n# Clients\r\nconnected_clients:1\r\n",
		"total_commands_processed:2\r\n", "expired_keys:0\r\n",
		"# Memory\r\nused_memory:1\r\n",
		"errorstat_ERR:count=1\r\n",
		"cmdstat_set:calls=1,usec=", "rejected_calls=0,failed_calls=1\r\n",
		"latency_percentiles_usec_incr:p50=",
	} {
		require.Contains(t, all, want)
	}
	require.Equal(t, 1, strings.Count(all, "# Stats"), "sections of the backend are put into the server's")
	byDefault := infoOf(t, c, "")
	require.Contains(t, byDefault, "# Errorstats")
	require.NotContains(t, byDefault, "# Commandstats")
	require.Equal(t, "$25\r\n# Memory\r\nused_memory:1\r\n\r\n", infoOf(t, c, "memory"))
	require.Equal(t, "$0\r\n\r\n", infoOf(t, c, "nosuch"))
	c.do("CONFIG RESETSTAT", "+OK\r\n")
	require.NotContains(t, infoOf(t, c, "everything"), "cmdstat_set")
}

func TestMetricsCountCommands(t *testing.T) {
	s, address := start(t, newFake(), Options{})
	c := dial(t, address)
	c.do("SET k v", "+OK\r\n")
	c.do("GET k", "$1\r\nv\r\n")
	c.do("INCR k", "-ERR value is not an integer or out of range\r\n")
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(s.Collector()))
	families, err := registry.Gather()
	require.NoError(t, err)
	values := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			values[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	for name, want := range map[string]float64{
		"ringkv_resp_connections":                1,
		"ringkv_resp_connections_accepted_total": 1,
		"ringkv_resp_command_errors_total incr":  1,
		"ringkv_resp_command_errors_total set":   0,
		"ringkv_resp_command_seconds set":        1,
		"ringkv_resp_command_seconds get":        1,
		"ringkv_resp_protocol_errors_total":      0,
		"ringkv_resp_connections_rejected_total": 0,
	} {
		got, ok := values[name]
		require.True(t, ok, "%s is missing", name)
		require.Equal(t, want, got, name)
	}
	require.Positive(t, values["ringkv_resp_read_bytes_total"])
}
