package node

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/command"
)

// A call can come to a replica after its end: removing it writes a tombstone before
// the node forgets it.
func TestACallToAReplicaThatIsBeingRemovedIsTriedElsewhere(t *testing.T) {
	seat := startCluster(t, 1, 1, 1)[0]
	require.Equal(t, "+OK\r\n", seat.do("SET", "k", "v"))
	r, s := seat.node.replica(0), seat.node.shardOf(0)
	s.do(func() {
		r.Close()
		s.disown(r)
	})
	for _, args := range [][]string{{"SET", "k", "w"}, {"GET", "k"}} {
		c := seat.newCall(args...)
		c.Deadline = time.Now().Add(200 * time.Millisecond)
		require.Contains(t, seat.submit(c), "has no leader that answers: the command was not executed")
	}
}

// A node's clients may send until their connections end, which is later than the node.
func TestACallToANodeThatHasStoppedIsRefusedAtOnce(t *testing.T) {
	seat := startCluster(t, 1, 2, 1)[0]
	n := seat.node
	for _, key := range []string{"a", "b", "c"} {
		require.Equal(t, "+OK\r\n", seat.do("SET", key, "v"))
	}
	seat.stop()
	for _, args := range [][]string{{"SET", "a", "w"}, {"GET", "a"}, {"MGET", "a", "b", "c"}, {"APPEND", "b", "w"}} {
		c := seat.newCall(args...)
		n.Submit([]*command.Call{c})
		select {
		case <-c.Done():
			require.Contains(t, string(c.Wait()), "this node is stopping: the command was not executed")
		case <-time.After(time.Minute):
			t.Fatalf("%q was not answered", args)
		}
	}
}
