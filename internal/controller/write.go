package controller

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ringkv/ringkv/internal/controller/objects"
)

// decideSize sets how many pods there should be. Without a look at the nodes it
// is never less than there are.
func (r *Reconciler) decideSize(_ context.Context, s *scope) error {
	var members []int
	for _, seat := range s.seats {
		// Without a look at the nodes every seat may be a member's.
		if n, ok := objects.Ordinal(s.kvc.Name, seat.Name); ok && s.plane == nil {
			members = append(members, n)
		}
	}
	if s.plane != nil {
		members = memberOrdinals(s.kvc.Name, s.plane.Members)
		s.departures = departures(s.kvc.Name, s.seats, s.plane, s.pods, s.claims)
	}
	s.replicas = replicas(s.wanted(), s.liveReplicas(), members, s.departures)
	return nil
}

// applyObjects writes what the cluster consists of, the StatefulSet last.
func (r *Reconciler) applyObjects(ctx context.Context, s *scope) error {
	c := s.kvc
	var failures []error
	apply := func(live client.Object, config any) {
		if _, err := r.applier.apply(ctx, c.UID, live, config); err != nil {
			failures = append(failures, err)
		}
	}
	apply(orNil(s.account), objects.ServiceAccount(c))
	apply(orNil(s.headless), objects.HeadlessService(c))
	apply(orNil(s.service), objects.ClientService(c))
	if budget := objects.DisruptionBudget(c); budget != nil {
		apply(orNil(s.budget), budget)
	} else if s.budget != nil {
		if err := r.Delete(ctx, s.budget, client.Preconditions{UID: &s.budget.UID}); client.IgnoreNotFound(err) != nil {
			failures = append(failures, fmt.Errorf("delete PodDisruptionBudget %s: %w", s.budget.Name, err))
		}
	}
	apply(orNil(s.statefulSet), objects.StatefulSet(c, objects.StatefulSetInput{
		Replicas: int32(s.replicas), Image: r.image(s), TLS: s.tls, VolumeSize: s.volumeSize(),
	}))
	if err := errors.Join(failures...); err != nil {
		r.explain(s, err)
		return err
	}
	if s.statefulSet != nil && s.replicas < s.liveReplicas() {
		for _, d := range s.departures {
			if d.ordinal >= s.replicas {
				r.event(s, corev1.EventTypeNormal, "NodeRemoved", "ScaleIn", "%s", d.why)
			}
		}
	} else if live := s.liveReplicas(); s.statefulSet != nil && s.replicas > live {
		r.event(s, corev1.EventTypeNormal, "PodsAdded", "ScaleOut", "the StatefulSet goes from %d to %d pods", live, s.replicas)
	}
	return nil
}

// explain turns a failed write that a user can do something about into a
// refusal. What passes by itself is only tried again.
func (r *Reconciler) explain(s *scope, err error) {
	var foreign *errNotOurs
	switch {
	case errors.As(err, &foreign):
		s.refuse(reasonNotOurs, foreign.Error())
	case apierrors.IsInvalid(err), apierrors.IsForbidden(err), apierrors.IsBadRequest(err):
		s.refuse(reasonApplyFailed, err.Error())
	}
}

// image is what the nodes run: what the spec says, else what they run already,
// so that a new operator with a new default restarts nothing.
func (r *Reconciler) image(s *scope) string {
	if s.kvc.Spec.Image != "" {
		return s.kvc.Spec.Image
	}
	if s.statefulSet != nil {
		for _, c := range s.statefulSet.Spec.Template.Spec.Containers {
			if c.Name == objects.ContainerName && c.Image != "" {
				return c.Image
			}
		}
	}
	return r.DefaultImage
}

// volumeSize is the size in the claim template: what it was made with, since it
// cannot be changed. Claims that are to be larger are grown one by one.
func (s *scope) volumeSize() resource.Quantity {
	if s.statefulSet != nil {
		for _, claim := range s.statefulSet.Spec.VolumeClaimTemplates {
			return claim.Spec.Resources.Requests[corev1.ResourceStorage]
		}
	}
	return s.kvc.Spec.Storage.Size
}

// orNil makes a nil interface of a nil pointer.
func orNil[P interface {
	*T
	client.Object
}, T any](p P) client.Object {
	if p == nil {
		return nil
	}
	return p
}
