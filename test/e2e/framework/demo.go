package framework

import (
	"context"
	"fmt"
	"strconv"

	"github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ringkv/ringkv/api/v1alpha1"
)

// Demo is the KVCluster under test.
type Demo struct {
	env  *Environment
	Name string
	// Image is what Apply makes the nodes run; empty means the operator's default.
	Image string
	// Load runs for as long as the KVCluster does; nil before StartLoad.
	Load *Load
}

// NewDemo names the KVCluster; Apply makes it.
func NewDemo(env *Environment, name string) *Demo { return &Demo{env: env, Name: name} }

// Key is its namespace and name.
func (d *Demo) Key() client.ObjectKey { return client.ObjectKey{Namespace: Namespace, Name: d.Name} }

// Apply makes the KVCluster with 3 nodes and replication factor 3, and everything
// else as a user gets it who names nothing; 0 partitions means the default.
func (d *Demo) Apply(ctx context.Context, partitions int32) {
	c := &v1alpha1.KVCluster{
		ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: d.Name},
		Spec: v1alpha1.KVClusterSpec{
			Nodes: 3, ReplicationFactor: 3, Partitions: partitions, Image: d.Image,
			Storage: v1alpha1.StorageSpec{Size: resource.MustParse("1Gi")},
			Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("20m"), corev1.ResourceMemory: resource.MustParse("64Mi")},
				Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("512Mi")},
			},
		},
	}
	gomega.Expect(d.env.Client.Create(ctx, c)).To(gomega.Succeed(), "create KVCluster %s", d.Name)
}

// Get reads the KVCluster.
func (d *Demo) Get(ctx context.Context) (*v1alpha1.KVCluster, error) {
	c := &v1alpha1.KVCluster{}
	return c, d.env.Client.Get(ctx, d.Key(), c)
}

// Current is Get for when it must be there.
func (d *Demo) Current(ctx context.Context) *v1alpha1.KVCluster {
	c, err := d.Get(ctx)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	return c
}

// Change edits the spec. The error is the API server's.
func (d *Demo) Change(ctx context.Context, edit func(*v1alpha1.KVClusterSpec)) error {
	c, err := d.Get(ctx)
	if err != nil {
		return err
	}
	patch := client.MergeFrom(c.DeepCopy())
	edit(&c.Spec)
	return d.env.Client.Patch(ctx, c, patch)
}

// Scale is `kubectl scale`, and returns what it printed.
func (d *Demo) Scale(ctx context.Context, nodes int) (string, error) {
	return d.env.Kubectl(ctx, "--namespace", Namespace, "scale", "kvcluster/"+d.Name, "--replicas="+strconv.Itoa(nodes))
}

// MustScale is Scale for when it must be accepted.
func (d *Demo) MustScale(ctx context.Context, nodes int) {
	Say("kubectl scale kvcluster/%s --replicas=%d", d.Name, nodes)
	_, err := d.Scale(ctx, nodes)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
}

// WaitAvailable waits for the condition Available.
func (d *Demo) WaitAvailable(ctx context.Context, b Budget) {
	Within(ctx, b, func(g gomega.Gomega) {
		c, err := d.Get(ctx)
		g.Expect(err).NotTo(gomega.HaveOccurred())
		expectCondition(g, c, v1alpha1.ConditionAvailable, metav1.ConditionTrue)
	})
}

