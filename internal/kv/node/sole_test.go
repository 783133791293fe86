package node

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// TestASurvivorOfTwoGoesOnAloneWithAllThatWasAcknowledged: what was acknowledged
// by two voters is on both, so either may go on alone; a restart must not undo it,
// and the other one must not disturb when it returns.
func TestASurvivorOfTwoGoesOnAloneWithAllThatWasAcknowledged(t *testing.T) {
	seats := startCluster(t, 2, 1, 2)
	survivor, other := seats[0], seats[1]
	require.Equal(t, "+OK\r\n", survivor.do("SET", "k", "before"))
	status := func() cluster.ReplicaStatus { return survivor.node.replica(0).Status() }
	config := status().Config
	request := cluster.SoleVoter{ClusterID: survivor.node.clusterID(), Partition: 0, ID: status().ID, ExpectedIndex: config.Index}

	require.ErrorIs(t, survivor.node.ForceSoleVoter(context.Background(), request), cluster.ErrConflict, "there is a leader")
	other.stop()
	require.Eventually(t, func() bool { return status().Leader == 0 }, patience, 10*time.Millisecond)
	late := request
	late.ExpectedIndex++
	require.ErrorIs(t, survivor.node.ForceSoleVoter(context.Background(), late), cluster.ErrConflict, "for another configuration")

	require.NoError(t, survivor.node.ForceSoleVoter(context.Background(), request))
	require.Eventually(t, func() bool { return status().Role == cluster.RoleLeader }, patience, 10*time.Millisecond)
	require.Equal(t, []cluster.Replica{{ID: request.ID, Node: survivor.node.ID()}}, status().Config.Voters)
	require.Greater(t, status().Config.Index, config.Index, "a change made for the old configuration must not fit")
	require.Equal(t, bulk("before"), survivor.do("GET", "k"))
	require.Equal(t, "+OK\r\n", survivor.do("SET", "k", "alone"))

	survivor.stop()
	survivor.start()
	waitReady(t, survivor)
	require.Equal(t, bulk("alone"), survivor.do("GET", "k"))

	other.start()
	// Long enough for it to stand for election, and lose.
	for end := time.Now().Add(3 * time.Duration(survivor.node.timing.ElectionTicks) * survivor.node.timing.Tick); time.Now().Before(end); {
		require.Equal(t, "+OK\r\n", survivor.do("SET", "k", "with the other back"))
		require.Equal(t, bulk("with the other back"), survivor.do("GET", "k"))
	}
	require.Len(t, status().Config.Voters, 1)
}
