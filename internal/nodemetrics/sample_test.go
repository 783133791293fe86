package nodemetrics

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"
)

// metrics is what a node serves, of the parts that are read here.
func metrics(gets, sets, syncs, clients int) string {
	b := new(strings.Builder)
	r := prometheus.NewRegistry()
	counter := func(name string, v float64) {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name})
		c.Add(v)
		r.MustRegister(c)
	}
	counter("ringkv_log_syncs_total", float64(syncs))
	counter("ringkv_log_sync_seconds_total", float64(syncs)*0.002)
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "ringkv_resp_connections"})
	g.Set(float64(clients))
	r.MustRegister(g)
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "ringkv_resp_command_seconds", Buckets: []float64{0.001, 0.004, 0.016}}, []string{"command"})
	for range gets {
		h.WithLabelValues("get").Observe(0.0005)
	}
	for range sets {
		h.WithLabelValues("set").Observe(0.010)
	}
	r.MustRegister(h)
	recorder := httptest.NewRecorder()
	promhttp.HandlerFor(r, promhttp.HandlerOpts{}).ServeHTTP(recorder, httptest.NewRequest("GET", "/metrics", nil))
	b.WriteString(recorder.Body.String())
	return b.String()
}

func sample(t *testing.T, text string, second int) *Sample {
	t.Helper()
	s, err := Parse(strings.NewReader(text), time.Unix(int64(second), 0))
	require.NoError(t, err)
	return s
}

func kind(command string) string {
	return map[string]string{"get": "read", "set": "write"}[command]
}

func TestRatesAreWhatHappenedInBetween(t *testing.T) {
	r := Between(sample(t, metrics(100, 50, 10, 3), 0), sample(t, metrics(280, 70, 30, 7), 2), kind)
	require.InDelta(t, 90, r.Reads, 1e-9)
	require.InDelta(t, 10, r.Writes, 1e-9)
	require.InDelta(t, 10, r.Syncs, 1e-9)
	require.InDelta(t, 2, r.SyncMillis, 1e-9)
	require.Equal(t, 7, r.Clients)
	require.InDelta(t, 1, r.P50, 1e-9, "180 of 200 took no longer than a millisecond")
	require.InDelta(t, 16, r.P99, 1e-9)
}

func TestANodeThatWasStartedAgainCountsFromZero(t *testing.T) {
	r := Between(sample(t, metrics(1000, 1000, 1000, 1), 0), sample(t, metrics(10, 0, 5, 1), 1), kind)
	require.InDelta(t, 10, r.Reads, 1e-9)
	require.Zero(t, r.Writes)
	require.InDelta(t, 5, r.Syncs, 1e-9)
	require.InDelta(t, 1, r.P99, 1e-9)
	require.Zero(t, Between(sample(t, metrics(1, 1, 1, 1), 0), sample(t, metrics(1, 1, 1, 1), 1), kind).P99, "nothing happened")
	require.Equal(t, Rates{}, Between(sample(t, "", 5), sample(t, "", 5), kind))
}

func TestWhatIsNoMetricsIsAnError(t *testing.T) {
	_, err := Parse(strings.NewReader("<html>"), time.Now())
	require.Error(t, err)
	server := httptest.NewServer(promhttp.Handler())
	defer server.Close()
	_, err = Read(t.Context(), strings.TrimPrefix(server.URL, "http://"))
	require.NoError(t, err)
	server.Close()
	_, err = Read(t.Context(), strings.TrimPrefix(server.URL, "http://"))
	require.Error(t, err)
}
