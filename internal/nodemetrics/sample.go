// Package nodemetrics reads the metrics of nodes and says what happened between two
// readings.
package nodemetrics

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Sample is the metrics of one node at one moment.
type Sample struct {
	At       time.Time
	families map[string]*dto.MetricFamily
}

// maxBytes bounds what is believed to be metrics.
const maxBytes = 8 << 20

// Read asks a node's metrics port (host:port).
func Read(ctx context.Context, address string) (*Sample, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", request.URL, response.Status)
	}
	return Parse(io.LimitReader(response.Body, maxBytes), time.Now())
}

// Parse reads the text format of Prometheus.
func Parse(r io.Reader, at time.Time) (*Sample, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(r)
	if err != nil {
		return nil, fmt.Errorf("these are no metrics: %w", err)
	}
	return &Sample{At: at, families: families}, nil
}

// Sum adds up a counter or gauge over its labels.
func (s *Sample) Sum(name string) (v float64) {
	for _, m := range s.families[name].GetMetric() {
		v += m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	return v
}

// Rates is what happened between two samples, a second.
type Rates struct {
	Seconds     float64 `json:"seconds"`
	Reads       float64 `json:"reads"` // commands
	Writes      float64 `json:"writes"`
	Others      float64 `json:"others"`
	Errors      float64 `json:"errors"`
	P50         float64 `json:"p50Millis"` // of all commands; 0 without any
	P99         float64 `json:"p99Millis"`
	Clients     int     `json:"clients"` // connected now
	Syncs       float64 `json:"syncs"`   // of the log
	SyncMillis  float64 `json:"syncMillis"`
	LogBytes    float64 `json:"logBytes"` // written to the log
	InBytes     float64 `json:"inBytes"`  // from clients
	OutBytes    float64 `json:"outBytes"`
	Snapshots   float64 `json:"snapshotBytes"`    // sent to other nodes
	ApplyBehind int     `json:"applyLagEntries"`  // now
	Forwards    int     `json:"forwardsUnderWay"` // now
}

// Between returns the rates. kind says what a command does: "read", "write" or
// anything else. Counters that went back, because the node was started again in
// between, count from zero.
func Between(before, after *Sample, kind func(command string) string) Rates {
	r := Rates{Seconds: after.At.Sub(before.At).Seconds()}
	rate := func(name string) float64 { return grown(before.Sum(name), after.Sum(name)) / r.Seconds }
	if r.Seconds <= 0 {
		return Rates{}
	}
	r.Errors = rate("ringkv_resp_command_errors_total")
	r.Clients = int(after.Sum("ringkv_resp_connections"))
	r.Syncs = rate("ringkv_log_syncs_total")
	if r.Syncs > 0 {
		r.SyncMillis = 1e3 * rate("ringkv_log_sync_seconds_total") / r.Syncs
	}
	r.LogBytes = rate("ringkv_log_written_bytes_total")
	r.InBytes, r.OutBytes = rate("ringkv_resp_read_bytes_total"), rate("ringkv_resp_written_bytes_total")
	r.Snapshots = rate("ringkv_snapshot_sent_bytes_total")
	r.ApplyBehind, r.Forwards = int(after.Sum("ringkv_apply_lag_entries")), int(after.Sum("ringkv_forwards_open"))

	all := map[float64]float64{} // calls by the upper end of their bucket, this one alone
	was := histograms(before)
	for command, now := range histograms(after) {
		calls := grown(was[command].count, now.count)
		switch kind(command) {
		case "read":
			r.Reads += calls / r.Seconds
		case "write":
			r.Writes += calls / r.Seconds
		default:
			r.Others += calls / r.Seconds
		}
		restarted := now.count < was[command].count
		below := 0.0
		for _, le := range now.ends() {
			n := now.buckets[le]
			if !restarted {
				n -= was[command].buckets[le]
			}
			all[le] += n - below
			below = n
		}
		all[math.Inf(1)] += calls - below
	}
	r.P50, r.P99 = quantile(all, 0.50), quantile(all, 0.99)
	return r
}

func grown(before, after float64) float64 {
	if after < before {
		return after
	}
	return after - before
}

// histogram is the times of one command: buckets count what took no longer than
// their key, in seconds.
type histogram struct {
	count   float64
	buckets map[float64]float64
}

func (h histogram) ends() []float64 {
	var ends []float64
	for le := range h.buckets {
		ends = append(ends, le)
	}
	slices.Sort(ends)
	return ends
}

func histograms(s *Sample) map[string]histogram {
	out := map[string]histogram{}
	for _, m := range s.families["ringkv_resp_command_seconds"].GetMetric() {
		h := histogram{count: float64(m.GetHistogram().GetSampleCount()), buckets: map[float64]float64{}}
		for _, b := range m.GetHistogram().GetBucket() {
			if !math.IsInf(b.GetUpperBound(), 1) {
				h.buckets[b.GetUpperBound()] = float64(b.GetCumulativeCount())
			}
		}
		for _, l := range m.GetLabel() {
			if l.GetName() == "command" {
				out[l.GetValue()] = h
			}
		}
	}
	return out
}

// quantile returns the upper end of the bucket in which the quantile falls, in
// milliseconds; of the bucket without an end, the largest of the others.
func quantile(calls map[float64]float64, q float64) float64 {
	var ends []float64
	total := 0.0
	for le, n := range calls {
		ends = append(ends, le)
		total += n
	}
	slices.Sort(ends)
	if total == 0 {
		return 0
	}
	sum, largest := 0.0, 0.0
	for _, le := range ends {
		if sum += calls[le]; math.IsInf(le, 1) {
			break
		}
		if largest = le; sum >= q*total {
			break
		}
	}
	return 1e3 * largest
}
