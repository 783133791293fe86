package controller

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ringkv/ringkv/api/v1alpha1"
	"github.com/ringkv/ringkv/internal/controller/objects"
	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/coordinator"
)

// The reasons of the conditions, besides those of coordinator.Reason, which are
// used as they are. docs/conditions.md explains each.
const (
	reasonAllPartitionsAvailable = "AllPartitionsAvailable"
	reasonPartitionsUnavailable  = "PartitionsUnavailable"
	reasonNodesUnreachable       = "NodesUnreachable"
	reasonNotObserved            = "NotObserved"
	reasonStarting               = "Starting"
	reasonDeleting               = "Deleting"
	reasonBalanced               = "Balanced"
	reasonMoving                 = "Moving"
	reasonPaused                 = "Paused"
	reasonScalingOut             = "ScalingOut"
	reasonScalingIn              = "ScalingIn"
	reasonPodsStarting           = "PodsStarting"
	reasonRestarting             = "Restarting"
	reasonResizingVolumes        = "ResizingVolumes"
	reasonComplete               = "Complete"
	reasonApplyFailed            = "ApplyFailed"
	reasonNotOurs                = "NotOurs"
	reasonStorageRefused         = "StorageRefused"
	reasonCertificateUnusable    = "CertificateUnusable"
	reasonVolumesNotResized      = "VolumesNotResized"
	reasonVolumeLost             = "VolumeLost"
	reasonNodesDown              = "NodesDown"
	reasonNodeProblems           = "NodeProblems"
	reasonAsExpected             = "AsExpected"
)

// refusal is a wish that is not granted, or a failure, in words.
type refusal struct{ reason, message string }

// situation is all that the conditions are made from.
type situation struct {
	generation int64
	deleting   bool
	wanted     int       // spec.nodes
	replicas   int       // pods that the StatefulSet should have
	refusals   []refusal // what the operator itself cannot do
	pods       map[int]*corev1.Pod
	restart    restart
	growing    []string // volumes that are being made larger, in words
	paused     bool
	// plane is what the coordinator saw; nil when it could not look, and then
	// planeErr says why.
	plane    *coordinator.Result
	planeErr string
	// electing is true while partitions of a cluster that was available lack a
	// leader for no longer than an election takes. That is no news.
	electing bool
}

// conditions are all conditions of a KVCluster, each always there. Times of
// transition are the caller's.
func conditions(s situation) []metav1.Condition {
	out := []metav1.Condition{
		s.available().as(v1alpha1.ConditionAvailable),
		s.progressing().as(v1alpha1.ConditionProgressing),
		s.rebalanced().as(v1alpha1.ConditionRebalanced),
		s.degraded().as(v1alpha1.ConditionDegraded),
	}
	for i := range out {
		out[i].ObservedGeneration = s.generation
	}
	return out
}

// verdict is a condition without its type.
type verdict struct {
	status          metav1.ConditionStatus
	reason, message string
}

func yes(reason, format string, args ...any) verdict {
	return verdict{metav1.ConditionTrue, reason, fmt.Sprintf(format, args...)}
}

func no(reason, format string, args ...any) verdict {
	return verdict{metav1.ConditionFalse, reason, fmt.Sprintf(format, args...)}
}

func unknown(reason, format string, args ...any) verdict {
	return verdict{metav1.ConditionUnknown, reason, fmt.Sprintf(format, args...)}
}

func (v verdict) as(conditionType string) metav1.Condition {
	const longest = 1024 // a condition is read by people; the API's bound is 32768
	message := v.message
	if len(message) > longest {
		message = strings.ToValidUTF8(message[:longest-3], "") + "..."
	}
	return metav1.Condition{Type: conditionType, Status: v.status, Reason: v.reason, Message: message}
}

