package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestALeaderThatWasStoppedInTheMiddleOfAReadServesNothingStale stops leaders right
// after they found their lease to hold, for longer than the lease, while the others
// elect a new leader and write.
func TestALeaderThatWasStoppedInTheMiddleOfAReadServesNothingStale(t *testing.T) {
	c := Config{Seed: 1, Machines: 3, Partitions: 1, Replicas: 3, Duration: 2 * time.Minute}
	for at := calm; at < c.Duration; at += 10 * time.Second {
		c.Faults = append(c.Faults, Fault{At: at, Kind: "stop in a read", For: 3 * time.Second})
	}
	r := Run(c)
	require.Nil(t, r.Failure, "%+v", r.Failure)
	require.Equal(t, len(c.Faults), r.Stops, "every fault stopped a leader")
}
