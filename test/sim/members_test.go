package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestAChangeOfMembersOutlivesAPowerLossOfAll takes the power from all machines right after
// a change of members was applied, when nobody has on stable storage that it is committed.
// Why an older configuration does no harm then is written in internal/kv/replica/hardstate.go.
func TestAChangeOfMembersOutlivesAPowerLossOfAll(t *testing.T) {
	c := Config{Seed: 1, Machines: 5, Partitions: 2, Replicas: 3, Duration: 2 * time.Minute}
	for i, at := 0, calm; at < c.Duration; i, at = i+1, at+8*time.Second {
		c.Faults = append(c.Faults,
			Fault{At: at, Kind: "power loss of all", N: 1 + 2*i, For: 200 * time.Millisecond},
			Fault{At: at + time.Millisecond, Kind: "replication factor", N: []int{4, 2, 1, 2}[i%4]})
	}
	r := Run(c)
	require.Nil(t, r.Failure, "%+v", r.Failure)
	require.Equal(t, len(c.Faults), r.Faults)
}
