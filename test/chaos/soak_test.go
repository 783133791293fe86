//go:build linux

package chaos

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// samplesOf makes up a soak of 40 rounds.
func samplesOf(heap func(round int) float64) []usage {
	var samples []usage
	for i := range 40 {
		samples = append(samples, usage{at: time.Duration(i) * time.Minute, resident: 500 << 20, heap: heap(i), files: 200, goroutines: 600, disk: 1 << 30})
	}
	return samples
}

func TestALeakIsToldFromWarmingUp(t *testing.T) {
	_, problems := grown(samplesOf(func(round int) float64 { return float64(min(round, 8)) * (30 << 20) }))
	require.Empty(t, problems, "it grows at first, and then no more")
	_, problems = grown(samplesOf(func(round int) float64 { return 100<<20 + float64(round%2)*(40<<20) }))
	require.Empty(t, problems, "it goes up and down")
	table, problems := grown(samplesOf(func(round int) float64 { return 100<<20 + float64(round)*(4<<20) }))
	require.Equal(t, []string{"heap goal grew from 146 to 242 MiB"}, problems)
	require.Contains(t, table, "| heap goal | 146 MiB | 242 MiB | 222 MiB |")
}