// available: every partition has a leader that a quorum follows, by the word of
// these leaders.
func (s situation) available() verdict {
	switch p := s.plane; {
	case s.deleting:
		return no(reasonDeleting, "the cluster is being deleted")
	case p == nil:
		return s.notObserved()
	case !p.Initialized:
		return no(reasonStarting, "%s", s.startingMessage())
	case p.Health.AllAvailable() || s.electing:
		return yes(reasonAllPartitionsAvailable, "all %d partitions have a leader that a quorum follows", p.Health.Partitions)
	case s.cutOff() != "":
		return unknown(reasonNodesUnreachable, "%d of %d partitions are known to be available; %s", p.Health.Available, p.Health.Partitions, s.cutOff())
	default:
		return no(reasonPartitionsUnavailable, "%d of %d partitions have no leader that a quorum follows%s", p.Health.Partitions-p.Health.Available, p.Health.Partitions, s.because())
	}
}

// progressing: the operator works towards the spec, or waits for what will come
// by itself.
func (s situation) progressing() verdict {
	p := s.plane
	switch {
	case s.deleting:
		return yes(reasonDeleting, "the cluster is being deleted")
	case len(s.refusals) > 0:
		return no(s.refusals[0].reason, "%s", s.refusals[0].message)
	case p == nil:
		return s.notObserved()
	case s.stuck() != nil:
		return no(string(s.stuck().Reason), "%s", s.stuck().Message)
	case !p.Initialized:
		return yes(reasonStarting, "%s", s.startingMessage())
	case s.cutOff() != "" && !s.anyUp():
		return unknown(reasonNodesUnreachable, "%s", s.cutOff())
	case s.paused && p.Progress.Active && p.Progress.Running == 0:
		return no(reasonPaused, "%d moves wait: spec.rebalance.paused is set", p.Progress.MovesTotal-p.Progress.MovesDone)
	case p.Progress.Active || p.Progress.Cleanups > 0:
		return yes(reasonMoving, "%s", s.movingMessage())
	case s.replicas > s.wanted || s.has(cluster.MemberLeaving):
		return yes(reasonScalingIn, "%d nodes are wanted, %d have a pod%s", s.wanted, max(s.replicas, len(s.pods)), s.keptMessage())
	case len(s.pods) < s.replicas || len(s.joining()) > 0:
		return yes(reasonScalingOut, "%d nodes are wanted; not yet members: %s", s.wanted, list(s.joining()))
	case len(s.pods) > s.replicas:
		return yes(reasonScalingIn, "%d pods are stopping", len(s.pods)-s.replicas)
	case len(s.restart.pending) > 0:
		return yes(reasonRestarting, "%s", s.restartMessage())
	case len(s.growing) > 0:
		return yes(reasonResizingVolumes, "%s", list(s.growing))
	case len(s.notReady()) > 0:
		return yes(reasonPodsStarting, "not ready: %s", list(s.notReady()))
	default:
		return no(reasonComplete, "the cluster is as the spec asks")
	}
}

// rebalanced: all data is where the ring wants it. One node that is away for a
// moment does not change that: the leaders say who holds what.
func (s situation) rebalanced() verdict {
	p := s.plane
	switch {
	case p == nil:
		return s.notObserved()
	case !p.Initialized:
		return no(reasonStarting, "%s", s.startingMessage())
	case p.Progress.Active && s.stuck() != nil:
		return no(string(s.stuck().Reason), "%s", s.stuck().Message)
	case p.Progress.Active && s.paused && p.Progress.Running == 0:
		return no(reasonPaused, "%d moves wait: spec.rebalance.paused is set", p.Progress.MovesTotal-p.Progress.MovesDone)
	case p.Progress.Active || p.Progress.Cleanups > 0:
		return no(reasonMoving, "%s", s.movingMessage())
	case s.stuck() != nil:
		return no(string(s.stuck().Reason), "%s", s.stuck().Message)
	case s.has(cluster.MemberLost):
		return no(reasonVolumeLost, "copies of %s are made anew", list(s.names(cluster.MemberLost)))
	case s.replicas > s.wanted || s.has(cluster.MemberLeaving):
		return no(reasonScalingIn, "%d nodes are wanted, %d have a pod%s", s.wanted, s.replicas, s.keptMessage())
	case len(s.joining()) > 0:
		return no(reasonScalingOut, "not yet members: %s", list(s.joining()))
	case !p.Health.AllAvailable() && !s.electing:
		return unknown(reasonNodesUnreachable, "who holds %d of %d partitions is not known: they have no leader that answers", p.Health.Partitions-p.Health.Available, p.Health.Partitions)
	default:
		return yes(reasonBalanced, "every partition is where the ring wants it (epoch %d)", p.Epoch)
	}
}

