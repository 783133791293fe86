package controller

import (
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/ringkv/ringkv/internal/kv/coordinator"
)

// rolling is three pods, of which those named run an older template.
func rolling(old ...string) (*appsv1.StatefulSet, map[int]*corev1.Pod, *coordinator.Result) {
	sts := &appsv1.StatefulSet{Spec: appsv1.StatefulSetSpec{Replicas: ptr.To[int32](3)}, Status: appsv1.StatefulSetStatus{UpdateRevision: "new"}}
	plane := &coordinator.Result{Health: coordinator.Health{Partitions: 64, Available: 64, Full: 64}}
	pods := map[int]*corev1.Pod{}
	for i, name := range []string{"demo-0", "demo-1", "demo-2"} {
		pods[i] = pod(name)
		pods[i].Labels = map[string]string{appsv1.ControllerRevisionHashLabelKey: "new"}
		for _, o := range old {
			if o == name {
				pods[i].Labels[appsv1.ControllerRevisionHashLabelKey] = "old"
			}
		}
		plane.Members = append(plane.Members, coordinator.MemberStatus{Name: name, Up: true})
	}
	return sts, pods, plane
}

func TestPodsAreReplacedOneAtATimeWhenEverythingIsWell(t *testing.T) {
	all := []string{"demo-0", "demo-1", "demo-2"}
	for name, c := range map[string]struct {
		old     []string
		change  func(*appsv1.StatefulSet, map[int]*corev1.Pod, *coordinator.Result)
		replace string // the pod to be replaced
		broken  bool
		waiting string
	}{
		"nothing to do":             {nil, nil, "", false, ""},
		"the highest ordinal first": {all, nil, "demo-2", false, ""},
		"then the next":             {[]string{"demo-0", "demo-1"}, nil, "demo-1", false, ""},
		"another pod is not ready":  {[]string{"demo-0"}, func(_ *appsv1.StatefulSet, p map[int]*corev1.Pod, _ *coordinator.Result) { starting(p[2]) }, "", false, "demo-2 is not ready"},
		"another pod is stopping":   {[]string{"demo-0"}, func(_ *appsv1.StatefulSet, p map[int]*corev1.Pod, _ *coordinator.Result) { stopping(p[2]) }, "", false, "demo-2 is stopping"},
		"a pod is missing":          {[]string{"demo-0"}, func(_ *appsv1.StatefulSet, p map[int]*corev1.Pod, _ *coordinator.Result) { delete(p, 2) }, "", false, "2 of 3 pods exist"},
		"a partition is not full":   {all, func(_ *appsv1.StatefulSet, _ map[int]*corev1.Pod, d *coordinator.Result) { d.Health.Full = 63 }, "", false, "not every partition has its full set of caught-up replicas"},
		"nothing is known": {all, func(_ *appsv1.StatefulSet, _ map[int]*corev1.Pod, d *coordinator.Result) {
			d.Health = coordinator.Health{}
		}, "", false, "not every partition has its full set of caught-up replicas"},
		"the set has yet to look": {all, func(s *appsv1.StatefulSet, _ map[int]*corev1.Pod, _ *coordinator.Result) { s.Generation = 2 }, "", false, ""},
		"the set knows no revision": {all, func(s *appsv1.StatefulSet, _ map[int]*corev1.Pod, _ *coordinator.Result) {
			s.Status.UpdateRevision = ""
		}, "", false, ""},
		"it starts, and answers yet": {[]string{"demo-1"}, func(_ *appsv1.StatefulSet, p map[int]*corev1.Pod, _ *coordinator.Result) { starting(p[1]) }, "", false, ""},
		"it is broken: at once": {all, func(_ *appsv1.StatefulSet, p map[int]*corev1.Pod, d *coordinator.Result) {
			crashing(p[1])
			d.Members[1].Up, d.Health.Full = false, 0
		}, "demo-1", true, ""},
		"a pod of the new template is broken": {[]string{"demo-0", "demo-1"}, func(_ *appsv1.StatefulSet, p map[int]*corev1.Pod, d *coordinator.Result) {
			crashing(p[2])
			d.Members[2].Up = false
		}, "", false, "demo-2 is not ready"},
		"ready by the kubelet, silent for us": {all, func(_ *appsv1.StatefulSet, _ map[int]*corev1.Pod, d *coordinator.Result) {
			d.Members[2].Up, d.Health.Full = false, 0
		}, "", false, "not every partition has its full set of caught-up replicas"},
	} {
		t.Run(name, func(t *testing.T) {
			sts, pods, plane := rolling(c.old...)
			if c.change != nil {
				c.change(sts, pods, plane)
			}
			got := planRestart(sts, pods, plane)
			if c.replace == "" {
				require.Nil(t, got.pod)
			} else {
				require.NotNil(t, got.pod)
				require.Equal(t, c.replace, got.pod.Name)
			}
			require.Equal(t, c.broken, got.broken)
			require.Equal(t, c.waiting, got.waiting)
		})
	}
	t.Run("nobody looked at the nodes", func(t *testing.T) {
		sts, pods, _ := rolling(all...)
		require.Nil(t, planRestart(sts, pods, nil).pod)
	})
}
