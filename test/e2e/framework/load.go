package framework

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ringkv/ringkv/internal/load"
)

// The load is small, so that a pause is the product's and not the machine's; it
// touches every partition several times a second.
const (
	loadKeys    = 2000
	loadWorkers = 8
	loadRate    = 300 // operations per second
	controlPort = 8080
)

// Load is `kvctl load` in a pod, on the Service of a Demo.
type Load struct {
	env *Environment
	pod string
}

// StartLoad starts the load on the Service of the KVCluster and waits until every
// key is written. The pod runs on the control plane, which no scenario touches.
func (d *Demo) StartLoad(ctx context.Context) {
	l := &Load{env: d.env, pod: d.Name + "-load"}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: l.pod, Labels: map[string]string{"app.kubernetes.io/name": "ringkv-load"}},
		Spec: corev1.PodSpec{
			RestartPolicy:                 corev1.RestartPolicyNever, // what it knows of its writes ends with it
			AutomountServiceAccountToken:  ptr.To(false),
			TerminationGracePeriodSeconds: ptr.To(int64(1)),
			NodeSelector:                  map[string]string{"node-role.kubernetes.io/control-plane": ""},
			Tolerations:                   []corev1.Toleration{{Key: "node-role.kubernetes.io/control-plane", Operator: corev1.TolerationOpExists}},
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot: ptr.To(true), RunAsUser: ptr.To(int64(65532)),
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Containers: []corev1.Container{{
				Name:            "load",
				Image:           d.env.Image,
				ImagePullPolicy: corev1.PullNever,
				Command:         []string{"/kvctl"},
				Args: []string{
					"load",
					// With the dot at the end it is one question to the DNS and not four.
					fmt.Sprintf("--addresses=%s.%s.svc.cluster.local.:6379", d.Name, Namespace),
					fmt.Sprintf("--keys=%d", loadKeys),
					fmt.Sprintf("--workers=%d", loadWorkers),
					fmt.Sprintf("--rate=%d", loadRate),
					"--read-fraction=0.5",
					"--value-bytes=128",
					// A connection to an address that is gone gives no answer at all;
					// whoever promises his users 2 s does not wait for it longer.
					"--timeout=1s",
					fmt.Sprintf("--control-port=%d", controlPort),
				},
				SecurityContext: &corev1.SecurityContext{
					AllowPrivilegeEscalation: ptr.To(false),
					ReadOnlyRootFilesystem:   ptr.To(true),
					Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				},
			}},
		},
	}
	gomega.Expect(d.env.Client.Create(ctx, pod)).To(gomega.Succeed(), "start the load")
	d.Load = l
	Within(ctx, LoadReady, func(g gomega.Gomega) {
		_, err := d.env.proxy(ctx, "GET", l.pod, controlPort, "ready", nil)
		g.Expect(err).NotTo(gomega.HaveOccurred())
	})
}

// StopLoad ends the load and forgets what it wrote.
func (d *Demo) StopLoad(ctx context.Context) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: d.Name + "-load"}}
	gomega.Expect(client.IgnoreNotFound(d.env.Client.Delete(ctx, pod))).To(gomega.Succeed())
	Within(ctx, Deleted, func(g gomega.Gomega) {
		err := d.env.Client.Get(ctx, client.ObjectKeyFromObject(pod), pod)
		g.Expect(apierrors.IsNotFound(err)).To(gomega.BeTrue(), "the pod of the load: %v", err)
	})
	d.Load = nil
}

// Phase begins a new phase of that name.
func (l *Load) Phase(ctx context.Context, name string) error {
	_, err := l.env.proxy(ctx, "POST", l.pod, controlPort, "phase", map[string]string{"name": name})
	return err
}

// Stats is what the load has seen so far.
func (l *Load) Stats(ctx context.Context) (load.Stats, error) {
	var s load.Stats
	return s, l.ask(ctx, "GET", "stats", &s)
}

// Verify reads every key back.
func (l *Load) Verify(ctx context.Context) (load.Verification, error) {
	var v load.Verification
	return v, l.ask(ctx, "POST", "verify", &v)
}

// ask fails when the load was restarted or has ended: then it has forgotten what
// was acknowledged.
func (l *Load) ask(ctx context.Context, method, path string, into any) error {
	// The longest answer is a verification's, which gives up after a minute.
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	body, err := l.env.proxy(ctx, method, l.pod, controlPort, path, nil)
	if err != nil {
		return fmt.Errorf("ask the load for %s: %w", path, err)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("read the load's %s: %w", path, err)
	}
	return nil
}
