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
	require.Contains(t, table, "| heap goal | 146 MiB | 242 MiB | 206 MiB |")
}

// measured is what the nodes used after each round of a healthy soak of eight minutes, on
// two cores that had more to do.
var measured = []usage{
	{at: 46 * time.Second, resident: 148 << 20, heap: 81 << 20, files: 268, goroutines: 309, disk: 480 << 20},
	{at: 88 * time.Second, resident: 188 << 20, heap: 105 << 20, files: 276, goroutines: 322, disk: 480 << 20},
	{at: 132 * time.Second, resident: 210 << 20, heap: 142 << 20, files: 274, goroutines: 315, disk: 480 << 20},
	{at: 176 * time.Second, resident: 236 << 20, heap: 166 << 20, files: 278, goroutines: 313, disk: 480 << 20},
	{at: 219 * time.Second, resident: 252 << 20, heap: 165 << 20, files: 284, goroutines: 329, disk: 480 << 20},
	{at: 261 * time.Second, resident: 253 << 20, heap: 166 << 20, files: 285, goroutines: 335, disk: 480 << 20},
	{at: 302 * time.Second, resident: 256 << 20, heap: 167 << 20, files: 295, goroutines: 355, disk: 480 << 20},
	{at: 345 * time.Second, resident: 261 << 20, heap: 173 << 20, files: 284, goroutines: 336, disk: 480 << 20},
	{at: 387 * time.Second, resident: 270 << 20, heap: 180 << 20, files: 283, goroutines: 338, disk: 480 << 20},
	{at: 431 * time.Second, resident: 273 << 20, heap: 186 << 20, files: 289, goroutines: 346, disk: 480 << 20},
	{at: 473 * time.Second, resident: 281 << 20, heap: 184 << 20, files: 282, goroutines: 338, disk: 480 << 20},
	{at: 516 * time.Second, resident: 274 << 20, heap: 174 << 20, files: 283, goroutines: 333, disk: 480 << 20},
}

// halfAnHour is a soak of 40 rounds that begins as the measured one and goes on as its
// second half, with a leak.
func halfAnHour(leak func(u *usage, round float64)) []usage {
	var samples []usage
	settled := measured[len(measured)/2:]
	for round := range 40 {
		u := settled[round%len(settled)]
		if round < len(measured) {
			u = measured[round]
		}
		leak(&u, float64(round))
		samples = append(samples, u)
	}
	return samples
}

func TestALeakIsSeenInHalfAnHour(t *testing.T) {
	_, problems := grown(measured)
	require.Empty(t, problems, "a healthy run, though a short one")
	_, problems = grown(halfAnHour(func(*usage, float64) {}))
	require.Empty(t, problems, "a healthy run")
	for what, leak := range map[string]func(u *usage, round float64){
		"resident memory": func(u *usage, round float64) { u.resident += round * nodes * 1.6 * (1 << 20) },
		// A kilobyte of each of 3,000 operations; the collector waits for as much again.
		"heap goal":  func(u *usage, round float64) { u.heap += round * 3000 * 2 * (1 << 10) },
		"open files": func(u *usage, round float64) { u.files += round * nodes },
		"goroutines": func(u *usage, round float64) { u.goroutines += round * nodes },
		"disk":       func(u *usage, round float64) { u.disk += round * nodes * (4 << 20) },
	} {
		table, problems := grown(halfAnHour(leak))
		require.Len(t, problems, 1, "%s\n%s", what, table)
		require.Contains(t, problems[0], what+" grew from")
	}
}
