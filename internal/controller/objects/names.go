package objects

import (
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/ringkv/ringkv/api/v1alpha1"
)

// The ports of a node.
const (
	PortRESP    = 6379 // RESP; any node serves any key
	PortHTTP    = 8080 // HTTP and gRPC; any node serves any key
	PortCluster = 6380 // RESP for clients of Redis Cluster, which are sent to the leader
	PortPeer    = 7000 // between nodes, and from the operator
	PortMetrics = 9090 // metrics, liveness and readiness

	PortOutside    = 6381 // as PortCluster, for clients outside of Kubernetes; with service.outsideAddress
	PortRESPTLS    = 6389 // as PortRESP; with spec.tls
	PortClusterTLS = 6390 // as PortCluster; with spec.tls
)

// The labels that the operator puts on all it makes.
const (
	LabelName      = "app.kubernetes.io/name"
	LabelInstance  = "app.kubernetes.io/instance"
	LabelComponent = "app.kubernetes.io/component"
	LabelManagedBy = "app.kubernetes.io/managed-by"
)

const (
	// AppName is the value of LabelName.
	AppName   = "ringkv"
	component = "node"
	manager   = "ringkv-operator"

	// ContainerName is the name of the container that runs kvnode.
	ContainerName = "kvnode"
	// volumeName is the volume claim template; a pod's claim is volumeName-pod.
	volumeName = "data"
	dataDir    = "/data"

	// tlsVolume is the volume with the certificate.
	tlsVolume = "tls"
	tlsDir    = "/tls"
)

// StatefulSetName is also the name that pods are counted from: NAME-0, NAME-1.
func StatefulSetName(cluster string) string { return cluster }

// ServiceName is the Service that clients use.
func ServiceName(cluster string) string { return cluster }

// HeadlessName is the Service that gives every pod its stable DNS name.
func HeadlessName(cluster string) string { return cluster + "-nodes" }

// ServiceAccountName is the account of the pods. It has no rights.
func ServiceAccountName(cluster string) string { return cluster + "-nodes" }

// DisruptionBudgetName is the PodDisruptionBudget of the pods.
func DisruptionBudgetName(cluster string) string { return cluster + "-nodes" }

// RecordName is the ConfigMap that keeps the coordinator's record.
func RecordName(cluster string) string { return cluster + "-map" }

// PodName is the pod with that ordinal.
func PodName(cluster string, ordinal int) string { return fmt.Sprintf("%s-%d", cluster, ordinal) }

// ClaimName is the volume claim of the pod with that ordinal.
func ClaimName(cluster string, ordinal int) string {
	return volumeName + "-" + PodName(cluster, ordinal)
}

// Ordinal tells the ordinal of a pod of the cluster by its name, and false for
// a name that is none of its pods'.
func Ordinal(cluster, pod string) (int, bool) {
	digits, ok := strings.CutPrefix(pod, cluster+"-")
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 || strconv.Itoa(n) != digits {
		return 0, false
	}
	return n, true
}

// ClaimOrdinal tells the ordinal of the pod that a volume claim belongs to.
func ClaimOrdinal(cluster, claim string) (int, bool) {
	pod, ok := strings.CutPrefix(claim, volumeName+"-")
	if !ok {
		return 0, false
	}
	return Ordinal(cluster, pod)
}

// PodHost is the stable DNS name of a pod. It resolves before the pod is ready.
func PodHost(namespace, cluster, pod string) string {
	return fmt.Sprintf("%s.%s.%s.svc", pod, HeadlessName(cluster), namespace)
}

// SelectorLabels select the pods of a cluster, and their volume claims.
func SelectorLabels(cluster string) map[string]string {
	return map[string]string{LabelName: AppName, LabelInstance: cluster, LabelComponent: component}
}

// Selector is SelectorLabels as a label selector.
func Selector(cluster string) labels.Selector {
	return labels.SelectorFromSet(SelectorLabels(cluster))
}

// Labels are the labels of every object of the cluster.
func Labels(c *v1alpha1.KVCluster) map[string]string {
	l := SelectorLabels(c.Name)
	l[LabelManagedBy] = manager
	return l
}
