package objects

import (
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/ringkv/ringkv/api/v1alpha1"
)

// ClientCAKey is where a Secret with a certificate has the authorities of clients, as
// cert-manager writes it. The other keys are those of type kubernetes.io/tls.
const ClientCAKey = "ca.crt"

const requireClientCertificates = "--tls-client-ca-file=" + tlsDir + "/" + ClientCAKey

// serveTLS lets a pod serve Redis clients with the certificate in a Secret. All of the
// Secret is mounted, and not single files of it, since the kubelet brings only that up
// to date; the node looks at the files at every connection. The key can be read by the
// node's group, which is the pod's fsGroup, and by nobody else.
func serveTLS(spec *corev1ac.PodSpecApplyConfiguration, ctr *corev1ac.ContainerApplyConfiguration, tls *v1alpha1.TLSSpec) {
	spec.WithVolumes(corev1ac.Volume().WithName(tlsVolume).WithSecret(corev1ac.SecretVolumeSource().
		WithSecretName(tls.SecretName).
		WithDefaultMode(0o440)))
	ctr.WithVolumeMounts(corev1ac.VolumeMount().WithName(tlsVolume).WithMountPath(tlsDir).WithReadOnly(true)).
		WithArgs(
			"--tls-cert-file="+tlsDir+"/"+corev1.TLSCertKey,
			"--tls-key-file="+tlsDir+"/"+corev1.TLSPrivateKeyKey,
			fmt.Sprintf("--resp-tls-port=%d", PortRESPTLS),
			fmt.Sprintf("--cluster-tls-port=%d", PortClusterTLS),
		).
		WithPorts(
			containerPort("resp-tls", PortRESPTLS),
			containerPort("cluster-tls", PortClusterTLS),
		)
	if tls.ClientAuth == v1alpha1.ClientAuthRequire {
		ctr.WithArgs(requireClientCertificates)
	}
}

// TLSOf returns what the pods of a StatefulSet serve TLS with; nil for nothing.
func TLSOf(set *appsv1.StatefulSet) *v1alpha1.TLSSpec {
	pod := set.Spec.Template.Spec
	i := slices.IndexFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Name == tlsVolume && v.Secret != nil })
	if i < 0 {
		return nil
	}
	tls := &v1alpha1.TLSSpec{SecretName: pod.Volumes[i].Secret.SecretName, ClientAuth: v1alpha1.ClientAuthNone}
	for _, ctr := range pod.Containers {
		if ctr.Name == ContainerName && slices.Contains(ctr.Args, requireClientCertificates) {
			tls.ClientAuth = v1alpha1.ClientAuthRequire
		}
	}
	return tls
}
