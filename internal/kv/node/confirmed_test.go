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
	var leader, follower *seat
	for _, s := range seats {
		if _, leading := s.node.replica(0).Leadership(); leading {
			leader = s
		} else {
			follower = s
		}
	}
	require.NotNil(t, leader)
	status := follower.node.replica(0).Status()
	commit := status.CommitIndex + 1000
	follower.node.shardOf(0).post(event{from: leader.node.id, msg: &transport.Message{
		Partition: 0,
		Raft: &raftpb.Message{
			Type: raftpb.MsgHeartbeat.Enum(), To: new(follower.node.replica(0).ID()), From: new(leader.node.replica(0).ID()),
			Term: new(status.Term), Commit: &commit,
		},
	}})
	require.Eventually(t, func() bool { return follower.node.replica(0).Status().State == cluster.ReplicaRefused }, 10*time.Second, 10*time.Millisecond)
	require.Contains(t, follower.node.replica(0).Status().Reason, "was confirmed")
	require.NotEqual(t, cluster.ReplicaRefused, follower.node.replica(1).Status().State)
	require.Equal(t, bulk("v"), follower.do("GET", "k"))
}
