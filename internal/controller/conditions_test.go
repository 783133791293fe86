package controller

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ringkv/ringkv/api/v1alpha1"
	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/coordinator"
)

// pod is a pod of the cluster demo.
func pod(name string, change ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, UID: "uid-of-" + "x"}, Spec: corev1.PodSpec{NodeName: "worker"}}
	ready(p)
	for _, c := range change {
		c(p)
	}
	return p
}

func ready(p *corev1.Pod) {
	p.Status = corev1.PodStatus{
		Phase:             corev1.PodRunning,
		Conditions:        []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
		ContainerStatuses: []corev1.ContainerStatus{{Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}},
	}
}

func starting(p *corev1.Pod) {
	p.Status = corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}}}}}
}

func crashing(p *corev1.Pod) {
	p.Status = corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{
		RestartCount: 3, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}}}}
}

func stopping(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{} }

// calm is a cluster of three nodes at rest.
func calm() situation {
	s := situation{generation: 7, wanted: 3, replicas: 3, pods: map[int]*corev1.Pod{}, plane: &coordinator.Result{
		Initialized: true, ClusterID: "c", Epoch: 4, Converged: true,
		Health:   coordinator.Health{Partitions: 64, Available: 64, Full: 64},
		Progress: coordinator.Progress{Percent: 100},
	}}
	for i, name := range []string{"demo-0", "demo-1", "demo-2"} {
		s.pods[i] = pod(name)
		s.plane.Members = append(s.plane.Members, coordinator.MemberStatus{Name: name, Node: cluster.NodeID("node-" + name), State: cluster.MemberActive, Up: true})
	}
	return s
}

// silent makes a node not answer.
func (s situation) silent(i int) situation {
	s.plane.Members[i].Up = false
	s.plane.Members[i].Problem = "does not answer"
	return s
}

func (s situation) blocked(reason coordinator.Reason, message string) situation {
	s.plane.Blocked = append(s.plane.Blocked, coordinator.Blocked{Reason: reason, Message: message})
	return s
}

func (s situation) moving() situation {
	s.plane.Converged = false
	s.plane.Progress = coordinator.Progress{Active: true, MovesTotal: 10, MovesDone: 4, Percent: 40, Running: 2, ByCause: map[coordinator.Cause]int{coordinator.CauseBalance: 6}}
	return s
}

