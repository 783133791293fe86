// Package target is the clusters that kvctl works with: it looks at one, changes
// what is wanted of it, and reaches its nodes. A Target is a cluster on this
// machine (Local) or a KVCluster in Kubernetes (package kube); what is made of an
// Observation is the same for both.
package target
