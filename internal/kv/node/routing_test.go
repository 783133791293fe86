package node

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

func led(term, confIndex uint64, node cluster.NodeID) cluster.Leadership {
	return cluster.Leadership{Partition: 0, Term: term, ConfIndex: confIndex, Leader: cluster.Replica{ID: 1, Node: node}}
}

func TestRoutingTakesOverOnlyWhatIsNewer(t *testing.T) {
	for name, c := range map[string]struct {
		have, news cluster.Leadership
		local      bool
		taken      bool
	}{
		"a later term":                            {have: led(3, 1, "a"), news: led(4, 1, "b"), taken: true},
		"an earlier term":                         {have: led(3, 1, "a"), news: led(2, 9, "b")},
		"a later configuration":                   {have: led(3, 1, "a"), news: led(3, 2, "a"), taken: true},
		"what is known":                           {have: led(3, 1, "a"), news: led(3, 1, "a")},
		"the leader of a term that had none":      {have: led(3, 1, ""), news: led(3, 1, "a"), taken: true},
		"a peer that has lost sight of a leader":  {have: led(3, 1, "a"), news: led(3, 1, "")},
		"a local replica that lost its leader":    {have: led(3, 1, "a"), news: led(3, 1, ""), local: true, taken: true},
		"a local replica that is behind the news": {have: led(3, 1, "a"), news: led(2, 1, ""), local: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRouting(1)
			require.Equal(t, 1, r.missing())
			require.True(t, r.learn(c.have, false))
			require.Equal(t, c.taken, r.learn(c.news, c.local))
			want := c.have.Leader.Node
			if c.taken {
				want = c.news.Leader.Node
			}
			require.Equal(t, want, r.leader(0))
			require.Equal(t, want == "", r.missing() == 1)
		})
	}
}

func TestWhoWaitsForALeaderIsWokenOnceByNews(t *testing.T) {
	r := newRouting(2)
	woken := 0
	r.onChange(0, func() { woken++ })
	require.True(t, r.learn(led(1, 1, "a"), false))
	require.True(t, r.learn(led(2, 1, "b"), false))
	require.Equal(t, 1, woken)
}

func TestNewsOfAPartitionThatDoesNotExistAreIgnored(t *testing.T) {
	require.False(t, newRouting(1).learn(cluster.Leadership{Partition: 7, Term: 1}, false))
}
