package controller

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ringkv/ringkv/internal/controller/objects"
)

// settleClaims marks the volumes of nodes that leave, before the StatefulSet is
// made smaller, and deletes marked ones whose pods are gone. See decideClaim.
func (r *Reconciler) settleClaims(ctx context.Context, s *scope) error {
	if s.plane == nil {
		return nil // nothing is known, so nothing is done
	}
	members := map[int]bool{}
	for _, n := range memberOrdinals(s.kvc.Name, s.plane.Members) {
		members[n] = true
	}
	for ordinal, claim := range s.claims {
		if claim.DeletionTimestamp != nil {
			continue
		}
		state := claimState{
			ordinal: ordinal, replicas: s.replicas, live: s.liveReplicas(),
			marked: claim.Annotations[annotationLeft] != "", podGone: s.pods[ordinal] == nil,
			member: members[ordinal], policy: s.kvc.Spec.Storage.WhenScaled,
		}
		for i := range s.departures {
			if s.departures[i].ordinal == ordinal {
				state.leaves = &s.departures[i]
			}
		}
		var err error
		switch decideClaim(state) {
		case claimMark:
			proof := fmt.Sprintf("epoch %d: %s", s.plane.Epoch, state.leaves.why)
			err = r.annotateClaim(ctx, claim, &proof)
		case claimUnmark:
			err = r.annotateClaim(ctx, claim, nil)
		case claimDelete:
			err = r.deleteClaim(ctx, s, ordinal, claim)
		}
		if err != nil {
			return fmt.Errorf("volume claim %s: %w", claim.Name, err)
		}
	}
	return nil
}

// annotateClaim sets annotationLeft, or takes it off when proof is nil. It fails
// if the claim is not the one that was looked at.
func (r *Reconciler) annotateClaim(ctx context.Context, claim *corev1.PersistentVolumeClaim, proof *string) error {
	before := claim.DeepCopy()
	if proof == nil {
		delete(claim.Annotations, annotationLeft)
	} else {
		if claim.Annotations == nil {
			claim.Annotations = map[string]string{}
		}
		claim.Annotations[annotationLeft] = *proof
	}
	return r.Patch(ctx, claim, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
}

// deleteClaim deletes a marked claim. That its pod is gone and the StatefulSet
// smaller is looked up again without the cache, which may be behind.
func (r *Reconciler) deleteClaim(ctx context.Context, s *scope, ordinal int, claim *corev1.PersistentVolumeClaim) error {
	pod, err := find(ctx, r.Reader, &corev1.Pod{}, s.kvc.Namespace, objects.PodName(s.kvc.Name, ordinal))
	if err != nil || pod != nil {
		return err
	}
	sts, err := find(ctx, r.Reader, &appsv1.StatefulSet{}, s.kvc.Namespace, objects.StatefulSetName(s.kvc.Name))
	if err != nil || sts == nil || sts.Spec.Replicas == nil || int(*sts.Spec.Replicas) > ordinal {
		return err
	}
	err = r.Delete(ctx, claim, client.Preconditions{UID: &claim.UID, ResourceVersion: &claim.ResourceVersion})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	r.event(s, corev1.EventTypeNormal, "VolumeDeleted", "ScaleIn", "%s is deleted (storage.whenScaled is Delete); %s", claim.Name, claim.Annotations[annotationLeft])
	return nil
}

// growVolumes asks for larger volumes where storage.size grew.
func (r *Reconciler) growVolumes(ctx context.Context, s *scope) error {
	wanted := s.kvc.Spec.Storage.Size
	if wanted.IsZero() {
		return nil
	}
	classes := map[string]bool{} // whether volumes of the class may grow
	for ordinal := range s.replicas {
		claim := s.claims[ordinal]
		if claim == nil {
			continue
		}
		class := ptr.Deref(claim.Spec.StorageClassName, "")
		asked := claim.Spec.Resources.Requests[corev1.ResourceStorage]
		if _, known := classes[class]; !known && asked.Cmp(wanted) < 0 {
			var err error
			if classes[class], err = r.expandable(ctx, class); err != nil {
				return err
			}
		}
		g := decideGrowth(claim, wanted, classes[class])
		if g.refused != "" {
			s.refuse(reasonStorageRefused, g.refused)
			continue
		}
		if g.grow {
			before := claim.DeepCopy()
			claim.Spec.Resources.Requests[corev1.ResourceStorage] = wanted
			if err := r.Patch(ctx, claim, client.MergeFrom(before)); err != nil {
				r.explain(s, err)
				return fmt.Errorf("grow volume claim %s: %w", claim.Name, err)
			}
			r.event(s, corev1.EventTypeNormal, "VolumeGrows", "Resize", "%s", g.waiting)
		}
		if g.waiting != "" {
			s.growing = append(s.growing, g.waiting)
		}
	}
	return nil
}

// expandable tells whether volumes of a class may grow.
func (r *Reconciler) expandable(ctx context.Context, class string) (bool, error) {
	if class == "" {
		return false, nil
	}
	var sc storagev1.StorageClass
	if err := r.Reader.Get(ctx, types.NamespacedName{Name: class}, &sc); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	return ptr.Deref(sc.AllowVolumeExpansion, false), nil
}
