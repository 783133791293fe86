package objects

import (
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/ringkv/ringkv/api/v1alpha1"
)

// nobody is the user and group that nodes run as.
const nobody = 65532

// A node that is asked to stop gives its leaderships away first, within
// drainSeconds; what is left of graceSeconds is for closing its log.
const (
	drainSeconds = 20
	graceSeconds = 60
)

// podTemplate is the template of a node's pod.
func podTemplate(c *v1alpha1.KVCluster, image string, tls *v1alpha1.TLSSpec) *corev1ac.PodTemplateSpecApplyConfiguration {
	labels := maps.Clone(c.Spec.PodLabels)
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, Labels(c))

	ctr := container(c, image)
	spec := corev1ac.PodSpec().
		WithServiceAccountName(ServiceAccountName(c.Name)).
		WithAutomountServiceAccountToken(false).
		WithEnableServiceLinks(false).
		WithTerminationGracePeriodSeconds(graceSeconds).
		WithSecurityContext(corev1ac.PodSecurityContext().
			WithRunAsNonRoot(true).
			WithRunAsUser(nobody).
			WithRunAsGroup(nobody).
			WithFSGroup(nobody).
			WithFSGroupChangePolicy(corev1.FSGroupChangeOnRootMismatch).
			WithSeccompProfile(corev1ac.SeccompProfile().WithType(corev1.SeccompProfileTypeRuntimeDefault)))
	if tls != nil {
		serveTLS(spec, ctr, tls)
	}
	spec.WithContainers(ctr)
	for _, s := range c.Spec.ImagePullSecrets {
		spec.WithImagePullSecrets(corev1ac.LocalObjectReference().WithName(s.Name))
	}
	place(spec, c)
	return corev1ac.PodTemplateSpec().
		WithLabels(labels).
		WithAnnotations(c.Spec.PodAnnotations).
		WithSpec(spec)
}

// container runs one node. What can change while the cluster runs (reads, sync,
// compaction and the like) travels in the cluster map and not in the arguments:
// a change of it restarts nothing.
func container(c *v1alpha1.KVCluster, image string) *corev1ac.ContainerApplyConfiguration {
	host := PodHost(c.Namespace, c.Name, "$(POD_NAME)")
	ctr := corev1ac.Container().
		WithName(ContainerName).
		WithImage(image).
		WithImagePullPolicy(corev1.PullIfNotPresent).
		WithCommand("/kvnode").
		WithArgs(
			"--name=$(POD_NAME)",
			"--dir="+dataDir,
			"--bind=", // all addresses, of either family
			"--advertise-host="+host,
			fmt.Sprintf("--resp-port=%d", PortRESP),
			fmt.Sprintf("--http-port=%d", PortHTTP),
			fmt.Sprintf("--cluster-port=%d", PortCluster),
			fmt.Sprintf("--peer-port=%d", PortPeer),
			fmt.Sprintf("--metrics-port=%d", PortMetrics),
			fmt.Sprintf("--drain-timeout=%ds", drainSeconds),
			"--log-format=json",
		).
		WithEnv(corev1ac.EnvVar().WithName("POD_NAME").WithValueFrom(corev1ac.EnvVarSource().
			WithFieldRef(corev1ac.ObjectFieldSelector().WithFieldPath("metadata.name")))).
		WithPorts(
			containerPort("resp", PortRESP),
			containerPort("http", PortHTTP),
			containerPort("resp-cluster", PortCluster),
			containerPort("peer", PortPeer),
			containerPort("metrics", PortMetrics),
		).
		WithVolumeMounts(corev1ac.VolumeMount().WithName(volumeName).WithMountPath(dataDir)).
		WithSecurityContext(corev1ac.SecurityContext().
			WithAllowPrivilegeEscalation(false).
			WithReadOnlyRootFilesystem(true).
			WithCapabilities(corev1ac.Capabilities().WithDrop("ALL"))).
		// Reading a large log back takes time, and a node that is killed for it
		// would start all over: half an hour before the kubelet gives up.
		WithStartupProbe(probe("/healthz").WithPeriodSeconds(1).WithFailureThreshold(1800)).
		// A node whose disk stalls for a while is better left alone.
		WithLivenessProbe(probe("/healthz").WithPeriodSeconds(10).WithFailureThreshold(6)).
		WithReadinessProbe(probe("/readyz").WithPeriodSeconds(2).WithFailureThreshold(2))
	if address := c.Spec.Service.ClusterAddress; address != "" {
		ctr.WithArgs("--announce-cluster=" + address)
	}
	if address := c.Spec.Service.OutsideAddress; address != "" {
		ctr.WithArgs("--announce-outside="+address, fmt.Sprintf("--outside-port=%d", PortOutside)).
			WithPorts(containerPort("outside", PortOutside))
	}
	if r := c.Spec.Resources; len(r.Limits)+len(r.Requests)+len(r.Claims) > 0 {
		ctr.WithResources(convert[corev1ac.ResourceRequirementsApplyConfiguration](r))
	}
	return ctr
}

func containerPort(name string, port int32) *corev1ac.ContainerPortApplyConfiguration {
	return corev1ac.ContainerPort().WithName(name).WithContainerPort(port).WithProtocol(corev1.ProtocolTCP)
}

func probe(path string) *corev1ac.ProbeApplyConfiguration {
	return corev1ac.Probe().
		WithTimeoutSeconds(5).
		WithHTTPGet(corev1ac.HTTPGetAction().WithPath(path).WithPort(intstr.FromString("metrics")))
}

// place says where the pod may run: as the KVCluster wants it, else spread
// softly, so that a small Kubernetes cluster can still run all of it.
func place(spec *corev1ac.PodSpecApplyConfiguration, c *v1alpha1.KVCluster) {
	p := c.Spec.Placement
	spec.WithNodeSelector(p.NodeSelector)
	for _, t := range p.Tolerations {
		spec.WithTolerations(convert[corev1ac.TolerationApplyConfiguration](t))
	}
	if p.PriorityClassName != "" {
		spec.WithPriorityClassName(p.PriorityClassName)
	}

	mine := metav1ac.LabelSelector().WithMatchLabels(SelectorLabels(c.Name))
	if p.Affinity != nil {
		spec.WithAffinity(convert[corev1ac.AffinityApplyConfiguration](p.Affinity))
	} else {
		spec.WithAffinity(corev1ac.Affinity().WithPodAntiAffinity(corev1ac.PodAntiAffinity().
			WithPreferredDuringSchedulingIgnoredDuringExecution(corev1ac.WeightedPodAffinityTerm().
				WithWeight(100).
				WithPodAffinityTerm(corev1ac.PodAffinityTerm().
					WithTopologyKey(corev1.LabelHostname).
					WithLabelSelector(mine)))))
	}
	if len(p.TopologySpreadConstraints) > 0 {
		for _, t := range p.TopologySpreadConstraints {
			spec.WithTopologySpreadConstraints(convert[corev1ac.TopologySpreadConstraintApplyConfiguration](t))
		}
		return
	}
	for _, key := range []string{corev1.LabelTopologyZone, corev1.LabelHostname} {
		spec.WithTopologySpreadConstraints(corev1ac.TopologySpreadConstraint().
			WithMaxSkew(1).
			WithTopologyKey(key).
			WithWhenUnsatisfiable(corev1.ScheduleAnyway).
			WithLabelSelector(mine))
	}
}
