package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// KVCluster is a distributed key-value store: a set of nodes, each with its own
// volume, that hold every key on replicationFactor of them.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.nodes,statuspath=.status.nodes,selectorpath=.status.selector
// +kubebuilder:resource:path=kvclusters,singular=kvcluster,shortName=kvc,categories=ringkv
// +kubebuilder:printcolumn:name="Desired",type=integer,JSONPath=`.spec.nodes`,description="Nodes asked for"
// +kubebuilder:printcolumn:name="Ready",type=integer,JSONPath=`.status.readyNodes`,description="Nodes that serve"
// +kubebuilder:printcolumn:name="RF",type=integer,JSONPath=`.status.replicationFactor`,description="Replicas of every key"
// +kubebuilder:printcolumn:name="Rebalance",type=string,JSONPath=`.status.rebalance.progress`,description="How much of the moves is done"
// +kubebuilder:printcolumn:name="Available",type=string,JSONPath=`.status.conditions[?(@.type=="Available")].status`,description="Every key can be read and written"
// +kubebuilder:printcolumn:name="Degraded",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Degraded")].reason`,description="What is not as it should be"
// +kubebuilder:printcolumn:name="Image",type=string,priority=1,JSONPath=`.status.image`,description="What the nodes run"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 52 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",message="the name of a KVCluster becomes part of DNS names and of pod labels: at most 52 characters, lower-case letters, digits and '-', starting with a letter"
type KVCluster struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// What the cluster should be.
	// +kubebuilder:default={}
	// +optional
	Spec KVClusterSpec `json:"spec,omitzero"`

	// What the cluster is.
	// +optional
	Status KVClusterStatus `json:"status,omitzero"`
}

// KVClusterList is a list of KVClusters.
//
// +kubebuilder:object:root=true
type KVClusterList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []KVCluster `json:"items"`
}
