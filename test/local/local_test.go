package local

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/localcluster"
)

// maxPause catches what hangs. The promise about the loss of one node is 2 s on a
// machine with nothing else to do, and is held to by the end-to-end suite; here all
// packages' tests share the machine.
const maxPause = 15 * time.Second

func TestEveryNodeServesEveryKey(t *testing.T) {
	c := start(t)
	require.Len(t, c.nodes, 3)
	for i, n := range c.nodes {
		require.Equal(t, net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port+10*i)), n.RESP)
		require.NoError(t, syscall.Kill(n.PID, 0))
	}
	ctx := t.Context()
	for i := range 100 {
		key, value := fmt.Sprintf("key-%d", i), fmt.Sprintf("value-%d", i)
		writer := c.redis(c.nodes[i%3].RESP)
		require.NoError(t, writer.Set(ctx, key, value, 0).Err())
		for _, n := range c.nodes {
			got, err := c.redis(n.RESP).Get(ctx, key).Result()
			require.NoError(t, err)
			require.Equal(t, value, got)
		}
	}
	require.ErrorIs(t, c.redis(c.nodes[0].RESP).Get(ctx, "none").Err(), redis.Nil)
	// Followers apply what is committed a moment after the leader.
	c.await("three copies of every key are counted on three nodes", func(s localcluster.Status) bool {
		return s.Keys == 100 && !slices.ContainsFunc(s.Nodes, func(n localcluster.Node) bool { return n.Keys != 100 })
	})
	require.Contains(t, c.must("stats"), "replication factor  3")
	c.stop()
}

func TestKilledNodeIsStartedAgainAndNothingIsLost(t *testing.T) {
	c := start(t)
	l, end := c.withLoad()
	for i, n := range c.status().Nodes {
		l.Phase("kill " + n.Name)
		require.NoError(t, syscall.Kill(n.PID, syscall.SIGKILL))
		c.await("n is back", func(s localcluster.Status) bool { return s.Nodes[i].Restarts == 1 && s.Nodes[i].Up && s.Ready() })
	}
	stats := end()
	for _, p := range stats.Phases {
		t.Logf("%s: longest pause %+v", p.Name, p.LongestPause())
		require.Less(t, p.LongestPause().Millis.Duration(), maxPause, p.Name)
	}
	c.stop()
}

func TestNoRestartLeavesANodeDownAndTheOthersServe(t *testing.T) {
	c := start(t, "--no-restart")
	l, end := c.withLoad()
	victim := c.status().Nodes[0]
	require.NoError(t, syscall.Kill(victim.PID, syscall.SIGKILL))
	c.await("the node is down", func(s localcluster.Status) bool { return s.Nodes[0].PID == 0 && !s.Nodes[0].Up })
	before := l.Stats().Total.Writes.Succeeded
	require.Eventually(t, func() bool { return l.Stats().Total.Writes.Succeeded > before+500 }, budget, 10*time.Millisecond)
	end()
	require.Zero(t, c.status().Nodes[0].Restarts)
	require.Contains(t, c.must("show"), "DOWN")
	c.stop()
}

func TestStoppedClusterComesBackWithItsData(t *testing.T) {
	c := start(t)
	l, end := c.withLoad()
	end()
	c.stop()
	_, err := c.kvctl("show")
	require.Error(t, err, "nothing runs")
	c.start()
	c.check(l)
	c.stop()
}

func TestAllProcessesKilledAtOnceLoseNothing(t *testing.T) {
	c := start(t)
	l, end := c.withLoad()
	before := l.Stats().Total.Writes.Succeeded
	require.Eventually(t, func() bool { return l.Stats().Total.Writes.Succeeded > before+500 }, budget, 10*time.Millisecond)
	// The supervisor first, so that it starts nothing again: its nodes die with it,
	// under load.
	pids := c.pids()
	require.NoError(t, c.cmd.Process.Kill())
	require.Error(t, c.cmd.Wait())
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL) // gone already where the kernel does it
		require.Eventually(t, func() bool { return syscall.Kill(pid, 0) != nil }, budget, time.Millisecond)
	}
	c.start()
	end()
	c.stop()
}

func TestClusterGrowsAndShrinksUnderLoad(t *testing.T) {
	c := start(t)
	l, end := c.withLoad()

	l.Phase("addnode")
	c.must("addnode", "n4")
	s := c.settled()
	require.Len(t, s.Nodes, 4)
	require.NotZero(t, s.Node("n4").Replicas)

	l.Phase("setreplica")
	c.must("setreplica", "2")
	s = c.settled()
	replicas := 0
	for _, n := range s.Nodes {
		replicas += n.Replicas
	}
	require.Equal(t, 2*s.Partitions, replicas)

	l.Phase("removenode")
	gone := *s.Node("n1")
	require.Contains(t, c.must("removenode", "n1"), "3 nodes")
	s = c.settled()
	require.Nil(t, s.Node("n1"))
	require.ErrorIs(t, syscall.Kill(gone.PID, 0), syscall.ESRCH)
	require.NoDirExists(t, c.dir+"/n1")

	for _, p := range end().Phases {
		t.Logf("%s: longest pause %+v", p.Name, p.LongestPause())
		require.Less(t, p.LongestPause().Millis.Duration(), maxPause, p.Name)
	}

	for _, bad := range [][]string{
		{"addnode", "n4"}, {"addnode", "../x"}, {"removenode", "n1"}, {"setreplica", "9"}, {"setreplica", "0"}, {"setreplica", "two"},
	} {
		out, err := c.kvctl(bad...)
		require.Error(t, err, "%v: %s", bad, out)
	}

	// What was changed is what comes back, whatever the flags say.
	c.stop()
	c.start()
	s = c.status()
	require.Equal(t, 2, s.ReplicationFactor)
	require.Len(t, s.Nodes, 3)
	c.check(l)
	c.stop()
}
