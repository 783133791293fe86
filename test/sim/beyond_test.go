package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/coordinator"
)

// TestWhatCannotBeReplacedIsCalledLostAndNeverServedEmpty takes a volume where there
// are fewer than three copies. What is gone is named, with what to do, and no read of it is
// answered as if there had been nothing.
func TestWhatCannotBeReplacedIsCalledLostAndNeverServedEmpty(t *testing.T) {
	for replicas, reason := range map[int]coordinator.Reason{1: coordinator.ReasonDataLost, 2: coordinator.ReasonQuorumLost} {
		c := Config{Seed: uint64(replicas), Machines: 3, Partitions: 4, Replicas: replicas, Duration: 20 * time.Second, Beyond: true}
		c.Faults = []Fault{{At: 8 * time.Second, Kind: "lost volume", For: time.Second}}
		r := Run(c)
		require.Nil(t, r.Failure, "%d copies: %+v", replicas, r.Failure)
		require.Len(t, r.Blocked, 1)
		require.Equal(t, reason, r.Blocked[0].Reason)
		require.Contains(t, r.Blocked[0].Message, "bring back one of the volumes")
	}
}
