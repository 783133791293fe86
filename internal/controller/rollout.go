package controller

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// restartPods replaces at most one pod that runs an older template. See
// planRestart. A node that is told to stop hands its leaderships over first.
func (r *Reconciler) restartPods(ctx context.Context, s *scope) error {
	s.restart = planRestart(s.statefulSet, s.pods, s.plane)
	if s.noCertificate != "" && s.restart.pod != nil && !s.restart.broken {
		s.restart.pod, s.restart.waiting = nil, s.noCertificate
	}
	pod, one := s.restart.pod, r.planes.of(s.kvc)
	if pod == nil || pod.UID == one.restarted {
		return nil // told already, and the cache is behind
	}
	exactly := metav1.Preconditions{UID: &pod.UID}
	var err error
	if s.restart.broken {
		err = r.Delete(ctx, pod, client.Preconditions{UID: exactly.UID})
	} else {
		err = r.SubResource("eviction").Create(ctx, pod, &policyv1.Eviction{
			ObjectMeta:    metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name},
			DeleteOptions: &metav1.DeleteOptions{Preconditions: &exactly},
		})
	}
	switch {
	case apierrors.IsNotFound(err), apierrors.IsConflict(err):
		return nil // it is another pod by now
	case apierrors.IsTooManyRequests(err):
		s.restart.waiting = "the disruption budget does not allow it now"
		return nil
	case err != nil:
		return fmt.Errorf("restart pod %s: %w", pod.Name, err)
	}
	one.restarted = pod.UID
	r.event(s, corev1.EventTypeNormal, "PodRestarted", "Restart", "%s is replaced: its template changed (%d left)", pod.Name, len(s.restart.pending)-1)
	return nil
}
