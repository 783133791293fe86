package node

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

func TestEveryCopyOfAKeyTellsTheVersionOfTheSameWrite(t *testing.T) {
	seats := startCluster(t, 3, 4, 2)
	require.Equal(t, "+OK\r\n", seats[0].do("SET", "apple", "1"))
	require.Equal(t, "+OK\r\n", seats[1].do("SET", "apple", "123"))
	inspect := func(s *seat) *cluster.KeyStatus {
		got, err := s.node.Key(t.Context(), []byte("apple"))
		require.NoError(t, err)
		require.Equal(t, s.node.ID(), got.Node)
		return got
	}
	// The follower hears of the commit a moment after the leader.
	require.Eventually(t, func() bool {
		copies, leaders := 0, 0
		for _, s := range seats {
			got := inspect(s)
			if got.Replica == 0 {
				require.False(t, got.Found)
				continue
			}
			if got.Found && got.Version == 2 && got.ValueBytes == 3 {
				copies++
			}
			if got.Role == cluster.RoleLeader {
				leaders++
			}
		}
		return copies == 2 && leaders == 1
	}, patience, 10*time.Millisecond)

	require.Equal(t, ":1\r\n", seats[2].do("DEL", "apple"))
	require.Eventually(t, func() bool {
		return !inspect(seats[0]).Found && !inspect(seats[1]).Found && !inspect(seats[2]).Found
	}, patience, 10*time.Millisecond)
}

func TestCopiesOfAPartitionHaveOneState(t *testing.T) {
	seats := startCluster(t, 3, 1, 2)
	require.Equal(t, "+OK\r\n", seats[0].do("SET", "apple", "1"))
	require.Eventually(t, func() bool {
		var held []*cluster.StateStatus
		for _, s := range seats {
			got, err := s.node.PartitionState(t.Context(), 0)
			require.NoError(t, err)
			if got.Replica == 0 {
				require.Empty(t, got.Hash)
			} else if got.Revision == 1 {
				held = append(held, got)
			}
		}
		return len(held) == 2 && held[0].Hash == held[1].Hash && held[0].Hash != ""
	}, patience, 10*time.Millisecond)
	before, err := seats[0].node.PartitionState(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, "+OK\r\n", seats[0].do("SET", "apple", "2"))
	require.Eventually(t, func() bool {
		after, err := seats[0].node.PartitionState(t.Context(), 0)
		require.NoError(t, err)
		return after.Revision == 2 && after.Hash != before.Hash
	}, patience, 10*time.Millisecond)
}

func TestANodeWithoutAClusterHasNoKeys(t *testing.T) {
	_, err := newSeat(t, "n1").node.Key(t.Context(), []byte("apple"))
	require.ErrorIs(t, err, cluster.ErrNotFound)
}
