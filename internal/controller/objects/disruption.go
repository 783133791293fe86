package objects

import (
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	policyv1ac "k8s.io/client-go/applyconfigurations/policy/v1"

	"github.com/ringkv/ringkv/api/v1alpha1"
)

// DisruptionBudget lets a drain take one pod at a time, or is nil when the
// cluster should have none.
//
// A cluster of one node has none: there is nothing that a budget could keep
// available, and a pod that is not ready could then never be drained. Every
// other one does, with replicationFactor 1 too, where it keeps a drain of many
// machines from stopping all partitions at once. Pods that are not ready may be
// evicted only while the others are healthy (the API's default): a node that is
// still reading its log may be needed for a quorum.
func DisruptionBudget(c *v1alpha1.KVCluster) *policyv1ac.PodDisruptionBudgetApplyConfiguration {
	if c.Spec.Nodes <= 1 {
		return nil
	}
	return policyv1ac.PodDisruptionBudget(DisruptionBudgetName(c.Name), c.Namespace).
		WithLabels(Labels(c)).
		WithOwnerReferences(Owner(c)).
		WithSpec(policyv1ac.PodDisruptionBudgetSpec().
			WithMaxUnavailable(intstr.FromInt32(1)).
			WithSelector(metav1ac.LabelSelector().WithMatchLabels(SelectorLabels(c.Name))))
}

// ServiceAccount is the account of the pods. They do not speak to the API
// server: it has no rights, and its token is not mounted.
func ServiceAccount(c *v1alpha1.KVCluster) *corev1ac.ServiceAccountApplyConfiguration {
	return corev1ac.ServiceAccount(ServiceAccountName(c.Name), c.Namespace).
		WithLabels(Labels(c)).
		WithOwnerReferences(Owner(c)).
		WithAutomountServiceAccountToken(false)
}