// degraded: something is wrong that does not go away by finishing what is under
// way.
func (s situation) degraded() verdict {
	p := s.plane
	switch {
	case s.deleting:
		return no(reasonDeleting, "the cluster is being deleted")
	case len(s.refusals) > 0:
		return yes(s.refusals[0].reason, "%s", s.refusals[0].message)
	case p == nil && s.planeErr != "":
		return yes(string(coordinator.ReasonRecordUnreadable), "%s", s.planeErr)
	case p == nil:
		return s.notObserved()
	case s.stuck() != nil:
		return yes(string(s.stuck().Reason), "%s", s.stuck().Message)
	case !p.Initialized && len(s.down()) > 0:
		return yes(reasonNodesDown, "%s", list(s.down()))
	case !p.Initialized:
		return no(reasonStarting, "%s", s.startingMessage())
	}
	switch available := s.available(); available.status {
	case metav1.ConditionFalse:
		return yes(available.reason, "%s", available.message)
	case metav1.ConditionUnknown:
		return unknown(available.reason, "%s", available.message)
	}
	switch {
	case s.has(cluster.MemberLost):
		return yes(reasonVolumeLost, "the volume of %s is lost; its copies are made anew from the others", list(s.names(cluster.MemberLost)))
	case len(s.down()) > 0:
		return yes(reasonNodesDown, "%s", list(s.down()))
	case len(s.problems()) > 0:
		return yes(reasonNodeProblems, "%s", list(s.problems()))
	default:
		return no(reasonAsExpected, "nothing is wrong")
	}
}

func (s situation) notObserved() verdict {
	if s.planeErr != "" {
		return unknown(string(coordinator.ReasonRecordUnreadable), "%s", s.planeErr)
	}
	return unknown(reasonNotObserved, "the operator has not looked at the nodes yet")
}

// stuck is the first thing that stands in the way and does not go away by
// waiting; nil when nothing does.
func (s situation) stuck() *coordinator.Blocked {
	for i, b := range s.plane.Blocked {
		switch b.Reason {
		case coordinator.ReasonWaitingForNodes, coordinator.ReasonUnavailable, coordinator.ReasonNodeUnknown, coordinator.ReasonPaused:
		default:
			return &s.plane.Blocked[i]
		}
	}
	return nil
}

