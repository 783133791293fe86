package controller

import (
	"context"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/ringkv/ringkv/internal/controller/objects"
)

// finalizer lets the operator clean up before a KVCluster goes.
const finalizer = "ringkv.dev/cleanup"

func (r *Reconciler) addFinalizer(ctx context.Context, s *scope) error {
	if controllerutil.ContainsFinalizer(s.kvc, finalizer) {
		return nil
	}
	before := s.kvc.DeepCopy()
	controllerutil.AddFinalizer(s.kvc, finalizer)
	if err := r.Patch(ctx, s.kvc, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
		s.skipStatus = true
		return fmt.Errorf("add the finalizer: %w", err)
	}
	return nil
}

// observe reads the live objects from the cache.
func (r *Reconciler) observe(ctx context.Context, s *scope) error {
	name := s.kvc.Name
	var err error
	if s.statefulSet, err = find(ctx, r, &appsv1.StatefulSet{}, s.kvc.Namespace, objects.StatefulSetName(name)); err != nil {
		return err
	}
	if s.headless, err = find(ctx, r, &corev1.Service{}, s.kvc.Namespace, objects.HeadlessName(name)); err != nil {
		return err
	}
	if s.service, err = find(ctx, r, &corev1.Service{}, s.kvc.Namespace, objects.ServiceName(name)); err != nil {
		return err
	}
	if s.account, err = find(ctx, r, &corev1.ServiceAccount{}, s.kvc.Namespace, objects.ServiceAccountName(name)); err != nil {
		return err
	}
	if s.budget, err = find(ctx, r, &policyv1.PodDisruptionBudget{}, s.kvc.Namespace, objects.DisruptionBudgetName(name)); err != nil {
		return err
	}
	return r.observePods(ctx, s)
}

// observePods reads pods and volume claims. Pods that carry the labels and are
// not the StatefulSet's are left out.
func (r *Reconciler) observePods(ctx context.Context, s *scope) error {
	mine := client.MatchingLabelsSelector{Selector: objects.Selector(s.kvc.Name)}
	var pods corev1.PodList
	if err := r.List(ctx, &pods, client.InNamespace(s.kvc.Namespace), mine); err != nil {
		return fmt.Errorf("list pods: %w", err)
	}
	owned := pods.Items[:0]
	for _, pod := range pods.Items {
		if ref := metav1.GetControllerOf(&pod); ref != nil && ref.Kind == "StatefulSet" && ref.Name == objects.StatefulSetName(s.kvc.Name) {
			owned = append(owned, pod)
		}
	}
	s.pods = podsByOrdinal(s.kvc.Name, owned)
	var claims corev1.PersistentVolumeClaimList
	if err := r.List(ctx, &claims, client.InNamespace(s.kvc.Namespace), mine); err != nil {
		return fmt.Errorf("list volume claims: %w", err)
	}
	s.claims = claimsByOrdinal(s.kvc.Name, claims.Items)
	return nil
}

// find reads an object; the zero value (nil) when there is none.
func find[T client.Object](ctx context.Context, r client.Reader, into T, namespace, name string) (T, error) {
	var none T
	err := r.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, into)
	if apierrors.IsNotFound(err) {
		return none, nil
	}
	if err != nil {
		kind := strings.TrimPrefix(fmt.Sprintf("%T", into), "*v1.")
		return none, fmt.Errorf("read %s %s: %w", kind, name, err)
	}
	return into, nil
}
