package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// KVClusterSpec is the wish.
//
// +kubebuilder:validation:XValidation:rule="!has(self.replicationFactor) || !has(self.nodes) || self.replicationFactor <= self.nodes",message="every replica of a key needs a node of its own: replicationFactor must not be larger than nodes (to go below, lower replicationFactor first)"
type KVClusterSpec struct {
	// How many nodes the cluster should have. This is what `kubectl scale` sets.
	// Data moves as nodes come and go, and a node leaves only after all that it
	// held is elsewhere.
	// +kubebuilder:default=3
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=500
	// +optional
	Nodes int32 `json:"nodes,omitempty"`

	// On how many nodes every key is kept. A write is acknowledged when it is on
	// stable storage on a majority of them. Can be changed while the cluster runs.
	// +kubebuilder:default=3
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=7
	// +optional
	ReplicationFactor int32 `json:"replicationFactor,omitempty"`

	// Into how many parts the key space is divided: a power of two, fixed for the
	// life of the cluster. A part is what moves between nodes.
	// +kubebuilder:default=64
	// +kubebuilder:validation:Enum=1;2;4;8;16;32;64;128;256;512;1024
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="partitions cannot be changed: it is fixed when the cluster is made"
	// +optional
	Partitions int32 `json:"partitions,omitempty"`

	// How many points every node has on the hash ring. More points spread the
	// partitions more evenly; changing it moves data.
	// +kubebuilder:default=128
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1024
	// +optional
	VirtualNodes int32 `json:"virtualNodes,omitempty"`

	// Who may answer a read. Lease: the leader, from memory, while it holds a
	// quorum's lease (linearizable). ReadIndex: the leader, after asking a quorum
	// (linearizable, without trust in clocks). Any: any replica, possibly behind.
	// +kubebuilder:default=Lease
	// +optional
	Reads ReadMode `json:"reads,omitempty"`

	// When a write is on stable storage. Always: before it is acknowledged.
	// Interval: up to a second later, so that a power loss on a majority of nodes
	// can lose that second.
	// +kubebuilder:default=Always
	// +optional
	Sync SyncMode `json:"sync,omitempty"`

	// When the log of a partition is replaced by a snapshot.
	// +kubebuilder:default={}
	// +optional
	Compaction CompactionSpec `json:"compaction,omitzero"`

	// The volume of every node.
	// +kubebuilder:default={}
	// +optional
	Storage StorageSpec `json:"storage,omitzero"`

	// What happens when replicas are lost.
	// +kubebuilder:default={}
	// +optional
	Failover FailoverSpec `json:"failover,omitzero"`

	// How data moves between nodes.
	// +kubebuilder:default={}
	// +optional
	Rebalance RebalanceSpec `json:"rebalance,omitzero"`

	// The image that the nodes run. When empty, the operator's default at the
	// time the cluster is made; a newer operator does not change it.
	// +kubebuilder:validation:MaxLength=512
	// +optional
	Image string `json:"image,omitempty"`

	// Credentials for pulling the image.
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=name
	// +optional
	ImagePullSecrets []corev1.LocalObjectReference `json:"imagePullSecrets,omitempty"`

	// CPU and memory of every node. The memory limit also bounds the data that a
	// node holds: writes beyond it are refused with OOM, and the pod is not killed.
	// +optional
	Resources corev1.ResourceRequirements `json:"resources,omitzero"`

	// Where the pods may run.
	// +optional
	Placement PlacementSpec `json:"placement,omitzero"`

	// The Service that clients use.
	// +kubebuilder:default={}
	// +optional
	Service ServiceSpec `json:"service,omitzero"`

	// TLS for Redis clients; without it they are served without TLS only.
	// +optional
	TLS *TLSSpec `json:"tls,omitempty"`

	// Labels that the pods get besides the operator's own.
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.startsWith('ringkv.dev/') && !(k in ['app.kubernetes.io/name', 'app.kubernetes.io/instance', 'app.kubernetes.io/component', 'app.kubernetes.io/managed-by']))",message="podLabels may not set ringkv.dev/* or the app.kubernetes.io/name, instance, component and managed-by labels: the operator selects its pods by them"
	// +optional
	PodLabels map[string]string `json:"podLabels,omitempty"`

	// Annotations that the pods get.
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.startsWith('ringkv.dev/'))",message="podAnnotations may not set ringkv.dev/*: those are the operator's"
	// +optional
	PodAnnotations map[string]string `json:"podAnnotations,omitempty"`
}

// ReadMode says who may answer a read.
//
// +kubebuilder:validation:Enum=Lease;ReadIndex;Any
type ReadMode string

// The read modes.
const (
	ReadLease ReadMode = "Lease"
	ReadIndex ReadMode = "ReadIndex"
	ReadAny   ReadMode = "Any"
)

// SyncMode says when a write is on stable storage.
//
// +kubebuilder:validation:Enum=Always;Interval
type SyncMode string

// The sync modes.
const (
	SyncAlways   SyncMode = "Always"
	SyncInterval SyncMode = "Interval"
)

// CompactionSpec says when the log of a partition is replaced by a snapshot:
// after so many operations or log bytes, whichever comes first.
type CompactionSpec struct {
	// Operations since the last snapshot.
	// +kubebuilder:default=100000
	// +kubebuilder:validation:Minimum=100
	// +optional
	Operations int64 `json:"operations,omitempty"`

	// Log bytes since the last snapshot.
	// +kubebuilder:default="16Mi"
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).compareTo(quantity('64Ki')) >= 0",message="compaction.bytes must be at least 64Ki"
	// +optional
	Bytes resource.Quantity `json:"bytes,omitzero"`
}

// StorageSpec describes the volume of a node.
//
// +kubebuilder:validation:XValidation:rule="has(self.storageClassName) == has(oldSelf.storageClassName) && (!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)",message="storage.storageClassName cannot be changed: volumes keep the class they were made with"
type StorageSpec struct {
	// Size of the volume. It may grow where the class allows it, never shrink.
	// +kubebuilder:default="1Gi"
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).compareTo(quantity('64Mi')) >= 0",message="storage.size must be at least 64Mi"
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).compareTo(quantity(string(oldSelf))) >= 0",message="storage.size may only grow: a volume cannot be made smaller"
	// +optional
	Size resource.Quantity `json:"size,omitzero"`

	// Class of the volume; the Kubernetes cluster's default when not set.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	StorageClassName *string `json:"storageClassName,omitempty"`

	// What becomes of a volume whose node left because the cluster was made
	// smaller. Either way it is empty by then: the node leaves after the proof
	// that all it held is elsewhere.
	// +kubebuilder:default=Delete
	// +optional
	WhenScaled RetentionPolicy `json:"whenScaled,omitempty"`

	// What becomes of the volumes, and of the record of the cluster, when the
	// KVCluster is deleted. After Retain, a KVCluster of the same name takes them
	// up again with all data.
	// +kubebuilder:default=Retain
	// +optional
	WhenDeleted RetentionPolicy `json:"whenDeleted,omitempty"`
}

// RetentionPolicy says what becomes of a volume that is no longer used.
//
// +kubebuilder:validation:Enum=Retain;Delete
type RetentionPolicy string

// The retention policies.
const (
	Retain RetentionPolicy = "Retain"
	Delete RetentionPolicy = "Delete"
)

// FailoverSpec says what happens when replicas are lost.
type FailoverSpec struct {
	// What to do when a partition has lost its quorum and it does not come back.
	// Wait: nothing; the partition serves again when enough of its replicas are
	// back. PromoteSurvivor: a survivor that provably has every acknowledged write
	// (with replicationFactor 2, either one) goes on alone after two minutes. Until
	// the other is back or replaced there is only one copy then.
	// +kubebuilder:default=Wait
	// +optional
	OnQuorumLoss QuorumLossPolicy `json:"onQuorumLoss,omitempty"`
}

// QuorumLossPolicy says what to do when a partition has lost its quorum.
//
// +kubebuilder:validation:Enum=Wait;PromoteSurvivor
type QuorumLossPolicy string

// The quorum loss policies.
const (
	QuorumLossWait            QuorumLossPolicy = "Wait"
	QuorumLossPromoteSurvivor QuorumLossPolicy = "PromoteSurvivor"
)

// RebalanceSpec bounds how data moves between nodes.
type RebalanceSpec struct {
	// How many partitions may be on the move at a time.
	// +kubebuilder:default=4
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=256
	// +optional
	MaxConcurrentMoves int32 `json:"maxConcurrentMoves,omitempty"`

	// How many bytes a second a node may send for moves; no bound when not set or 0.
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).compareTo(quantity('0')) >= 0",message="rebalance.bytesPerSecond must not be negative"
	// +optional
	BytesPerSecond *resource.Quantity `json:"bytesPerSecond,omitempty"`

	// While true, no moves begin that balance the cluster or empty a node. Those
	// under way are brought to an end, and missing copies are still made.
	// +optional
	Paused bool `json:"paused,omitempty"`
}

// PlacementSpec says where the pods may run. The fields are those of a pod.
type PlacementSpec struct {
	// +optional
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
	// +listType=atomic
	// +optional
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`
	// Replaces the operator's soft anti-affinity between the pods of a cluster.
	// +optional
	Affinity *corev1.Affinity `json:"affinity,omitempty"`
	// Replaces the operator's soft spreading over zones and Kubernetes nodes.
	// +listType=atomic
	// +optional
	TopologySpreadConstraints []corev1.TopologySpreadConstraint `json:"topologySpreadConstraints,omitempty"`
	// +kubebuilder:validation:MaxLength=253
	// +optional
	PriorityClassName string `json:"priorityClassName,omitempty"`
}

// ServiceSpec describes the Service that clients use.
//
// +kubebuilder:validation:XValidation:rule="!has(self.loadBalancerClass) || self.type == 'LoadBalancer'",message="service.loadBalancerClass needs service.type LoadBalancer"
// +kubebuilder:validation:XValidation:rule="!has(self.loadBalancerSourceRanges) || self.type == 'LoadBalancer'",message="service.loadBalancerSourceRanges needs service.type LoadBalancer"
type ServiceSpec struct {
	// +kubebuilder:default=ClusterIP
	// +kubebuilder:validation:Enum=ClusterIP;NodePort;LoadBalancer
	// +optional
	Type corev1.ServiceType `json:"type,omitempty"`
	// +kubebuilder:validation:MaxProperties=64
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.startsWith('ringkv.dev/') && !(k in ['app.kubernetes.io/name', 'app.kubernetes.io/instance', 'app.kubernetes.io/component', 'app.kubernetes.io/managed-by']))",message="service.labels may not set the operator's own labels"
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
	// +kubebuilder:validation:MaxLength=253
	// +optional
	LoadBalancerClass *string `json:"loadBalancerClass,omitempty"`
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	// +optional
	LoadBalancerSourceRanges []string `json:"loadBalancerSourceRanges,omitempty"`
	// The host:port under which clients of Redis Cluster reach each pod, for
	// clients outside of Kubernetes; $(POD_NAME) stands for the pod's name, as in
	// $(POD_NAME).kv.example.com:6380. The default is the pod's DNS name inside
	// of Kubernetes and port 6380. A change replaces the pods one at a time.
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9.-]*\$\(POD_NAME\)[A-Za-z0-9.-]*:[1-9][0-9]{0,4}$`
	// +optional
	ClusterAddress string `json:"clusterAddress,omitempty"`
	// The host, or host:port, under which those clients of Redis Cluster reach each
	// pod that cannot reach the pods themselves; $(POD_NAME) stands for the pod's
	// name, as in $(POD_NAME).kv.example.com:443. It opens port 6381 of the pods, on
	// which clients are told these addresses; those on other ports are not. Without a
	// port the address has 6381. With spec.tls the port speaks TLS. A change replaces
	// the pods one at a time.
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9.-]*\$\(POD_NAME\)[A-Za-z0-9.-]*(:[1-9][0-9]{0,4})?$`
	// +optional
	OutsideAddress string `json:"outsideAddress,omitempty"`
}

// TLSSpec lets Redis clients connect with TLS: plain ones on port 6389, those of Redis
// Cluster on 6390. The ports without TLS stay open. A change replaces the pods one at a
// time; a renewed certificate in the same Secret does not: nodes take it as it comes.
type TLSSpec struct {
	// The Secret, in the namespace of the KVCluster and usually of type
	// kubernetes.io/tls, with the certificate (tls.crt) and its key (tls.key).
	// While it is missing or cannot be used, running pods stay as they are.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	// +required
	SecretName string `json:"secretName"`

	// Whether clients must show a certificate. None: they need none. Require: one
	// of the authorities in ca.crt of the Secret.
	// +kubebuilder:default=None
	// +optional
	ClientAuth ClientAuth `json:"clientAuth,omitempty"`
}

// ClientAuth says whether clients must show a certificate.
//
// +kubebuilder:validation:Enum=None;Require
type ClientAuth string

// What clients must show.
const (
	ClientAuthNone    ClientAuth = "None"
	ClientAuthRequire ClientAuth = "Require"
)
