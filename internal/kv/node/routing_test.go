package node

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

func led(term, confIndex uint64, node cluster.NodeID) cluster.Leadership {
	return cluster.Leadership{Partition: 0, Term: term, ConfIndex: confIndex, Leader: cluster.Replica{ID: 1, Node: node}}
}

func stopped() int64 { return 0 }

func missing(r *routing) int {
	n, _ := r.leaderless()
	return n
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
			r := newRouting("self", 1, stopped)
			require.Equal(t, 1, missing(r))
			require.True(t, r.learn(c.have, false))
			require.Equal(t, c.taken, r.learn(c.news, c.local))
			want := c.have.Leader.Node
			if c.taken {
				want = c.news.Leader.Node
			}
			require.Equal(t, want, r.leader(0))
			require.Equal(t, want == "", missing(r) == 1)
		})
	}
}

func TestWhoWaitsForALeaderIsWokenOnceByNews(t *testing.T) {
	r := newRouting("self", 2, stopped)
	woken := 0
	r.onChange(0, func() { woken++ })
	require.True(t, r.learn(led(1, 1, "a"), false))
	require.True(t, r.learn(led(2, 1, "b"), false))
	require.Equal(t, 1, woken)
}

func TestNewsOfAPartitionThatDoesNotExistAreIgnored(t *testing.T) {
	require.False(t, newRouting("self", 1, stopped).learn(cluster.Leadership{Partition: 7, Term: 1}, false))
}

func TestTheTimeWithoutALeaderBeginsWhenTheFirstIsLostAndEndsWithTheLast(t *testing.T) {
	now := time.Duration(0)
	r := newRouting("self", 2, func() int64 { return int64(now) })
	partition := func(p uint32, term uint64, node cluster.NodeID) cluster.Leadership {
		return cluster.Leadership{Partition: p, Term: term, Leader: cluster.Replica{ID: 1, Node: node}}
	}
	step := func(news cluster.Leadership, wantMissing int, wantSince time.Duration) {
		t.Helper()
		require.True(t, r.learn(news, true))
		n, since := r.leaderless()
		require.Equal(t, wantMissing, n)
		require.Equal(t, wantSince, since)
		now += time.Second
	}
	step(partition(0, 1, "a"), 1, math.MaxInt64) // never all
	step(partition(0, 1, ""), 2, math.MaxInt64)
	step(partition(0, 2, "a"), 1, math.MaxInt64)
	step(partition(1, 1, "a"), 0, 0)
	step(partition(0, 2, ""), 1, 0)
	step(partition(1, 1, ""), 2, time.Second)
	step(partition(0, 3, "b"), 1, 2*time.Second)
	step(partition(1, 2, "b"), 0, 0)
	step(partition(1, 2, ""), 1, 0)
}

func TestTheSmallestMajorityIsWhatIsCertain(t *testing.T) {
	r := newRouting("self", 2, stopped)
	with := func(partition uint32, voters int) {
		news := led(uint64(voters), 1, "a")
		news.Partition, news.Voters = partition, make([]cluster.Replica, voters)
		require.True(t, r.learn(news, false))
	}
	with(0, 3)
	require.Equal(t, 1, r.smallestMajority(), "nothing is known of the other partition")
	with(1, 5)
	require.Equal(t, 2, r.smallestMajority())
	with(0, 6)
	require.Equal(t, 3, r.smallestMajority(), "now it is the one with five voters")
}
