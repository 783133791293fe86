package controller

import (
	"fmt"
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/ringkv/ringkv/internal/controller/objects"
	"github.com/ringkv/ringkv/internal/kv/coordinator"
)

// restart is what to do next to bring all pods to the StatefulSet's template.
type restart struct {
	pod *corev1.Pod // to be replaced now; nil for none
	// broken pods are deleted: they serve nothing. Others are evicted, so that
	// the disruption budget holds against a drain at the same moment. Either
	// way the node gives its leaderships away before it stops.
	broken bool
	// pending are the pods that still run an older template.
	pending []string
	// waiting says what the next restart waits for.
	waiting string
}

// planRestart chooses the next pod to be replaced, at most one:
//
//	pod's template  pod             all others           then
//	current         -               -                    nothing
//	older           being deleted   -                    wait until it is back
//	older           broken          -                    delete it, it cannot get worse
//	older           serves          all ready, and every evict the one with the
//	                                partition full       highest ordinal
//	older           serves          otherwise            wait
//
// Broken is a pod that is not ready by the kubelet's word and does not answer
// the operator either: one observer alone may be the one that is cut off.
func planRestart(sts *appsv1.StatefulSet, pods map[int]*corev1.Pod, plane *coordinator.Result) restart {
	var out restart
	if sts == nil || sts.Status.ObservedGeneration < sts.Generation || sts.Status.UpdateRevision == "" {
		return out // the StatefulSet does not know its own template yet
	}
	ordinals := slices.Sorted(maps.Keys(pods))
	slices.Reverse(ordinals)
	var old []*corev1.Pod
	var unfit string
	for _, n := range ordinals {
		pod := pods[n]
		outdated := pod.Labels[appsv1.ControllerRevisionHashLabelKey] != sts.Status.UpdateRevision
		if outdated {
			out.pending = append(out.pending, pod.Name)
		}
		switch {
		case pod.DeletionTimestamp != nil:
			unfit = pod.Name + " is stopping"
		case !podReady(pod):
			unfit = pod.Name + " is not ready"
			if outdated && !answers(plane, pod.Name) && out.pod == nil {
				out.pod, out.broken = pod, true
			}
		case outdated:
			old = append(old, pod)
		}
	}
	slices.Reverse(out.pending)
	switch {
	case out.pod != nil || len(old) == 0:
	case unfit != "":
		out.waiting = unfit
	case sts.Spec.Replicas != nil && len(pods) < int(*sts.Spec.Replicas):
		out.waiting = fmt.Sprintf("%d of %d pods exist", len(pods), *sts.Spec.Replicas)
	case plane == nil || !plane.Health.AllFull():
		out.waiting = "not every partition has its full set of caught-up replicas"
	default:
		out.pod = old[0]
	}
	return out
}

// answers tells whether the node of a pod answers the coordinator.
func answers(plane *coordinator.Result, pod string) bool {
	return plane != nil && slices.ContainsFunc(plane.Members, func(m coordinator.MemberStatus) bool { return m.Name == pod && m.Up })
}

// podReady tells whether the kubelet calls the pod ready.
func podReady(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// byOrdinal sorts pods and claims of a cluster by their ordinal. Names of
// another form are left out.
func byOrdinal[T any](items []T, name func(*T) string, ordinal func(string) (int, bool)) map[int]*T {
	out := map[int]*T{}
	for i := range items {
		if n, ok := ordinal(name(&items[i])); ok {
			out[n] = &items[i]
		}
	}
	return out
}

func podsByOrdinal(cluster string, pods []corev1.Pod) map[int]*corev1.Pod {
	return byOrdinal(pods, func(p *corev1.Pod) string { return p.Name },
		func(name string) (int, bool) { return objects.Ordinal(cluster, name) })
}

func claimsByOrdinal(cluster string, claims []corev1.PersistentVolumeClaim) map[int]*corev1.PersistentVolumeClaim {
	return byOrdinal(claims, func(c *corev1.PersistentVolumeClaim) string { return c.Name },
		func(name string) (int, bool) { return objects.ClaimOrdinal(cluster, name) })
}