// cutOff says which members do not answer the operator although the kubelet
// calls their pods ready, so that it may be the operator who is cut off; empty
// when there are none.
func (s situation) cutOff() string {
	var names []string
	for _, m := range s.plane.Members {
		if m.State == "" || m.Up {
			continue
		}
		for _, pod := range s.pods {
			if pod.Name == m.Name && podReady(pod) && pod.DeletionTimestamp == nil {
				names = append(names, m.Name+": "+m.Problem)
			}
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "ready, but not seen by the operator: " + list(names)
}

func (s situation) anyUp() bool {
	return slices.ContainsFunc(s.plane.Members, func(m coordinator.MemberStatus) bool { return m.Up })
}

// because is what the coordinator says it waits for, as the end of a sentence.
func (s situation) because() string {
	if len(s.plane.Blocked) == 0 {
		return ""
	}
	return ": " + s.plane.Blocked[0].Message
}

func (s situation) startingMessage() string {
	if len(s.plane.Blocked) > 0 {
		return s.plane.Blocked[0].Message
	}
	return fmt.Sprintf("the cluster starts: %d of %d pods exist", len(s.pods), s.replicas)
}

func (s situation) movingMessage() string {
	p := s.plane.Progress
	if !p.Active {
		return fmt.Sprintf("%d former copies are still to be deleted", p.Cleanups)
	}
	return fmt.Sprintf("%d of %d moves are done%s%s", p.MovesDone, p.MovesTotal, causes(p.ByCause), s.because())
}

// keptMessage says why the highest pod cannot go yet, as the end of a sentence.
func (s situation) keptMessage() string {
	for _, r := range s.plane.Kept {
		if why := coordinator.Why(r.Proof); why != "" {
			return "; " + r.Seat + " stays until proven empty: " + why
		}
	}
	return ""
}

func (s situation) restartMessage() string {
	message := "to be restarted: " + list(s.restart.pending)
	if s.restart.waiting != "" {
		message += "; waiting, since " + s.restart.waiting
	}
	return message
}

// names are the seats of the members in that state.
func (s situation) names(state cluster.MemberState) (out []string) {
	for _, m := range s.plane.Members {
		if m.State == state {
			out = append(out, m.Name)
		}
	}
	return out
}

func (s situation) has(state cluster.MemberState) bool { return len(s.names(state)) > 0 }

// joining are the wanted pods that no active member of the map stands for.
func (s situation) joining() (out []string) {
	active := s.names(cluster.MemberActive)
	for _, m := range s.plane.Members {
		if m.State == "" && !slices.Contains(active, m.Name) && ordinalBelow(m.Name, s.wanted) {
			out = append(out, m.Name)
		}
	}
	return out
}

// ordinalBelow tells whether the pod's ordinal, whatever its cluster, is below n.
func ordinalBelow(pod string, n int) bool {
	i := strings.LastIndex(pod, "-")
	ordinal, ok := objects.Ordinal(pod[:max(i, 0)], pod)
	return ok && ordinal < n
}

func (s situation) notReady() (out []string) {
	for _, pod := range s.pods {
		if !podReady(pod) || pod.DeletionTimestamp != nil {
			out = append(out, pod.Name)
		}
	}
	slices.Sort(out)
	return out
}

// down are the nodes that do not answer and whose pods are not merely being
// started or replaced, with what is wrong.
func (s situation) down() (out []string) {
	for _, m := range s.plane.Members {
		if m.State == cluster.MemberLost || m.Up {
			continue
		}
		for _, pod := range s.pods {
			if pod.Name == m.Name && !onItsWay(pod) {
				out = append(out, m.Name+": "+m.Problem+podTrouble(pod))
			}
		}
	}
	return out
}

// onItsWay tells whether a pod is being replaced, or is being started for the
// first time with nothing in its way so far.
func onItsWay(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp != nil || !podReady(pod) && podTrouble(pod) == ""
}

// podTrouble says what keeps a pod from running, as the end of a sentence;
// empty when nothing is known to.
func podTrouble(pod *corev1.Pod) string {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			return "; the pod cannot be scheduled: " + c.Message
		}
	}
	for _, c := range pod.Status.ContainerStatuses {
		switch w := c.State.Waiting; {
		case w != nil && w.Reason != "ContainerCreating" && w.Reason != "PodInitializing":
			return "; " + strings.TrimSuffix(w.Reason+": "+w.Message, ": ")
		case c.RestartCount > 0 && !c.Ready:
			return fmt.Sprintf("; the container was restarted %d times", c.RestartCount)
		}
	}
	return ""
}

// problems are what the nodes themselves complain of.
func (s situation) problems() (out []string) {
	for _, m := range s.plane.Members {
		for _, p := range m.Problems {
			out = append(out, m.Name+": "+p)
		}
	}
	return out
}

// causes lists why there are moves: " (Balance 12, Repair 3)".
func causes(by map[coordinator.Cause]int) string {
	var out []string
	for _, c := range []coordinator.Cause{coordinator.CauseRepair, coordinator.CauseReplication, coordinator.CauseScaleIn, coordinator.CauseBalance} {
		if n := by[c]; n > 0 {
			out = append(out, fmt.Sprintf("%s %d", c, n))
		}
	}
	if len(out) == 0 {
		return ""
	}
	return " (left: " + strings.Join(out, ", ") + ")"
}

// list joins items for a message, the first few of them.
func list(items []string) string {
	const most = 5
	if len(items) > most+1 {
		return fmt.Sprintf("%s and %d more", strings.Join(items[:most], "; "), len(items)-most)
	}
	return strings.Join(items, "; ")
}
