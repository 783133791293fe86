package bench

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func wellFormed(t *testing.T, svg string) {
	t.Helper()
	require.NotContains(t, svg, "NaN")
	require.NotContains(t, svg, "Inf")
	for decoder := xml.NewDecoder(strings.NewReader(svg)); ; {
		_, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
	}
}

func TestAScheduleOfManyConnectionsIsAsEvenAsThatOfOne(t *testing.T) {
	o := &Options{Connections: 7, Pipeline: 1 << 20, Rate: 1000}
	var due []time.Duration
	for i := range o.Connections {
		due = newSchedule(o, i).take(2*time.Second, due)
	}
	slices.Sort(due)
	require.InDelta(t, 2000, len(due), 1)
	for i := 1; i < len(due); i++ {
		require.InDelta(t, time.Millisecond, due[i]-due[i-1], float64(time.Microsecond))
	}
}

func TestAScheduleForgetsNothingThatBecameDueMeanwhile(t *testing.T) {
	s := newSchedule(&Options{Connections: 1, Pipeline: 10, Rate: 1000}, 0)
	require.Equal(t, []time.Duration{0}, s.take(0, nil))
	require.Empty(t, s.take(500*time.Microsecond, nil))
	var due []time.Duration
	for n := 0; ; n++ {
		more := s.take(100*time.Millisecond, nil)
		if len(more) == 0 {
			require.Equal(t, 10, n)
			break
		}
		require.LessOrEqual(t, len(more), 10)
		due = append(due, more...)
	}
	for i, d := range due {
		require.Equal(t, time.Duration(i+1)*time.Millisecond, d, "each counts from when it was due")
	}
	require.Equal(t, []time.Duration{7, 7, 7}, newSchedule(&Options{Connections: 1, Pipeline: 3}, 0).take(7, nil), "a closed loop is always due")
}

func TestRandomArrivalsHaveTheRateThatWasAskedFor(t *testing.T) {
	o := &Options{Connections: 4, Pipeline: 1 << 20, Rate: 1000, Poisson: true, Seed: 42}
	var due []time.Duration
	for i := range o.Connections {
		due = newSchedule(o, i).take(20*time.Second, due)
	}
	require.InDelta(t, 20_000, len(due), 4*math.Sqrt(20_000))
	slices.Sort(due)
	short := 0 // an exponential gap is below its mean with a probability of 1-1/e
	for i := 1; i < len(due); i++ {
		if due[i]-due[i-1] < time.Millisecond {
			short++
		}
	}
	require.InDelta(t, 1-1/math.E, float64(short)/float64(len(due)), 0.02)
}

func TestZipfUsesEachRankAsOftenAsItsNameSays(t *testing.T) {
	const n, draws, theta = 1000, 200_000, 0.9
	z := newZipf(n, theta)
	counts := make([]int, n)
	for i := range draws {
		rank := z.rank((float64(i) + 0.5) / draws)
		require.Less(t, rank, uint64(n))
		counts[rank]++
	}
	zeta := 0.0
	for i := range n {
		zeta += 1 / math.Pow(float64(i+1), theta)
	}
	for _, rank := range []int{0, 1} {
		require.InEpsilon(t, draws/math.Pow(float64(rank+1), theta)/zeta, counts[rank], 0.01)
	}
	// The approximation of the source is within some percent for sums of ranks.
	first, want := 0, 0.0
	for rank := range 100 {
		first += counts[rank]
		want += draws / math.Pow(float64(rank+1), theta) / zeta
	}
	require.InEpsilon(t, want, first, 0.06)
	require.Zero(t, newZipf(1, theta).rank(0.99))
}

func TestEveryDistributionStaysWithinTheKeys(t *testing.T) {
	for _, way := range []Distribution{Uniform, Zipf, Sequential} {
		o := &Options{Keys: 100, Distribution: way, Prefix: "p:", Connections: 3}
		c := newChooser(o, newZipf(100, 0.99), new(atomic.Uint64), 0)
		seen := map[string]int{}
		for range 5000 {
			seen[string(c.appendKey(nil, c.number()))]++
		}
		most := 0
		for key, n := range seen {
			require.Regexp(t, `^p:0{10}\d\d$`, key)
			most = max(most, n)
		}
		require.LessOrEqual(t, len(seen), 100)
		switch way {
		case Uniform:
			require.Less(t, most, 100)
		case Zipf:
			require.Greater(t, most, 500)
		case Sequential:
			require.Equal(t, 50, most)
		}
	}
}
