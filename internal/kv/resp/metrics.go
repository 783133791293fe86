package resp

import (
	"github.com/prometheus/client_golang/prometheus"
)

// collector shows the server's statistics to Prometheus.
type collector struct{ server *Server }

// Collector returns the server's metrics, to be registered once.
func (s *Server) Collector() prometheus.Collector { return collector{s} }

var (
	descConnections = prometheus.NewDesc("ringkv_resp_connections",
		"Redis clients that are connected.", nil, nil)
	descAccepted = prometheus.NewDesc("ringkv_resp_connections_accepted_total",
		"Connections of Redis clients that were accepted.", nil, nil)
	descRejected = prometheus.NewDesc("ringkv_resp_connections_rejected_total",
		"Connections that were refused because there are too many.", nil, nil)
	descProtocol = prometheus.NewDesc("ringkv_resp_protocol_errors_total",
		"Connections that were closed because they violated the protocol.", nil, nil)
	descIn = prometheus.NewDesc("ringkv_resp_read_bytes_total",
		"Bytes received from Redis clients.", nil, nil)
	descOut = prometheus.NewDesc("ringkv_resp_written_bytes_total",
		"Bytes sent to Redis clients.", nil, nil)
	descFailed = prometheus.NewDesc("ringkv_resp_command_errors_total",
		"Commands that were answered with an error.", []string{"command"}, nil)
	descSeconds = prometheus.NewDesc("ringkv_resp_command_seconds",
		"Time from reading a command to having its reply; commands of a pipeline count with the time of the whole.",
		[]string{"command"}, nil)
)

// Describe implements prometheus.Collector.
func (collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descConnections, descAccepted, descRejected, descProtocol, descIn, descOut, descFailed, descSeconds} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	s := c.server
	s.mu.Lock()
	connected := len(s.conns)
	s.mu.Unlock()
	t := s.stats.totals()
	counter := func(d *prometheus.Desc, n uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	out <- prometheus.MustNewConstMetric(descConnections, prometheus.GaugeValue, float64(connected))
	counter(descAccepted, s.stats.connections.Load())
	counter(descRejected, s.stats.rejected.Load())
	counter(descProtocol, s.stats.protocolErrors.Load())
	counter(descIn, t.bytesIn)
	counter(descOut, t.bytesOut)
	for _, cs := range s.stats.commandStats() {
		counter(descFailed, cs.Failed, cs.Spec.FullName)
		buckets := make(map[float64]uint64, latencyBuckets)
		below := uint64(0)
		for i, n := range cs.Latency[:latencyBuckets-1] {
			below += n
			buckets[float64(uint64(1)<<i)/1e6] = below
		}
		out <- prometheus.MustNewConstHistogram(descSeconds, cs.Calls, cs.Time.Seconds(), buckets, cs.Spec.FullName)
	}
}
