package bench

import (
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
)

// Result is what a measurement found. It prints as JSON.
type Result struct {
	Options    Options   `json:"options"`
	Started    time.Time `json:"started"`
	Seconds    float64   `json:"seconds"`
	Operations uint64    `json:"operations"` // answered without an error
	PerSecond  float64   `json:"perSecond"`
	Failed     uint64    `json:"failed"`
	// Errors are the failed ones by the first word of their error, with an example
	// of each.
	Errors       map[string]uint64 `json:"errors,omitempty"`
	ErrorSamples map[string]string `json:"errorSamples,omitempty"`
	Missing      uint64            `json:"missing"`    // reads of keys that were not there
	Redirected   uint64            `json:"redirected"` // times that a command was sent on by MOVED; only in cluster mode
	// LongestGap is the longest time in milliseconds that any connection was without
	// an answer, errors not counted as answers: in a closed loop, how long somebody
	// was cut off.
	LongestGap float64    `json:"longestGapMillis"`
	Reads      KindResult `json:"reads"`
	Writes     KindResult `json:"writes"`
	Timeline   []Second   `json:"timeline"`
}

// KindResult is the result of the reads or of the writes.
type KindResult struct {
	Count   uint64  `json:"count"`
	Latency Latency `json:"latency"`
	// Percentiles are the points of the distribution's curve; Histogram is its
	// buckets, empty ones left out.
	Percentiles []Percentile `json:"percentiles,omitempty"`
	Histogram   []Bucket     `json:"histogram,omitempty"`
}

// Latency is the distribution of times, in milliseconds.
type Latency struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// Percentile says that this part of the operations (0 to 100) took no longer.
type Percentile struct {
	Percent float64 `json:"percent"`
	Millis  float64 `json:"millis"`
}

// Bucket is the operations that took from From to To milliseconds.
type Bucket struct {
	From  float64 `json:"from"`
	To    float64 `json:"to"`
	Count uint64  `json:"count"`
}

// Second is what one second brought.
type Second struct {
	At        float64 `json:"at"` // its end, in seconds since the start
	Reads     uint64  `json:"reads"`
	Writes    uint64  `json:"writes"`
	PerSecond float64 `json:"perSecond"`
	Latency   Latency `json:"latency"`
}

func (r *Result) firstError() string {
	for _, text := range r.ErrorSamples {
		return text
	}
	return ""
}

func millis(micros int64) float64 { return float64(micros) / 1e3 }

func latencyOf(h *hdr.Histogram) Latency {
	at := func(percent float64) float64 { return millis(h.ValueAtQuantile(percent)) }
	return Latency{Mean: h.Mean() / 1e3, P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: millis(h.Max())}
}

func kindResult(h *hdr.Histogram) KindResult {
	r := KindResult{Count: uint64(h.TotalCount()), Latency: latencyOf(h)}
	if r.Count == 0 {
		return r
	}
	for _, b := range h.CumulativeDistributionWithTicks(5) {
		r.Percentiles = append(r.Percentiles, Percentile{Percent: b.Quantile, Millis: millis(b.ValueAt)})
	}
	for _, b := range h.Distribution() {
		if b.Count > 0 {
			r.Histogram = append(r.Histogram, Bucket{From: millis(b.From), To: millis(b.To), Count: uint64(b.Count)})
		}
	}
	return r
}
