package main

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ringkv/ringkv/internal/kv/node"
	"github.com/ringkv/ringkv/internal/kv/resp"
)

// metricsHandler serves what the process can be watched by.
func metricsHandler(n *node.Node, redis *resp.Server) http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		n.Collector(),
		commands{redis},
	)
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{})
}

// commands shows what the Redis server counts.
type commands struct{ server *resp.Server }

var (
	descCommands = prometheus.NewDesc("ringkv_commands_total", "Commands of Redis clients, by name.", []string{"command"}, nil)
	descFailed   = prometheus.NewDesc("ringkv_commands_failed_total", "Commands that were answered with an error, by name.", []string{"command"}, nil)
	descSeconds  = prometheus.NewDesc("ringkv_command_seconds", "Time from reading a command to its reply, by name.", []string{"command", "quantile"}, nil)
)

// Describe implements prometheus.Collector.
func (c commands) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, ch) }

// Collect implements prometheus.Collector.
func (c commands) Collect(ch chan<- prometheus.Metric) {
	for _, s := range c.server.CommandStats() {
		ch <- prometheus.MustNewConstMetric(descCommands, prometheus.CounterValue, float64(s.Calls), s.Spec.FullName)
		ch <- prometheus.MustNewConstMetric(descFailed, prometheus.CounterValue, float64(s.Failed), s.Spec.FullName)
		for _, q := range []struct {
			name string
			q    float64
		}{{"0.5", 0.5}, {"0.99", 0.99}} {
			ch <- prometheus.MustNewConstMetric(descSeconds, prometheus.GaugeValue, s.Quantile(q.q).Seconds(), s.Spec.FullName, q.name)
		}
	}
}
