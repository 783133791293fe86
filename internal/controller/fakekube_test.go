package controller

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ringkv/ringkv/internal/controller/objects"
	"github.com/ringkv/ringkv/internal/kv/coordinator"
	"github.com/ringkv/ringkv/internal/kv/coordinator/coordtest"
)

// fakeKube plays what an API server alone does not have, for one namespace: the
// StatefulSet controller, the scheduler, the kubelet, the volume provisioner and
// the disruption controller. A pod that runs is a simulated node.
type fakeKube struct {
	ns   string
	data *coordtest.Cluster

	mu            sync.Mutex
	unschedulable map[string]bool // pods that find no place
	badImages     map[string]bool // images that cannot be pulled
	restarts      []string        // pods that were stopped, in order
	mostStopped   int             // most pods that were not ready at a time, since watchReady
	watching      bool
}

// zones are those of the Kubernetes nodes worker-0, worker-1 and worker-2.
var zones = []string{"zone-a", "zone-b", "zone-c"}

func workerOf(ordinal int) string { return fmt.Sprintf("worker-%d", ordinal%len(zones)) }

func newFakeKube(ns string) *fakeKube {
	return &fakeKube{ns: ns, data: coordtest.New(), unschedulable: map[string]bool{}, badImages: map[string]bool{}}
}

// run plays until ctx ends.
func (k *fakeKube) run(ctx context.Context) {
	defer GinkgoRecover()
	for ctx.Err() == nil {
		if err := k.step(ctx); err != nil && ctx.Err() == nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) && !apierrors.IsAlreadyExists(err) {
			Fail(fmt.Sprintf("the fake Kubernetes fails: %v", err))
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (k *fakeKube) step(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	in := client.InNamespace(k.ns)
	var sets appsv1.StatefulSetList
	var pods corev1.PodList
	var claims corev1.PersistentVolumeClaimList
	var budgets policyv1.PodDisruptionBudgetList
	for _, l := range []client.ObjectList{&sets, &pods, &claims, &budgets} {
		if err := api.List(ctx, l, in); err != nil {
			return err
		}
	}
	for i := range claims.Items {
		if err := k.volume(ctx, &claims.Items[i], pods.Items); err != nil {
			return err
		}
	}
	ready := 0
	for i := range pods.Items {
		ok, err := k.kubelet(ctx, &pods.Items[i], sets.Items)
		if err != nil {
			return err
		}
		if ok {
			ready++
		}
	}
	if k.watching {
		k.mostStopped = max(k.mostStopped, len(pods.Items)-ready)
	}
	for i := range sets.Items {
		if err := k.statefulSet(ctx, &sets.Items[i], pods.Items, claims.Items, ready); err != nil {
			return err
		}
	}
	for i := range budgets.Items {
		if err := k.budget(ctx, &budgets.Items[i], len(pods.Items), ready); err != nil {
			return err
		}
	}
	return nil
}

// statefulSet makes and deletes pods, as with parallel pod management.
func (k *fakeKube) statefulSet(ctx context.Context, sts *appsv1.StatefulSet, pods []corev1.Pod, claims []corev1.PersistentVolumeClaim, ready int) error {
	have := map[string]bool{}
	for i := range pods {
		have[pods[i].Name] = true
		if n, ok := objects.Ordinal(sts.Name, pods[i].Name); ok && n >= int(*sts.Spec.Replicas) && pods[i].DeletionTimestamp == nil {
			if err := api.Delete(ctx, &pods[i]); err != nil {
				return err
			}
		}
	}
	for i := range int(*sts.Spec.Replicas) {
		if name := objects.PodName(sts.Name, i); !have[name] {
			if err := k.makePod(ctx, sts, i, claims); err != nil {
				return err
			}
		}
	}
	status := appsv1.StatefulSetStatus{
		ObservedGeneration: sts.Generation, Replicas: int32(len(pods)), ReadyReplicas: int32(ready),
		UpdateRevision: revision(sts), CurrentRevision: revision(sts),
	}
	if equality.Semantic.DeepEqual(sts.Status, status) {
		return nil
	}
	sts.Status = status
	return api.Status().Update(ctx, sts)
}

func revision(sts *appsv1.StatefulSet) string {
	b, err := json.Marshal(sts.Spec.Template)
	Expect(err).NotTo(HaveOccurred())
	sum := sha256.Sum256(b)
	return sts.Name + "-" + hex.EncodeToString(sum[:5])
}

func (k *fakeKube) makePod(ctx context.Context, sts *appsv1.StatefulSet, ordinal int, claims []corev1.PersistentVolumeClaim) error {
	template := sts.Spec.VolumeClaimTemplates[0]
	claimName := objects.ClaimName(sts.Name, ordinal)
	i := slices.IndexFunc(claims, func(c corev1.PersistentVolumeClaim) bool { return c.Name == claimName })
	switch {
	case i >= 0 && claims[i].DeletionTimestamp != nil:
		return nil // the pod waits until the old claim is gone
	case i < 0:
		claim := &corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Namespace: k.ns, Name: claimName, Labels: template.Labels},
			Spec:       template.Spec,
		}
		if err := api.Create(ctx, claim); err != nil {
			return err
		}
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: k.ns, Name: objects.PodName(sts.Name, ordinal),
			Labels: maps.Clone(sts.Spec.Template.Labels), Annotations: sts.Spec.Template.Annotations,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(sts, appsv1.SchemeGroupVersion.WithKind("StatefulSet"))},
		},
		Spec: *sts.Spec.Template.Spec.DeepCopy(),
	}
	pod.Labels[appsv1.ControllerRevisionHashLabelKey] = revision(sts)
	pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: template.Name, VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claimName}}})
	return api.Create(ctx, pod)
}

