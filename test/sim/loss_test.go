package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestAPowerLossOfAllWithSyncIntervalTakesTheEndOfLogsAndNothingElse kills processes one by
// one, so that nodes sync at different times, and takes the power from all. Those that come
// back first go on from what they have, and the last one may know more.
func TestAPowerLossOfAllWithSyncIntervalTakesTheEndOfLogsAndNothingElse(t *testing.T) {
	cuts := 0
	for seed := range uint64(8) {
		r := Run(Config{Seed: seed, Machines: 3, Partitions: 4, Replicas: 3, Interval: true, Duration: 12 * time.Second, Faults: []Fault{
			{At: 4*time.Second + time.Duration(seed)*70*time.Millisecond, Kind: "kill", Machine: 0, For: 50 * time.Millisecond},
			{At: 5*time.Second + time.Duration(seed)*130*time.Millisecond, Kind: "kill", Machine: 1, For: 50 * time.Millisecond},
			{At: 7*time.Second + time.Duration(seed)*190*time.Millisecond, Kind: "power loss of all", For: 3 * time.Second},
		}})
		require.Nil(t, r.Failure, "seed %d: %+v", seed, r.Failure)
		cuts += r.Lost
	}
	require.Positive(t, cuts, "acknowledged writes were lost, as they may be")
}
