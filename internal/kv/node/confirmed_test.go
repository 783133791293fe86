package node

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/transport"
)

// A volume can lose what it had on stable storage without a trace. The first
// heartbeat tells; only that one copy may go, not the process.
func TestACopyThatHasForgottenWhatItConfirmedIsRefused(t *testing.T) {
	seats := startCluster(t, 3, 2, 3)
	require.Equal(t, "+OK\r\n", seats[0].do("SET", "k", "v"))
	leader := leaderSeat(t, seats, 0)
	follower := seats[0]
	if follower == leader {
		follower = seats[1]
	}
	require.Eventually(t, func() bool {
		status := follower.node.replica(0).Status()
		follower.node.shardOf(0).post(event{from: leader.node.id, msg: &transport.Message{
			Partition: 0,
			Raft: &raftpb.Message{
				Type: raftpb.MsgHeartbeat.Enum(), To: new(follower.node.replica(0).ID()), From: new(leader.node.replica(0).ID()),
				Term: new(status.Term), Commit: new(status.CommitIndex + 1000),
			},
		}})
		return status.State == cluster.ReplicaRefused
	}, patience, 10*time.Millisecond)
	require.Contains(t, follower.node.replica(0).Status().Reason, "was confirmed")
	require.NotEqual(t, cluster.ReplicaRefused, follower.node.replica(1).Status().State)
	require.Equal(t, bulk("v"), follower.do("GET", "k"))
}
