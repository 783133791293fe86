package units

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFiguresAreWrittenForPeople(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 1<<20 - 1: "1.0 MiB", 3 << 30: "3.0 GiB", math.MaxUint64: "16.0 EiB",
	} {
		require.Equal(t, want, Bytes(n))
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", -1000: "-1,000", -999: "-999", 1234567: "1,234,567"} {
		require.Equal(t, want, Count(n))
	}
	for d, want := range map[time.Duration]string{
		90*time.Second + 400*time.Millisecond: "1m30s", 1234 * time.Millisecond: "1.23s", 12345 * time.Microsecond: "12ms",
		1234567: "1.23ms", 1234: "1µs", 0: "0s",
	} {
		require.Equal(t, want, Duration(d))
	}
}