// kubelet brings one pod a step on and tells whether it is ready. It also
// schedules, and collects pods whose StatefulSet is gone.
func (k *fakeKube) kubelet(ctx context.Context, pod *corev1.Pod, sets []appsv1.StatefulSet) (bool, error) {
	ownerGone := !slices.ContainsFunc(sets, func(s appsv1.StatefulSet) bool { return s.UID == metav1.GetControllerOf(pod).UID })
	switch {
	case pod.DeletionTimestamp != nil:
		k.restarts = append(k.restarts, pod.Name)
		if k.data.NodeID(pod.Name) != "" {
			k.data.Stop(pod.Name)
		}
		return false, api.Delete(ctx, pod, client.GracePeriodSeconds(0))
	case ownerGone:
		return false, api.Delete(ctx, pod)
	case pod.Spec.NodeName == "" && k.unschedulable[pod.Name]:
		return false, k.podStatus(ctx, pod, corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{
			Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: "no worker has room"}}})
	case pod.Spec.NodeName == "":
		n, _ := objects.Ordinal(pod.Labels[objects.LabelInstance], pod.Name)
		return false, api.SubResource("binding").Create(ctx, pod, &corev1.Binding{Target: corev1.ObjectReference{Kind: "Node", Name: workerOf(n)}})
	case k.badImages[pod.Spec.Containers[0].Image]:
		return false, k.podStatus(ctx, pod, corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{
			Name: objects.ContainerName, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}}}})
	}
	if pod.Status.Phase != corev1.PodRunning {
		k.data.AddNode(pod.Name, "")
	}
	status, err := k.data.Dial(coordinator.Seat{Name: pod.Name}).Status(ctx)
	ready := err == nil && status.ClusterID != ""
	if errors.Is(err, context.DeadlineExceeded) {
		ready = podReady(pod) // the operator is cut off, not the kubelet
	}
	return ready, k.podStatus(ctx, pod, corev1.PodStatus{
		Phase: corev1.PodRunning, PodIP: "10.0.0.1", PodIPs: []corev1.PodIP{{IP: "10.0.0.1"}},
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: conditionStatus(ready)}},
		ContainerStatuses: []corev1.ContainerStatus{{Name: objects.ContainerName, Ready: ready, Started: ptr.To(true),
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}},
	})
}

func conditionStatus(ok bool) corev1.ConditionStatus {
	if ok {
		return corev1.ConditionTrue
	}
	return corev1.ConditionFalse
}

func (k *fakeKube) podStatus(ctx context.Context, pod *corev1.Pod, status corev1.PodStatus) error {
	status.QOSClass = pod.Status.QOSClass
	if equality.Semantic.DeepEqual(pod.Status, status) {
		return nil
	}
	pod.Status = status
	return api.Status().Update(ctx, pod)
}

// volume binds claims of scheduled pods, grows them when asked, and deletes them
// with their data when nothing uses them.
func (k *fakeKube) volume(ctx context.Context, claim *corev1.PersistentVolumeClaim, pods []corev1.Pod) error {
	i := slices.IndexFunc(pods, func(p corev1.Pod) bool { return "data-"+p.Name == claim.Name })
	switch {
	case claim.DeletionTimestamp != nil && i < 0:
		k.data.RemoveNode(claim.Name[len("data-"):])
		claim.Finalizers = nil
		return api.Update(ctx, claim)
	case claim.DeletionTimestamp != nil:
		return nil
	case claim.Spec.VolumeName == "" && i >= 0 && pods[i].Spec.NodeName != "":
		claim.Spec.VolumeName = "pv-" + string(claim.UID)
		return api.Update(ctx, claim)
	case claim.Spec.VolumeName != "" && !claim.Status.Capacity.Storage().Equal(*claim.Spec.Resources.Requests.Storage()):
		claim.Status.Phase = corev1.ClaimBound
		claim.Status.Capacity = corev1.ResourceList{corev1.ResourceStorage: *claim.Spec.Resources.Requests.Storage()}
		return api.Status().Update(ctx, claim)
	}
	return nil
}

func (k *fakeKube) budget(ctx context.Context, b *policyv1.PodDisruptionBudget, pods, ready int) error {
	status := policyv1.PodDisruptionBudgetStatus{
		ObservedGeneration: b.Generation, CurrentHealthy: int32(ready), DesiredHealthy: int32(max(0, pods-1)), ExpectedPods: int32(pods),
		DisruptionsAllowed: int32(max(0, ready-max(0, pods-1))), Conditions: b.Status.Conditions,
	}
	if equality.Semantic.DeepEqual(b.Status, status) {
		return nil
	}
	b.Status = status
	return api.Status().Update(ctx, b)
}

// set changes how the fake behaves.
func (k *fakeKube) set(change func(k *fakeKube)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change(k)
}
