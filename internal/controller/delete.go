package controller

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/ringkv/ringkv/api/v1alpha1"
	"github.com/ringkv/ringkv/internal/controller/objects"
)

// delete cleans up behind a KVCluster that is being deleted:
//
//	storage.whenDeleted   volumes                   record
//	Retain                stay                      stays, without its owner
//	Delete                deleted when their pods   deleted
//	                      are gone
//
// Volumes and record stay or go together: a KVCluster of the same name takes
// both up again, and a record without volumes would keep it from starting. The
// StatefulSet goes first, so that nothing makes new volumes; Services and the
// like go with their owner.
func (r *Reconciler) delete(ctx context.Context, s *scope) error {
	r.planes.stop(s.key())
	if !controllerutil.ContainsFinalizer(s.kvc, finalizer) {
		s.skipStatus = true
		return nil
	}
	if err := r.observe(ctx, s); err != nil {
		return err
	}
	for _, o := range []client.Object{orNil(s.account), orNil(s.headless), orNil(s.service), orNil(s.budget), orNil(s.statefulSet)} {
		if o != nil {
			r.applier.forget(o.GetUID())
		}
	}
	if s.statefulSet != nil {
		if s.statefulSet.DeletionTimestamp == nil {
			err := r.Delete(ctx, s.statefulSet, client.PropagationPolicy(metav1.DeletePropagationBackground), client.Preconditions{UID: &s.statefulSet.UID})
			if client.IgnoreNotFound(err) != nil {
				return fmt.Errorf("delete StatefulSet %s: %w", s.statefulSet.Name, err)
			}
		}
		s.requeueAfter = time.Second
		return nil // its end wakes us
	}
	if s.kvc.Spec.Storage.WhenDeleted == v1alpha1.Delete {
		if err := r.deleteData(ctx, s); err != nil {
			return err
		}
	} else if err := r.keepRecord(ctx, s); err != nil {
		return err
	}
	before := s.kvc.DeepCopy()
	controllerutil.RemoveFinalizer(s.kvc, finalizer)
	if err := r.Patch(ctx, s.kvc, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
		return client.IgnoreNotFound(fmt.Errorf("remove the finalizer: %w", err))
	}
	s.skipStatus = true
	return nil
}

// deleteData deletes volumes and record. Claims that a pod still uses go when
// the pod does.
func (r *Reconciler) deleteData(ctx context.Context, s *scope) error {
	for _, claim := range s.claims {
		if claim.DeletionTimestamp != nil {
			continue
		}
		if err := r.Delete(ctx, claim, client.Preconditions{UID: &claim.UID}); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("delete volume claim %s: %w", claim.Name, err)
		}
	}
	record, err := r.record(ctx, s)
	if err != nil || record == nil {
		return err
	}
	if err := r.Delete(ctx, record, client.Preconditions{UID: &record.UID}); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete ConfigMap %s: %w", record.Name, err)
	}
	r.event(s, corev1.EventTypeNormal, "DataDeleted", "Delete", "%d volumes and the cluster's record are deleted (storage.whenDeleted is Delete)", len(s.claims))
	return nil
}

// keepRecord takes the owner off the record, so that it outlives the KVCluster.
func (r *Reconciler) keepRecord(ctx context.Context, s *scope) error {
	record, err := r.record(ctx, s)
	if err != nil || record == nil || len(record.OwnerReferences) == 0 {
		return err
	}
	before := record.DeepCopy()
	record.OwnerReferences = nil
	if err := r.Patch(ctx, record, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
		return fmt.Errorf("keep ConfigMap %s: %w", record.Name, err)
	}
	r.event(s, corev1.EventTypeNormal, "DataRetained", "Delete", "%d volumes and the cluster's record stay (storage.whenDeleted is Retain): a KVCluster of this name takes them up again", len(s.claims))
	return nil
}

// record reads the record's ConfigMap if it is this cluster's; nil without one.
func (r *Reconciler) record(ctx context.Context, s *scope) (*corev1.ConfigMap, error) {
	var cm corev1.ConfigMap
	err := r.Reader.Get(ctx, types.NamespacedName{Namespace: s.kvc.Namespace, Name: objects.RecordName(s.kvc.Name)}, &cm)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read ConfigMap %s: %w", objects.RecordName(s.kvc.Name), err)
	}
	if ref := metav1.GetControllerOf(&cm); ref != nil && ref.UID != s.kvc.UID || ref == nil && !hasLabels(&cm, objects.Labels(s.kvc)) {
		return nil, nil
	}
	return &cm, nil
}