func TestEverySituationHasItsConditions(t *testing.T) {
	with := func(s situation, change func(*situation)) situation { change(&s); return s }
	for name, c := range map[string]struct {
		in situation
		// in the order Available, Progressing, Rebalanced, Degraded
		want [4]string
		// a text that some message must have
		says string
	}{
		"at rest": {calm(),
			[4]string{"True AllPartitionsAvailable", "False Complete", "True Balanced", "False AsExpected"}, "epoch 4"},
		"being deleted": {with(calm(), func(s *situation) { s.deleting, s.plane = true, nil }),
			[4]string{"False Deleting", "True Deleting", "Unknown NotObserved", "False Deleting"}, ""},
		"not looked at": {with(calm(), func(s *situation) { s.plane = nil }),
			[4]string{"Unknown NotObserved", "Unknown NotObserved", "Unknown NotObserved", "Unknown NotObserved"}, ""},
		"record unreadable": {with(calm(), func(s *situation) { s.plane, s.planeErr = nil, "ConfigMap gone" }),
			[4]string{"Unknown RecordUnreadable", "Unknown RecordUnreadable", "Unknown RecordUnreadable", "True RecordUnreadable"}, "ConfigMap gone"},
		"starting": {with(calm(), func(s *situation) { s.plane = &coordinator.Result{} }).blocked(coordinator.ReasonWaitingForNodes, "waiting for demo-2"),
			[4]string{"False Starting", "True Starting", "False Starting", "False Starting"}, "waiting for demo-2"},
		"cannot start": {with(calm(), func(s *situation) { s.plane = &coordinator.Result{} }).blocked(coordinator.ReasonForeignData, "demo-0 belongs elsewhere"),
			[4]string{"False Starting", "False ForeignData", "False Starting", "True ForeignData"}, "demo-0 belongs elsewhere"},
		"crashes at the start": {with(calm(), func(s *situation) {
			s.plane = &coordinator.Result{Members: []coordinator.MemberStatus{{Name: "demo-0", Problem: "does not answer"}}}
			s.pods[0] = pod("demo-0", crashing)
		}),
			[4]string{"False Starting", "True Starting", "False Starting", "True NodesDown"}, "CrashLoopBackOff"},
		"an object is refused": {with(calm(), func(s *situation) { s.refusals = []refusal{{reasonApplyFailed, "invalid affinity"}} }),
			[4]string{"True AllPartitionsAvailable", "False ApplyFailed", "True Balanced", "True ApplyFailed"}, "invalid affinity"},
		"moving": {calm().moving(),
			[4]string{"True AllPartitionsAvailable", "True Moving", "False Moving", "False AsExpected"}, "4 of 10 moves are done (left: Balance 6)"},
		"paused": {with(calm().moving(), func(s *situation) { s.paused = true; s.plane.Progress.Running = 0 }),
			[4]string{"True AllPartitionsAvailable", "False Paused", "False Paused", "False AsExpected"}, "6 moves wait"},
		"paused, the last moves end": {with(calm().moving(), func(s *situation) { s.paused = true }),
			[4]string{"True AllPartitionsAvailable", "True Moving", "False Moving", "False AsExpected"}, ""},
		"no room": {calm().blocked(coordinator.ReasonNotEnoughRoom, "demo-0 is full"),
			[4]string{"True AllPartitionsAvailable", "False NotEnoughRoom", "False NotEnoughRoom", "True NotEnoughRoom"}, "demo-0 is full"},
		"a member leaves": {with(calm(), func(s *situation) {
			s.wanted = 2
			s.plane.Members[2].State = cluster.MemberLeaving
			s.plane.Kept = []coordinator.Removal{{Seat: "demo-2", Proof: []coordinator.Check{{Name: "HoldsNothing", Message: "demo-2 holds 3 replicas"}}}}
		}),
			[4]string{"True AllPartitionsAvailable", "True ScalingIn", "False ScalingIn", "False AsExpected"}, "demo-2 stays until proven empty: demo-2 holds 3 replicas"},
		"a pod is to come": {with(calm(), func(s *situation) {
			s.wanted, s.replicas = 4, 4
			s.plane.Members = append(s.plane.Members, coordinator.MemberStatus{Name: "demo-3"})
		}),
			[4]string{"True AllPartitionsAvailable", "True ScalingOut", "False ScalingOut", "False AsExpected"}, "not yet members: demo-3"},
		"a pod is replaced": {with(calm().silent(1), func(s *situation) { s.pods[1] = pod("demo-1", stopping) }),
			[4]string{"True AllPartitionsAvailable", "True PodsStarting", "True Balanced", "False AsExpected"}, "not ready: demo-1"},
		"a pod starts": {with(calm().silent(1), func(s *situation) { s.pods[1] = pod("demo-1", starting) }),
			[4]string{"True AllPartitionsAvailable", "True PodsStarting", "True Balanced", "False AsExpected"}, "not ready: demo-1"},
		"a pod crashes": {with(calm().silent(1), func(s *situation) { s.pods[1] = pod("demo-1", crashing) }),
			[4]string{"True AllPartitionsAvailable", "True PodsStarting", "True Balanced", "True NodesDown"}, "demo-1: does not answer; CrashLoopBackOff"},
		"a volume is lost": {with(calm().moving(), func(s *situation) { s.plane.Members[1].State = cluster.MemberLost }),
			[4]string{"True AllPartitionsAvailable", "True Moving", "False Moving", "True VolumeLost"}, "the volume of demo-1 is lost"},
		"nobody answers, though ready": {with(calm().silent(0).silent(1).silent(2), func(s *situation) { s.plane.Health = coordinator.Health{Partitions: 64} }),
			[4]string{"Unknown NodesUnreachable", "Unknown NodesUnreachable", "Unknown NodesUnreachable", "Unknown NodesUnreachable"}, "not seen by the operator"},
		"nobody answers, and nobody is ready": {with(calm().silent(0).silent(1).silent(2), func(s *situation) {
			s.plane.Health = coordinator.Health{Partitions: 64}
			s.pods = map[int]*corev1.Pod{0: pod("demo-0", starting), 1: pod("demo-1", starting), 2: pod("demo-2", starting)}
		}),
			[4]string{"False PartitionsUnavailable", "True PodsStarting", "Unknown NodesUnreachable", "True PartitionsUnavailable"}, "64 of 64 partitions"},
		"an election that takes no longer than one does": {with(calm(), func(s *situation) { s.plane.Health.Available, s.electing = 60, true }),
			[4]string{"True AllPartitionsAvailable", "False Complete", "True Balanced", "False AsExpected"}, ""},
		"an election that does not end": {with(calm(), func(s *situation) { s.plane.Health.Available = 60 }),
			[4]string{"False PartitionsUnavailable", "False Complete", "Unknown NodesUnreachable", "True PartitionsUnavailable"}, "4 of 64 partitions"},
		"restarting": {with(calm(), func(s *situation) {
			s.restart = restart{pending: []string{"demo-1"}, waiting: "demo-2 is not ready"}
		}),
			[4]string{"True AllPartitionsAvailable", "True Restarting", "True Balanced", "False AsExpected"}, "to be restarted: demo-1; waiting, since demo-2 is not ready"},
		"growing volumes": {with(calm(), func(s *situation) { s.growing = []string{"data-demo-0 grows"} }),
			[4]string{"True AllPartitionsAvailable", "True ResizingVolumes", "True Balanced", "False AsExpected"}, "data-demo-0 grows"},
		"a node complains": {with(calm(), func(s *situation) { s.plane.Members[2].Problems = []string{"the disk is full"} }),
			[4]string{"True AllPartitionsAvailable", "False Complete", "True Balanced", "True NodeProblems"}, "demo-2: the disk is full"},
	} {
		t.Run(name, func(t *testing.T) {
			got := conditions(c.in)
			require.Len(t, got, 4)
			var messages []string
			for i, conditionType := range []string{v1alpha1.ConditionAvailable, v1alpha1.ConditionProgressing, v1alpha1.ConditionRebalanced, v1alpha1.ConditionDegraded} {
				require.Equal(t, conditionType, got[i].Type)
				require.Equal(t, c.want[i], string(got[i].Status)+" "+got[i].Reason, "%s: %s", conditionType, got[i].Message)
				require.NotEmpty(t, got[i].Message)
				require.EqualValues(t, 7, got[i].ObservedGeneration)
				messages = append(messages, got[i].Message)
			}
			require.Contains(t, strings.Join(messages, "\n"), c.says)
		})
	}
}

func TestAMessageStaysWithinWhatPeopleRead(t *testing.T) {
	c := yes("Reason", "%s", strings.Repeat("ü", 5000)).as("Type")
	require.LessOrEqual(t, len(c.Message), 1024)
	require.True(t, strings.HasSuffix(c.Message, "..."))
}

func TestAnElectionIsForgivenForAMoment(t *testing.T) {
	well := coordinator.Health{Partitions: 64, Available: 64}
	ill := coordinator.Health{Partitions: 64, Available: 63}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	p := &plane{}
	require.False(t, p.electing(now, well))
	require.True(t, p.electing(now, ill))
	require.True(t, p.electing(now.Add(electionGrace-time.Millisecond), ill))
	require.False(t, p.electing(now.Add(electionGrace), ill))
	require.False(t, p.electing(now.Add(time.Hour), ill), "and stays so")
	require.False(t, p.electing(now.Add(time.Hour), well))
	require.True(t, p.electing(now.Add(2*time.Hour), ill), "the next one is forgiven again")
}
