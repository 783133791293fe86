package controller

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ringkv/ringkv/api/v1alpha1"
	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/coordinator"
)

// scope is what one pass knows of one KVCluster. Each phase fills in what the
// later ones need.
type scope struct {
	kvc    *v1alpha1.KVCluster      // as fetched; its status is changed at the end only
	before v1alpha1.KVClusterStatus // as fetched

	// From observe: the live objects, nil where there is none.
	statefulSet *appsv1.StatefulSet
	headless    *corev1.Service
	service     *corev1.Service
	account     *corev1.ServiceAccount
	budget      *policyv1.PodDisruptionBudget
	pods        map[int]*corev1.Pod
	claims      map[int]*corev1.PersistentVolumeClaim

	// From coordinate. plane is nil when the nodes could not be looked at.
	seats    []coordinator.Seat
	plane    *coordinator.Result
	planeErr string
	electing bool // partitions lack a leader, but not for long

	// From decideSize.
	departures []departure
	replicas   int

	// From checkCertificate.
	tls *v1alpha1.TLSSpec // that the pods should have; nil for none
	// noCertificate says why a pod that starts now would find no certificate that
	// it can use; empty when it would.
	noCertificate string

	restart restart
	growing []string // volumes being made larger, in words

	refusals     []refusal
	requeueAfter time.Duration
	// skipStatus keeps the status as it is: the pass was cut short by something
	// that passes, and saw nothing.
	skipStatus bool
}

func newScope(kvc *v1alpha1.KVCluster) *scope {
	return &scope{kvc: kvc, before: *kvc.Status.DeepCopy()}
}

func (s *scope) key() types.NamespacedName { return client.ObjectKeyFromObject(s.kvc) }

// wanted is how many nodes the spec asks for.
func (s *scope) wanted() int { return int(s.kvc.Spec.Nodes) }

// liveReplicas is what the StatefulSet is set to; 0 without one.
func (s *scope) liveReplicas() int {
	if s.statefulSet == nil {
		return 0
	}
	if s.statefulSet.Spec.Replicas == nil {
		return 1 // the API's default
	}
	return int(*s.statefulSet.Spec.Replicas)
}

func (s *scope) refuse(reason, message string) {
	s.refusals = append(s.refusals, refusal{reason, message})
}

// zoneOf is the zone of the seat's member as the map knows it, or empty.
func zoneOf(m *cluster.Map, seat string) string {
	if m == nil {
		return ""
	}
	for _, member := range m.Members {
		if member.Name == seat && member.State != cluster.MemberLost {
			return member.Zone
		}
	}
	return ""
}
