package target_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/target"
	"github.com/ringkv/ringkv/internal/target/targettest"
)

func TestASummaryCountsEveryKeyOnceAndEveryCopyAtItsNode(t *testing.T) {
	s := targettest.Observe(4, 16, 3).Summarize()
	require.EqualValues(t, 16*101, s.Keys)
	require.EqualValues(t, 16*101*64, s.Bytes)
	var copies, leaders int
	var keys uint64
	for _, n := range s.Nodes {
		require.Equal(t, "UP", n.State)
		copies, leaders, keys = copies+n.Replicas, leaders+n.Leaders, keys+n.Keys
	}
	require.Equal(t, 3*16, copies)
	require.Equal(t, 16, leaders)
	require.Equal(t, 3*s.Keys, keys)
	require.Zero(t, s.Leaderless+s.Incomplete)
}

func TestANodeThatIsDownIsNoGoodCopy(t *testing.T) {
	o := targettest.Observe(3, 8, 3)
	led := o.Summarize().Nodes[1].Leaders
	targettest.Down(o, "n2")
	s := o.Summarize()
	require.Equal(t, "DOWN", s.Nodes[1].State)
	require.Contains(t, s.Nodes[1].Problem, "connection refused")
	require.Equal(t, led, s.Leaderless)
	require.Equal(t, 8, s.Incomplete)
	for _, p := range o.Partitions() {
		require.True(t, p.Majority())
		require.Equal(t, 2, p.Good())
		require.Len(t, p.Copies, 3, "a copy that does not answer is still one that should be there")
	}
	targettest.Lead(o)
	require.Zero(t, o.Summarize().Leaderless)
}

func TestALaterTermOutranksAnEarlierLeader(t *testing.T) {
	o := targettest.Observe(3, 1, 3)
	old := o.Partitions()[0].Leader.Name
	for _, n := range o.Nodes {
		if n.Name != old {
			r := targettest.Replica(o, n.Name, 0)
			r.Role, r.Term = cluster.RoleLeader, 9
			r.Progress = []cluster.Progress{{ID: 1, Match: 100}, {ID: 2, Match: 500, Active: true}, {ID: 3, Match: 500, Active: true}}
			require.Equal(t, n.Name, o.Partitions()[0].Leader.Name)
			break
		}
	}
	require.EqualValues(t, 400, o.Summarize().Lag)
}

func TestChangesTellWhatMoved(t *testing.T) {
	before, after := targettest.Observe(4, 1, 3), targettest.Observe(4, 1, 3)
	require.Empty(t, target.Changes(before, after))

	targettest.Down(after, "n4")
	for _, n := range after.Nodes { // the second copy goes from its node to n4
		if r := targettest.Replica(after, n.Name, 0); r != nil {
			r.Config.Index = 9
			r.Config.Voters = []cluster.Replica{r.Config.Voters[0], r.Config.Voters[2], {ID: 4, Node: targettest.NodeID(3)}}
		}
	}
	var texts []string
	for _, c := range target.Changes(before, after) {
		texts = append(texts, c.Text)
	}
	was := map[string]bool{}
	for _, c := range before.Partitions()[0].Copies {
		was[c.Node] = true
	}
	require.False(t, was["n4"], "the ring of this test leaves n4 out")
	require.Len(t, texts, 3)
	require.Equal(t, "node n4 is DOWN, was UP", texts[0])
	require.Equal(t, "Copied partition 0 (101 keys) to n4", texts[1])
	require.Regexp(t, `^Removed partition 0 from n[123]$`, texts[2])
}
