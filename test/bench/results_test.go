package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/bench"
)

func TestRatiosAreTakenRoundByRound(t *testing.T) {
	// The machine was slow in the second round, for both.
	c := comparison{Unit: "/s", Ours: []float64{200, 20, 210}, Theirs: []float64{100, 10, 100}}
	middle, least, most := c.ratios()
	require.Equal(t, []float64{2, 2, 2.1}, []float64{middle, least, most})
	require.InDelta(t, 200, c.value(c.Ours), 0)

	c = comparison{Unit: "ms", Worst: true, Ours: []float64{1, 9, 2}, Theirs: []float64{30, 3}}
	middle, _, _ = c.ratios()
	require.InDelta(t, 0.3, middle, 1e-9, "the worst of all with the worst of all")

	middle, least, most = (&comparison{Ours: []float64{1}}).ratios()
	require.Equal(t, []float64{0, 0, 0}, []float64{middle, least, most})
}

func TestATargetIsReachedOnlyIfAllOfItIs(t *testing.T) {
	one, two := []float64{1}, []float64{2}
	for name, c := range map[string]struct {
		comparison
		reached bool
	}{
		"nothing asked":        {comparison{Ours: one}, true},
		"ratio high enough":    {comparison{Ours: two, Theirs: one, Target: target{RatioAtLeast: 2}}, true},
		"ratio too low":        {comparison{Ours: one, Theirs: two, Target: target{RatioAtLeast: 0.6}}, false},
		"ratio low enough":     {comparison{Ours: one, Theirs: two, Target: target{RatioAtMost: 0.5}}, true},
		"ratio too high":       {comparison{Ours: one, Theirs: one, Target: target{RatioAtMost: 0.5}}, false},
		"no peer to be beside": {comparison{Ours: one, Target: target{RatioAtMost: 0.5}}, false},
		"ratio but not value":  {comparison{Ours: two, Theirs: []float64{9}, Target: target{RatioAtMost: 0.5, ValueAtMost: 1.5}}, false},
		"value high enough":    {comparison{Ours: two, Target: target{ValueAtLeast: 2}}, true},
		"value too low":        {comparison{Ours: one, Target: target{ValueAtLeast: 2}}, false},
		"none":                 {comparison{Ours: []float64{0, 0}, Target: target{None: true}}, true},
		"one once":             {comparison{Ours: []float64{0, 1, 0}, Target: target{None: true}}, false},
	} {
		require.Equal(t, c.reached, c.comparison.reached(), name)
	}
}

func TestARunRenewsItsRowsAndKeepsWhatPeopleWrote(t *testing.T) {
	docs := t.TempDir()
	page := filepath.Join(docs, "performance.md")
	require.NoError(t, os.WriteFile(page, []byte("# Above\n\n"+beginMark+"\nold\n"+endMark+"\n\nbelow\n"), 0o644))
	r := &results{Machine: machine{CPU: "a <fast> one", Cores: 2, Commit: "abc"}}
	r.add(comparison{Group: "rf1", Work: "SET", Unit: "/s", Peer: redisAlways, Ours: []float64{1000}, Theirs: []float64{500}, Target: target{RatioAtLeast: 1.2}})
	r.add(comparison{Group: "kills", Work: "gap", Unit: "ms", Worst: true, Ours: []float64{700, 900}, Target: target{ValueAtMost: 800}})
	require.NoError(t, r.save(docs))

	again, err := loadResults(docs)
	require.NoError(t, err)
	require.Equal(t, r, again)
	again.add(comparison{Group: "rf1", Work: "SET", Unit: "/s", Peer: redisAlways, Ours: []float64{500}, Theirs: []float64{500}, Target: target{RatioAtLeast: 1.2}})
	require.Len(t, again.Comparisons, 2, "the same work again takes its place")
	require.NoError(t, again.save(docs))

	b, err := os.ReadFile(page)
	require.NoError(t, err)
	text := string(b)
	require.True(t, strings.HasPrefix(text, "# Above\n\n"+beginMark), text)
	require.True(t, strings.HasSuffix(text, endMark+"\n\nbelow\n"), text)
	require.NotContains(t, text, "old")
	require.Contains(t, text, "| SET | 500/s | 500/s (Redis, appendfsync always) | 1.00 | >= 1.2 | missed |")
	require.Contains(t, text, "| gap | 900 ms (median 800 ms of 2) |  |  | <= 800 ms | missed |")

	picture, err := os.ReadFile(filepath.Join(docs, "performance", "ratios.svg"))
	require.NoError(t, err)
	require.NotContains(t, string(picture), "NaN")
	for decoder := xml.NewDecoder(strings.NewReader(string(picture))); ; {
		_, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
	}

	require.NoError(t, os.WriteFile(page, []byte("no marks"), 0o644))
	require.ErrorContains(t, r.save(docs), beginMark)
}

func TestWhatRedisBenchmarkPrintsIsUnderstoodOrRefused(t *testing.T) {
	const head = `"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"` + "\n"
	rate, p99, err := parseBenchmark([]byte(head + `"SET","11494.25","3.869","0.048","0.391","13.031","35.231","35.423"` + "\n"))
	require.NoError(t, err)
	require.Equal(t, []float64{11494.25, 35.231}, []float64{rate, p99})
	for _, bad := range []string{"", "Could not connect", head, head + `"SET","x","0","0","0","0","1","0"`, `"test","other"` + "\n" + `"SET","1"`} {
		_, _, err := parseBenchmark([]byte(bad))
		require.ErrorContains(t, err, "redis-benchmark printed", bad)
	}
}

func TestOnlyWholeSecondsAreJudged(t *testing.T) {
	r := &bench.Result{Options: bench.Options{Rate: 100, Warmup: time.Second}}
	for i, n := range []float64{1, 100, 80, 120, 5} {
		r.Timeline = append(r.Timeline, bench.Second{At: float64(i + 1), PerSecond: n})
	}
	require.InDelta(t, 80, leastSecond(r), 1e-9, "neither the warm-up nor what is left at the end")
}

func TestNoSystemIsAlwaysTheFirst(t *testing.T) {
	var firsts []string
	for round := range 3 {
		var order []string
		part := func(name string) func() error { return func() error { order = append(order, name); return nil } }
		require.NoError(t, inTurn(round, part("a"), part("b"), part("c")))
		require.ElementsMatch(t, []string{"a", "b", "c"}, order)
		firsts = append(firsts, order[0])
	}
	require.ElementsMatch(t, []string{"a", "b", "c"}, firsts)
}
