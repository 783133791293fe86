package controller

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/coordinator"
)

func TestReplicasGoDownOnlyOverTheHighestOrdinalsThatMayGo(t *testing.T) {
	may := func(ordinals ...int) (out []departure) {
		for _, n := range ordinals {
			out = append(out, departure{ordinal: n})
		}
		return out
	}
	for name, c := range map[string]struct {
		wanted, live int
		members      []int
		may          []departure
		want         int
	}{
		"a new cluster":                          {3, 0, nil, nil, 3},
		"at rest":                                {3, 3, []int{0, 1, 2}, nil, 3},
		"growing: at once":                       {5, 3, []int{0, 1, 2}, nil, 5},
		"shrinking without proof":                {3, 5, []int{0, 1, 2, 3, 4}, nil, 5},
		"shrinking with proof":                   {3, 5, []int{0, 1, 2}, may(3, 4), 3},
		"only the highest may go":                {3, 5, []int{0, 1, 2, 3}, may(4), 4},
		"the highest may not go":                 {3, 5, []int{0, 1, 2, 4}, may(3), 5},
		"scaled down by hand below its members":  {5, 2, []int{0, 1, 2, 3, 4}, nil, 5},
		"scaled down by hand while it shrinks":   {3, 3, []int{0, 1, 2, 3}, nil, 4},
		"scaled up by hand, the new ones empty":  {3, 9, []int{0, 1, 2}, may(3, 4, 5, 6, 7, 8), 3},
		"never below what is wanted":             {3, 4, []int{0}, may(0, 1, 2, 3), 3},
		"proof for an ordinal that is not there": {3, 3, []int{0, 1, 2}, may(7), 3},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, replicas(c.wanted, c.live, c.members, c.may))
		})
	}
}

// leaving is what is known when demo-3 should leave a cluster of three.
type leaving struct {
	seats  []coordinator.Seat
	plane  *coordinator.Result
	pods   map[int]*corev1.Pod
	claims map[int]*corev1.PersistentVolumeClaim
}

func demo3Leaves() leaving {
	bound := &corev1.PersistentVolumeClaim{Spec: corev1.PersistentVolumeClaimSpec{VolumeName: "pv"}}
	l := leaving{
		plane: &coordinator.Result{
			Health:    coordinator.Health{Partitions: 64, Available: 64, Full: 64},
			Removable: []coordinator.Removal{{Seat: "demo-3", Node: "abc"}},
		},
		pods:   map[int]*corev1.Pod{3: pod("demo-3")},
		claims: map[int]*corev1.PersistentVolumeClaim{3: bound},
	}
	for i, name := range []string{"demo-0", "demo-1", "demo-2", "demo-3"} {
		l.seats = append(l.seats, coordinator.Seat{Name: name, Wanted: i < 3})
		state := cluster.MemberActive
		if i == 3 {
			state = "" // off the map
		}
		l.plane.Members = append(l.plane.Members, coordinator.MemberStatus{Name: name, State: state, Up: true})
	}
	return l
}

func TestAPodGoesOnlyForAPositiveReason(t *testing.T) {
	type want struct{ goes, empty bool }
	neverRan := func(l *leaving) {
		l.plane.Removable = nil
		l.pods[3] = pod("demo-3", starting)
	}
	for name, c := range map[string]struct {
		change func(*leaving)
		want   want
	}{
		"proven by the coordinator":              {func(*leaving) {}, want{true, true}},
		"nobody looked":                          {func(l *leaving) { l.plane = nil }, want{}},
		"no proof":                               {func(l *leaving) { l.plane.Removable = nil }, want{}},
		"the proof is about another seat":        {func(l *leaving) { l.plane.Removable[0].Seat = "demo-2" }, want{}},
		"wanted after all":                       {func(l *leaving) { l.seats[3].Wanted = true }, want{}},
		"still a member":                         {func(l *leaving) { l.plane.Members[3].State = cluster.MemberLeaving }, want{}},
		"a lost identity of the seat is one too": {func(l *leaving) { l.plane.Members[3].State = cluster.MemberLost }, want{}},
		"never ran, has a volume":                {neverRan, want{true, false}},
		"never ran, never had a volume": {func(l *leaving) {
			neverRan(l)
			l.claims[3].Spec.VolumeName = ""
		}, want{true, true}},
		"never ran, and a partition is not full": {func(l *leaving) {
			neverRan(l)
			l.plane.Health.Full = 63
		}, want{}},
		"never ran, and nothing is known of any partition": {func(l *leaving) {
			neverRan(l)
			l.plane.Health = coordinator.Health{}
		}, want{}},
		"crashed before": {func(l *leaving) {
			l.plane.Removable = nil
			l.pods[3] = pod("demo-3", starting, func(p *corev1.Pod) { p.Status.ContainerStatuses[0].RestartCount = 1 })
		}, want{}},
		"ended before": {func(l *leaving) {
			l.plane.Removable = nil
			l.pods[3] = pod("demo-3", starting, func(p *corev1.Pod) {
				p.Status.ContainerStatuses[0].LastTerminationState.Terminated = &corev1.ContainerStateTerminated{}
			})
		}, want{}},
		"the pod is not there": {func(l *leaving) {
			l.plane.Removable = nil
			delete(l.pods, 3)
		}, want{}},
	} {
		t.Run(name, func(t *testing.T) {
			l := demo3Leaves()
			c.change(&l)
			got := departures("demo", l.seats, l.plane, l.pods, l.claims)
			require.Equal(t, c.want.goes, len(got) == 1, "%v", got)
			if c.want.goes {
				require.Equal(t, 3, got[0].ordinal)
				require.Equal(t, c.want.empty, got[0].empty)
				require.NotEmpty(t, got[0].why)
			}
		})
	}
}
