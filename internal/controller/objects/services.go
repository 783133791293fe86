package objects

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/ringkv/ringkv/api/v1alpha1"
)

// HeadlessService gives every pod a stable DNS name. Nodes must find each other
// before they are ready, since being ready needs the others.
func HeadlessService(c *v1alpha1.KVCluster) *corev1ac.ServiceApplyConfiguration {
	return corev1ac.Service(HeadlessName(c.Name), c.Namespace).
		WithLabels(Labels(c)).
		WithOwnerReferences(Owner(c)).
		WithSpec(corev1ac.ServiceSpec().
			WithType(corev1.ServiceTypeClusterIP).
			WithClusterIP(corev1.ClusterIPNone).
			WithPublishNotReadyAddresses(true).
			WithSelector(SelectorLabels(c.Name)).
			WithPorts(
				servicePort("peer", PortPeer),
				servicePort("metrics", PortMetrics),
			).
			WithPorts(clientPorts(c)...))
}

// ClientService is what clients connect to: the ready pods, any of which serves
// any key. Clients of Redis Cluster learn from it where the pods themselves are.
func ClientService(c *v1alpha1.KVCluster) *corev1ac.ServiceApplyConfiguration {
	wish := c.Spec.Service
	spec := corev1ac.ServiceSpec().
		WithType(serviceType(wish)).
		WithSelector(SelectorLabels(c.Name)).
		WithPorts(clientPorts(c)...)
	if wish.LoadBalancerClass != nil {
		spec.WithLoadBalancerClass(*wish.LoadBalancerClass)
	}
	spec.WithLoadBalancerSourceRanges(wish.LoadBalancerSourceRanges...)

	labels := maps.Clone(wish.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, Labels(c))
	return corev1ac.Service(ServiceName(c.Name), c.Namespace).
		WithLabels(labels).
		WithAnnotations(wish.Annotations).
		WithOwnerReferences(Owner(c)).
		WithSpec(spec)
}

// clientPorts are the ports that clients use.
func clientPorts(c *v1alpha1.KVCluster) []*corev1ac.ServicePortApplyConfiguration {
	ports := []*corev1ac.ServicePortApplyConfiguration{
		servicePort("resp", PortRESP),
		servicePort("http", PortHTTP),
		servicePort("resp-cluster", PortCluster),
	}
	if c.Spec.TLS != nil {
		ports = append(ports, servicePort("resp-tls", PortRESPTLS), servicePort("cluster-tls", PortClusterTLS))
	}
	if c.Spec.Service.OutsideAddress != "" {
		ports = append(ports, servicePort("outside", PortOutside))
	}
	return ports
}

func serviceType(wish v1alpha1.ServiceSpec) corev1.ServiceType {
	if wish.Type == "" {
		return corev1.ServiceTypeClusterIP
	}
	return wish.Type
}

// servicePort is a port that the pods serve under the same number. It is not
// found by name, so that a Service can get a port without a change of the pods.
func servicePort(name string, port int32) *corev1ac.ServicePortApplyConfiguration {
	return corev1ac.ServicePort().
		WithName(name).
		WithPort(port).
		WithProtocol(corev1.ProtocolTCP).
		WithTargetPort(intstr.FromInt32(port))
}
