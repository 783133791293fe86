package controller

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ringkv/ringkv/api/v1alpha1"
	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/coordinator"
)

func TestAStatusIsWrittenAtAPaceThatFitsItsNews(t *testing.T) {
	base := func() v1alpha1.KVClusterStatus {
		return v1alpha1.KVClusterStatus{
			Nodes: 3, ReadyNodes: 3, Epoch: 1, Rebalance: v1alpha1.RebalanceStatus{Percent: 100, Progress: "100%"},
			Conditions: []metav1.Condition{{Type: "Available", Status: "True", Reason: "Fine", Message: "fine"}},
			Members:    []v1alpha1.MemberStatus{{Name: "demo-0", NodeID: "a", Up: true, Ready: true, Leaders: 10, Replicas: 64, Keys: 1000, Bytes: 100_000}},
		}
	}
	const never = -1
	for name, c := range map[string]struct {
		change func(*v1alpha1.KVClusterStatus)
		pace   time.Duration
	}{
		"nothing new":        {func(*v1alpha1.KVClusterStatus) {}, never},
		"a condition turns":  {func(s *v1alpha1.KVClusterStatus) { s.Conditions[0].Status = "False" }, 0},
		"a reason turns":     {func(s *v1alpha1.KVClusterStatus) { s.Conditions[0].Reason = "Other" }, 0},
		"a pod is not ready": {func(s *v1alpha1.KVClusterStatus) { s.ReadyNodes = 2 }, 0},
		"a member is down":   {func(s *v1alpha1.KVClusterStatus) { s.Members[0].Up = false }, 0},
		"a member joins": {func(s *v1alpha1.KVClusterStatus) {
			s.Members = append(s.Members, v1alpha1.MemberStatus{Name: "demo-1"})
		}, 0},
		"another identity": {func(s *v1alpha1.KVClusterStatus) { s.Members[0].NodeID = "b" }, 0},
		"progress": {func(s *v1alpha1.KVClusterStatus) {
			s.Rebalance = v1alpha1.RebalanceStatus{Percent: 40, Progress: "40%"}
		}, movingPace},
		"wording":                {func(s *v1alpha1.KVClusterStatus) { s.Conditions[0].Message = "still fine" }, wordingPace},
		"data grows a little":    {func(s *v1alpha1.KVClusterStatus) { s.Members[0].Keys, s.Members[0].Bytes = 1900, 190_000 }, never},
		"data grows by far":      {func(s *v1alpha1.KVClusterStatus) { s.Members[0].Keys = 2001 }, figuresPace},
		"data comes to be":       {func(s *v1alpha1.KVClusterStatus) { s.Members[0].Keys, s.Members[0].Bytes = 1_000_000, 1<<30 }, figuresPace},
		"leaders go elsewhere":   {func(s *v1alpha1.KVClusterStatus) { s.Members[0].Leaders = 11 }, figuresPace},
		"figures and a new word": {func(s *v1alpha1.KVClusterStatus) { s.Members[0].Keys = 9000; s.Conditions[0].Message = "x" }, wordingPace},
	} {
		t.Run(name, func(t *testing.T) {
			next := base()
			c.change(&next)
			pace, worth := paceOf(base(), next)
			if c.pace == never {
				require.False(t, worth)
				return
			}
			require.True(t, worth)
			require.Equal(t, c.pace, pace)
		})
	}
}

func TestANodeThatIsAwayKeepsItsFiguresAndWhenItWasSeen(t *testing.T) {
	first := time.Date(2026, 1, 1, 12, 0, 0, 500, time.UTC)
	s := &scope{
		kvc:  &v1alpha1.KVCluster{ObjectMeta: metav1.ObjectMeta{Name: "demo"}, Spec: v1alpha1.KVClusterSpec{Nodes: 1}},
		pods: map[int]*corev1.Pod{0: pod("demo-0")},
		plane: &coordinator.Result{Members: []coordinator.MemberStatus{
			{Name: "demo-0", Node: "a", State: cluster.MemberActive, Up: true, Leaders: 5, Replicas: 64, Keys: 10, Bytes: 100, Since: first.Add(-time.Hour)},
			{Name: "demo-1"},
		}},
	}
	up := members(s, nil)
	require.Nil(t, up[0].LastSeen)
	require.True(t, up[0].Ready)
	require.Equal(t, v1alpha1.MemberActive, up[0].State)
	require.Equal(t, v1alpha1.MemberLeaving, up[1].State, "a seat beyond what is wanted")

	m := &s.plane.Members[0]
	m.Up, m.Leaders, m.Replicas, m.Keys, m.Bytes, m.Since = false, 0, 0, 0, 0, first
	away := members(s, up)
	require.Equal(t, first.Truncate(time.Second), away[0].LastSeen.Time)
	require.EqualValues(t, 64, away[0].Replicas, "unknown is not empty")
	require.EqualValues(t, 10, away[0].Keys)
	require.Zero(t, away[0].Leaders)

	m.Since = first.Add(time.Hour) // a new operator begins to count anew
	require.Equal(t, away, members(s, away))
}

func TestTheProgressColumnSaysWhatIsKnown(t *testing.T) {
	column := func(s situation) string {
		return progress(conditions(s), s.plane)
	}
	require.Equal(t, "100%", column(calm()))
	require.Equal(t, "40%", column(calm().moving()))
	require.Equal(t, "Pending", column(calm().blocked(coordinator.ReasonNotEnoughRoom, "full")))
	blind := calm()
	blind.plane = nil
	require.Equal(t, "Unknown", column(blind))
}

func TestAWriteThatTheCacheHasNotSeenIsNotMadeAgain(t *testing.T) {
	one, two, three := v1alpha1.KVClusterStatus{Epoch: 1}, v1alpha1.KVClusterStatus{Epoch: 2}, v1alpha1.KVClusterStatus{Epoch: 3}
	w := writtenStatus{}
	require.Equal(t, one, w.seen(one), "nothing was written yet")
	w = writtenStatus{at: time.Now(), from: one, to: two}
	require.Equal(t, two, w.seen(one), "the cache is behind")
	require.Equal(t, two, w.seen(two))
	require.Equal(t, three, w.seen(three), "somebody else wrote")
}
