package objects

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/ringkv/ringkv/api/v1alpha1"
)

// StatefulSetInput is what the StatefulSet depends on besides the KVCluster.
type StatefulSetInput struct {
	// Replicas follows the ring and is not always spec.nodes: it is raised
	// before nodes join and lowered after they left.
	Replicas int32
	// Image is spec.image, or what the operator chose when the cluster was made.
	Image string
	// TLS is spec.tls, or what the pods serve with until its Secret can be used; nil
	// for no TLS.
	TLS *v1alpha1.TLSSpec
	// VolumeSize is the size in the claim template, which cannot be changed
	// afterwards: spec.storage.size at the time the StatefulSet was made.
	VolumeSize resource.Quantity
}

// StatefulSet runs the nodes.
//
// Pods start in parallel, since none waits for another. They are replaced only
// by the operator (OnDelete), which looks at the partitions first. Volumes are
// never deleted by the StatefulSet (Retain, whatever the KVCluster says): the
// StatefulSet can be scaled or deleted by anybody, and only the operator has
// the proof that a volume is empty.
func StatefulSet(c *v1alpha1.KVCluster, in StatefulSetInput) *appsv1ac.StatefulSetApplyConfiguration {
	return appsv1ac.StatefulSet(StatefulSetName(c.Name), c.Namespace).
		WithLabels(Labels(c)).
		WithOwnerReferences(Owner(c)).
		WithSpec(appsv1ac.StatefulSetSpec().
			WithReplicas(in.Replicas).
			WithServiceName(HeadlessName(c.Name)).
			WithPodManagementPolicy(appsv1.ParallelPodManagement).
			WithUpdateStrategy(appsv1ac.StatefulSetUpdateStrategy().WithType(appsv1.OnDeleteStatefulSetStrategyType)).
			WithPersistentVolumeClaimRetentionPolicy(appsv1ac.StatefulSetPersistentVolumeClaimRetentionPolicy().
				WithWhenScaled(appsv1.RetainPersistentVolumeClaimRetentionPolicyType).
				WithWhenDeleted(appsv1.RetainPersistentVolumeClaimRetentionPolicyType)).
			WithSelector(metav1ac.LabelSelector().WithMatchLabels(SelectorLabels(c.Name))).
			WithTemplate(podTemplate(c, in.Image, in.TLS)).
			WithVolumeClaimTemplates(volumeClaim(c, in.VolumeSize)))
}

func volumeClaim(c *v1alpha1.KVCluster, size resource.Quantity) *corev1ac.PersistentVolumeClaimApplyConfiguration {
	spec := corev1ac.PersistentVolumeClaimSpec().
		WithAccessModes(corev1.ReadWriteOnce).
		WithResources(corev1ac.VolumeResourceRequirements().
			WithRequests(corev1.ResourceList{corev1.ResourceStorage: size}))
	if class := c.Spec.Storage.StorageClassName; class != nil {
		spec.WithStorageClassName(*class)
	}
	claim := &corev1ac.PersistentVolumeClaimApplyConfiguration{}
	return claim.WithName(volumeName).WithLabels(SelectorLabels(c.Name)).WithSpec(spec)
}
