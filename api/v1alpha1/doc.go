// Package v1alpha1 is the Kubernetes API of ringkv: the KVCluster.
//
// The types say what a user may wish for and what the operator reports back;
// what a schema can check is a marker here and ends up in the CRD, so that a
// bad wish is refused by the API server without any webhook. The package
// imports Kubernetes API types only.
//
// +kubebuilder:object:generate=true
// +groupName=ringkv.dev
package v1alpha1
