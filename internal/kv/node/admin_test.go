package node

import (
	"errors"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/replica"
	"github.com/ringkv/ringkv/internal/kv/vfs"
)

func TestARemovedReplicaStaysAwayAndItsIDIsUsedUp(t *testing.T) {
	seats := startCluster(t, 2, 1, 1)
	s := seats[1] // has no copy yet
	id := seats[0].node.clusterID()
	create := func(replicaID uint64) error {
		return s.node.CreateReplica(t.Context(), cluster.CreateReplica{ClusterID: id, Partition: 0, ID: replicaID})
	}
	require.NoError(t, create(5))
	require.NoError(t, s.node.RemoveReplica(t.Context(), cluster.RemoveReplica{ClusterID: id, Partition: 0, ID: 5}))
	require.Nil(t, s.node.replica(0))
	require.ErrorIs(t, create(5), cluster.ErrConflict, "a late request")
	s.stop()
	s.start()
	require.Nil(t, s.node.replica(0), "after a crash")
	require.ErrorIs(t, create(5), cluster.ErrConflict, "after a crash")
	require.NoError(t, create(6))
}

// TestTheLargestReplicaIDIsRefused: a tombstone names the ID behind that of its replica.
func TestTheLargestReplicaIDIsRefused(t *testing.T) {
	s := startCluster(t, 1, 1, 1)[0]
	id := s.node.clusterID()
	err := s.node.CreateReplica(t.Context(), cluster.CreateReplica{ClusterID: id, Partition: 0, ID: math.MaxUint64})
	require.ErrorIs(t, err, cluster.ErrInvalid)
	require.ErrorContains(t, err, "replica ID 18446744073709551615 of 1 to 18446744073709551614")
	require.Eventually(t, func() bool { // right after an election all changes are refused
		config := s.node.replica(0).Status().Config
		err = s.node.ChangeConfig(t.Context(), cluster.ChangeConfig{
			ClusterID: id, ExpectedIndex: config.Index, AddLearners: []cluster.Replica{{ID: math.MaxUint64, Node: "x"}},
		})
		return !errors.Is(err, cluster.ErrConflict) && !errors.Is(err, cluster.ErrNotLeader)
	}, patience, time.Millisecond)
	require.ErrorIs(t, err, cluster.ErrInvalid)
}

func TestAnOlderMapIsNotTaken(t *testing.T) {
	seats := startCluster(t, 2, 2, 2)
	m := testMap(seats, 2, 2)
	m.ClusterID = seats[0].node.clusterID()
	newer := m.Clone()
	newer.Epoch, newer.Revision = 5, 9
	older := m.Clone()
	older.Epoch, older.Revision, older.Members = 4, 8, older.Members[:1]
	publish(t, newer, seats[0])
	publish(t, older, seats[0])
	status, err := seats[0].node.Status(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 9, status.Revision)
	require.Len(t, seats[0].node.view.Load().m.Members, 2)
}

// TestANodeWhoseLogIsLostDoesNotStart: it would vote as if it had promised nothing.
func TestANodeWhoseLogIsLostDoesNotStart(t *testing.T) {
	s := startCluster(t, 1, 1, 1)[0]
	s.stop()
	require.NoError(t, os.RemoveAll(filepath.Join(s.dir, logDir)))
	_, err := Open(Options{FS: vfs.OS{}, Dir: s.dir, Logger: slog.New(slog.DiscardHandler)})
	require.ErrorContains(t, err, "the log was lost")
}

// TestAForwardedWriteWhoseNodeDiesIsNotSentAgain: it may have been executed.
func TestAForwardedWriteWhoseNodeDiesIsNotSentAgain(t *testing.T) {
	s := startCluster(t, 1, 1, 1)[0]
	forward := func(args ...string) string {
		c := s.newCall(args...)
		request := &replica.Request{Call: c, Write: c.Spec.IsWrite(), Deadline: s.node.clock.Monotonic() + time.Minute.Nanoseconds()}
		s.node.forwards.add(forwarded{request: request, to: "another"})
		s.node.Unreachable("another")
		return string(c.Wait())
	}
	require.Contains(t, forward("SET", "k", "v"), "-UNKNOWNRESULT")
	require.Equal(t, "$-1\r\n", forward("GET", "k"), "a read is asked again")
}