// WaitRebalanced waits until the KVCluster is what its spec says, in every place
// where that can be seen: the conditions for this generation, the members, the
// StatefulSet and its pods.
func (d *Demo) WaitRebalanced(ctx context.Context, b Budget) {
	Within(ctx, b, func(g gomega.Gomega) {
		c, err := d.Get(ctx)
		g.Expect(err).NotTo(gomega.HaveOccurred())
		g.Expect(c.Status.ObservedGeneration).To(gomega.Equal(c.Generation), "observed generation")
		expectCondition(g, c, v1alpha1.ConditionAvailable, metav1.ConditionTrue)
		expectCondition(g, c, v1alpha1.ConditionRebalanced, metav1.ConditionTrue)
		expectCondition(g, c, v1alpha1.ConditionProgressing, metav1.ConditionFalse)
		expectCondition(g, c, v1alpha1.ConditionDegraded, metav1.ConditionFalse)
		g.Expect(c.Status.ReplicationFactor).To(gomega.Equal(c.Spec.ReplicationFactor), "replication factor in effect")
		g.Expect(c.Status.ReadyNodes).To(gomega.Equal(c.Spec.Nodes), "ready nodes")
		g.Expect(c.Status.Nodes).To(gomega.Equal(c.Spec.Nodes), "nodes")
		g.Expect(c.Status.Members).To(gomega.HaveLen(int(c.Spec.Nodes)), "members")
		for _, m := range c.Status.Members {
			g.Expect(m.State).To(gomega.Equal(v1alpha1.MemberActive), "state of %s", m.Name)
		}

		sts, err := d.StatefulSet(ctx)
		g.Expect(err).NotTo(gomega.HaveOccurred())
		g.Expect(*sts.Spec.Replicas).To(gomega.Equal(c.Spec.Nodes), "replicas of the StatefulSet")
		pods, err := d.Pods(ctx)
		g.Expect(err).NotTo(gomega.HaveOccurred())
		g.Expect(pods).To(gomega.HaveLen(int(c.Spec.Nodes)), "pods")
		for _, p := range pods {
			g.Expect(p.DeletionTimestamp).To(gomega.BeNil(), "%s is on its way out", p.Name)
		}
	})
}

func expectCondition(g gomega.Gomega, c *v1alpha1.KVCluster, kind string, status metav1.ConditionStatus) {
	condition := meta.FindStatusCondition(c.Status.Conditions, kind)
	g.Expect(condition).NotTo(gomega.BeNil(), "condition %s of %s", kind, c.Name)
	g.Expect(condition.Status).To(gomega.Equal(status), "condition %s of %s: %s: %s", kind, c.Name, condition.Reason, condition.Message)
}

// StatefulSet reads the StatefulSet of the KVCluster.
func (d *Demo) StatefulSet(ctx context.Context) (*appsv1.StatefulSet, error) {
	s := &appsv1.StatefulSet{}
	return s, d.env.Client.Get(ctx, d.Key(), s)
}

// labels select everything that belongs to the KVCluster.
func (d *Demo) labels() client.MatchingLabels {
	return client.MatchingLabels{"app.kubernetes.io/name": "ringkv", "app.kubernetes.io/instance": d.Name}
}

// Pods are those of the nodes, those that are ending included.
func (d *Demo) Pods(ctx context.Context) ([]corev1.Pod, error) {
	var list corev1.PodList
	err := d.env.Client.List(ctx, &list, client.InNamespace(Namespace), d.labels())
	return list.Items, err
}

// Pod reads one pod.
func (d *Demo) Pod(ctx context.Context, name string) (*corev1.Pod, error) {
	p := &corev1.Pod{}
	return p, d.env.Client.Get(ctx, client.ObjectKey{Namespace: Namespace, Name: name}, p)
}

// PodName is the pod with that ordinal.
func (d *Demo) PodName(ordinal int) string { return fmt.Sprintf("%s-%d", d.Name, ordinal) }

// Claims are the volume claims of the nodes, by the name of the pod.
func (d *Demo) Claims(ctx context.Context) (map[string]*corev1.PersistentVolumeClaim, error) {
	var list corev1.PersistentVolumeClaimList
	if err := d.env.Client.List(ctx, &list, client.InNamespace(Namespace), d.labels()); err != nil {
		return nil, err
	}
	claims := map[string]*corev1.PersistentVolumeClaim{}
	for i := range list.Items {
		claims[list.Items[i].Name[len("data-"):]] = &list.Items[i]
	}
	return claims, nil
}

// Delete deletes the KVCluster and waits until it is gone; it being gone already
// is fine.
func (d *Demo) Delete(ctx context.Context) {
	c := &v1alpha1.KVCluster{ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: d.Name}}
	gomega.Expect(client.IgnoreNotFound(d.env.Client.Delete(ctx, c))).To(gomega.Succeed())
	Within(ctx, Deleted, func(g gomega.Gomega) {
		_, err := d.Get(ctx)
		g.Expect(apierrors.IsNotFound(err)).To(gomega.BeTrue(), "KVCluster %s: %v", d.Name, err)
		pods, err := d.Pods(ctx)
		g.Expect(err).NotTo(gomega.HaveOccurred())
		g.Expect(pods).To(gomega.BeEmpty(), "pods")
	})
}
