package framework

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ringkv/ringkv/api/v1alpha1"
)

// Stage keeps the KVCluster that scenarios share, so that each finds it as the
// one before it left it, and a sound one after a scenario that failed.
type Stage struct {
	env        *Environment
	demo       *Demo
	partitions int32
	spoiled    bool
}

// NewStage is an empty stage.
func NewStage(env *Environment) *Stage { return &Stage{env: env} }

// Demo is the KVCluster on the stage, or nil.
func (s *Stage) Demo() *Demo { return s.demo }

// Put makes a KVCluster what the next scenarios find. Its load must run.
func (s *Stage) Put(demo *Demo, partitions int32) { s.demo, s.partitions = demo, partitions }

// Spoil makes the next scenario begin with a new KVCluster.
func (s *Stage) Spoil() { s.spoiled = true }

// Ready returns a KVCluster at rest with 3 nodes, replication factor 3 and this
// many partitions, under load, below an operator that works: the one on the stage
// when it fits and nothing happened to it, else a new one.
func (s *Stage) Ready(ctx context.Context, partitions int32) *Demo {
	s.env.Uncordon(ctx)
	s.env.ensureOperator(ctx)
	if s.demo != nil && !s.spoiled && s.partitions == partitions {
		return s.demo
	}
	s.Clear(ctx)
	s.env.EnsureNamespace(ctx)
	demo := NewDemo(s.env, "demo")
	demo.Apply(ctx, partitions)
	demo.WaitRebalanced(ctx, Rebalanced)
	demo.StartLoad(ctx)
	s.Put(demo, partitions)
	return demo
}

// Clear removes every KVCluster of the suite with all that belongs to them.
func (s *Stage) Clear(ctx context.Context) {
	s.demo, s.spoiled = nil, false
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: Namespace}}
	if apierrors.IsNotFound(s.env.Client.Get(ctx, client.ObjectKeyFromObject(namespace), namespace)) {
		return
	}
	s.env.deleteClusters(ctx)
	gomega.Expect(client.IgnoreNotFound(s.env.Client.Delete(ctx, namespace))).To(gomega.Succeed())
	Within(ctx, Deleted, func(g gomega.Gomega) {
		err := s.env.Client.Get(ctx, client.ObjectKeyFromObject(namespace), namespace)
		g.Expect(apierrors.IsNotFound(err)).To(gomega.BeTrue(), "namespace %s: %v", Namespace, err)
	})
}

// deleteClusters deletes all KVClusters. An operator that is not there, or that is
// stuck after a failed scenario, must not keep the next one from starting: then
// the finalizers are taken away by hand. Whether deleting works is a scenario.
func (e *Environment) deleteClusters(ctx context.Context) {
	err := e.Client.DeleteAllOf(ctx, &v1alpha1.KVCluster{}, client.InNamespace(Namespace))
	if meta.IsNoMatchError(err) {
		return // the definition is not installed: there are none
	}
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	deadline := time.Now().Add(30 * time.Second)
	Within(ctx, Deleted, func(g gomega.Gomega) {
		var list v1alpha1.KVClusterList
		g.Expect(e.Client.List(ctx, &list, client.InNamespace(Namespace))).To(gomega.Succeed())
		for i := range list.Items {
			if c := &list.Items[i]; time.Now().After(deadline) && len(c.Finalizers) > 0 {
				patch := client.MergeFrom(c.DeepCopy())
				c.Finalizers = nil
				g.Expect(client.IgnoreNotFound(e.Client.Patch(ctx, c, patch))).To(gomega.Succeed())
			}
		}
		g.Expect(list.Items).To(gomega.BeEmpty())
	})
}

// EnsureNamespace makes the namespace of the KVClusters.
func (e *Environment) EnsureNamespace(ctx context.Context) {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: Namespace,
		// The nodes' pods need nothing that the strictest profile refuses.
		Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}}
	gomega.Expect(client.IgnoreAlreadyExists(e.Client.Create(ctx, ns))).To(gomega.Succeed())
}

// ensureOperator installs the operator unless it runs with both its managers.
func (e *Environment) ensureOperator(ctx context.Context) {
	if !e.OperatorInstalled(ctx) {
		_, err := e.InstallOperator(ctx, e.Image)
		gomega.Expect(err).NotTo(gomega.HaveOccurred())
	}
	d, err := e.manager(ctx)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	if d.Spec.Replicas == nil || *d.Spec.Replicas != 2 {
		e.ScaleOperator(ctx, 2)
	}
	e.WaitForOperator(ctx)
}

// Uncordon lets pods run on every worker again.
func (e *Environment) Uncordon(ctx context.Context) {
	workers, err := e.Workers(ctx)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	for _, w := range workers {
		_, err := e.Kubectl(ctx, "uncordon", w)
		gomega.Expect(err).NotTo(gomega.HaveOccurred())
	}
}

// Workers are the names of the Kubernetes nodes that pods are scheduled to.
func (e *Environment) Workers(ctx context.Context) ([]string, error) {
	var nodes corev1.NodeList
	if err := e.Client.List(ctx, &nodes); err != nil {
		return nil, err
	}
	var names []string
	for _, n := range nodes.Items {
		if _, controls := n.Labels["node-role.kubernetes.io/control-plane"]; !controls {
			names = append(names, n.Name)
		}
	}
	return names, nil
}

// TagImage gives the image under test a second name on every Kubernetes node.
func (e *Environment) TagImage(ctx context.Context, image string) error {
	var nodes corev1.NodeList
	if err := e.Client.List(ctx, &nodes); err != nil {
		return err
	}
	for _, n := range nodes.Items {
		if _, err := e.OnNode(ctx, n.Name, "ctr", "--namespace", "k8s.io", "images", "tag", "--force", fullName(e.Image), fullName(image)); err != nil {
			return fmt.Errorf("tag on %s: %w", n.Name, err)
		}
	}
	return nil
}

// fullName is a name as containerd keeps it.
func fullName(image string) string {
	if first, _, ok := strings.Cut(image, "/"); ok && strings.ContainsAny(first, ".:") {
		return image
	}
	return "docker.io/" + image
}
