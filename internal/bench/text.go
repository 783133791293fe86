package bench

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ringkv/ringkv/internal/units"
)

// WriteText writes the result for people: the figures, and the distribution of the
// times as a histogram.
func (r *Result) WriteText(w io.Writer) error {
	fmt.Fprintf(w, "%s operations in %s: %s a second\n", units.Count(r.Operations), seconds(r.Seconds), units.Count(int64(math.Round(r.PerSecond))))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\tcount\tmean\tp50\tp90\tp99\tp99.9\tmax\t")
	for _, k := range r.kinds() {
		l := k.result.Latency
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", k.name, units.Count(k.result.Count),
			ms(l.Mean), ms(l.P50), ms(l.P90), ms(l.P99), ms(l.P999), ms(l.Max))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if r.Missing > 0 {
		fmt.Fprintf(w, "%s reads found no value\n", units.Count(r.Missing))
	}
	if r.Redirected > 0 {
		fmt.Fprintf(w, "%s times a command was sent on with MOVED\n", units.Count(r.Redirected))
	}
	for _, word := range slices.Sorted(maps.Keys(r.Errors)) {
		fmt.Fprintf(w, "FAILED %s: %s, such as: %s\n", units.Count(r.Errors[word]), word, r.ErrorSamples[word])
	}
	for _, k := range r.kinds() {
		fmt.Fprintf(w, "\n%s\n", k.name)
		k.result.writeHistogram(w)
	}
	return nil
}

// namedKind is a kind that has results.
type namedKind struct {
	name   string
	result *KindResult
}

func (r *Result) kinds() (out []namedKind) {
	for _, k := range []namedKind{{"reads", &r.Reads}, {"writes", &r.Writes}} {
		if k.result.Count > 0 {
			out = append(out, k)
		}
	}
	return out
}

func seconds(s float64) string { return units.Duration(time.Duration(s * float64(time.Second))) }

func ms(millis float64) string {
	return units.Duration(time.Duration(millis * float64(time.Millisecond)))
}

// writeHistogram writes a line for each doubling of the time, and how much of all
// took no longer.
func (k *KindResult) writeHistogram(w io.Writer) {
	const width = 50
	type line struct {
		to    float64
		count uint64
	}
	var lines []line
	var most uint64
	for _, b := range k.Histogram {
		to := math.Pow(2, math.Ceil(math.Log2(b.To*1e3))) / 1e3
		if n := len(lines); n == 0 || lines[n-1].to < to {
			lines = append(lines, line{to: to})
		}
		l := &lines[len(lines)-1]
		l.count += b.Count
		most = max(most, l.count)
	}
	var sum uint64
	for _, l := range lines {
		sum += l.count
		bar := strings.Repeat("█", int(math.Ceil(width*float64(l.count)/float64(most))))
		fmt.Fprintf(w, "  up to %8s %8.4f%% %s\n", ms(l.to), 100*float64(sum)/float64(k.Count), bar)
	}
}
