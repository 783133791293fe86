package controller

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ringkv/ringkv/api/v1alpha1"
)

var _ = Describe("A KVCluster", func() {
	var b *bench
	BeforeEach(func(ctx context.Context) { b = newBench(ctx) })

	It("becomes available, spread over zones, with all its objects", func(ctx context.Context) {
		b.create(ctx, "")
		c := b.settles(ctx)
		Expect(c.Status.ClusterID).NotTo(BeEmpty())
		Expect(c.Status.Selector).To(Equal("app.kubernetes.io/component=node,app.kubernetes.io/instance=demo,app.kubernetes.io/name=ringkv"))
		Expect(c.Status.Image).To(Equal("ringkv:one"))
		for i, m := range c.Status.Members {
			Expect(m.Zone).To(Equal(zones[i]))
			Expect(m.State).To(Equal(v1alpha1.MemberActive))
			Expect(m.Up).To(BeTrue())
			Expect(m.Ready).To(BeTrue())
			Expect(m.Replicas).To(BeEquivalentTo(partitions), "three copies on three nodes: each has all")
		}
		key := func(name string) client.ObjectKey { return client.ObjectKey{Namespace: b.ns, Name: name} }
		Expect(api.Get(ctx, key("demo"), &appsv1.StatefulSet{})).To(Succeed())
		Expect(api.Get(ctx, key("demo"), &corev1.Service{})).To(Succeed())
		Expect(api.Get(ctx, key("demo-nodes"), &corev1.Service{})).To(Succeed())
		Expect(api.Get(ctx, key("demo-nodes"), &corev1.ServiceAccount{})).To(Succeed())
		Expect(api.Get(ctx, key("demo-nodes"), &policyv1.PodDisruptionBudget{})).To(Succeed())
		Expect(api.Get(ctx, key("demo-map"), &corev1.ConfigMap{})).To(Succeed())
		Expect(b.seen.all()).To(ContainElements("ClusterCreated", "ClusterInitialized", "AllPartitionsAvailable", "Balanced"))
	})

	It("causes no writes while it is at rest, whatever wakes the operator", func(ctx context.Context) {
		b.create(ctx, "")
		b.settles(ctx)
		// The figures of the last nodes to be seen may still come in.
		Eventually(func() int64 { n := b.writes.Load(); sleepUnless(ctx); return b.writes.Load() - n }).WithPolling(0).Should(BeZero())
		before, version := b.writes.Load(), b.get(ctx).ResourceVersion
		Consistently(func(g Gomega) {
			// Something that wakes the operator and means nothing to it.
			var pod corev1.Pod
			g.Expect(api.Get(ctx, client.ObjectKey{Namespace: b.ns, Name: "demo-0"}, &pod)).To(Succeed())
			was := pod.DeepCopy()
			metav1.SetMetaDataAnnotation(&pod.ObjectMeta, "test/wake", string(pod.ResourceVersion))
			g.Expect(api.Patch(ctx, &pod, client.MergeFrom(was))).To(Succeed())
			g.Expect(b.writes.Load()).To(Equal(before))
		}, "6s", "500ms").Should(Succeed())
		Expect(b.get(ctx).ResourceVersion).To(Equal(version))
	})

	It("causes no more than no-op writes when a new operator takes over", func(ctx context.Context) {
		b.create(ctx, "")
		b.settles(ctx)
		b.stopOperator()
		version := b.get(ctx).ResourceVersion
		var sts appsv1.StatefulSet
		Expect(api.Get(ctx, client.ObjectKey{Namespace: b.ns, Name: "demo"}, &sts)).To(Succeed())
		pods := b.pods(ctx)
		b.writes.Store(0)
		b.image = "ringkv:two"
		b.startOperator()
		Eventually(b.writes.Load).Should(BeNumerically(">=", 5), "each object is applied once")
		Consistently(func(g Gomega) {
			var now appsv1.StatefulSet
			g.Expect(api.Get(ctx, client.ObjectKeyFromObject(&sts), &now)).To(Succeed())
			g.Expect(now.ResourceVersion).To(Equal(sts.ResourceVersion), "another default image restarts nothing")
			g.Expect(b.get(ctx).ResourceVersion).To(Equal(version))
			g.Expect(b.pods(ctx)).To(Equal(pods))
		}, "3s", "200ms").Should(Succeed())
	})

	It("has its objects restored when somebody changes them", func(ctx context.Context) {
		b.create(ctx, "")
		b.settles(ctx)
		svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: b.ns, Name: "demo"}}
		Expect(api.Get(ctx, client.ObjectKeyFromObject(svc), svc)).To(Succeed())
		svc.Spec.Selector = map[string]string{"nobody": "here"}
		svc.Labels["mine"] = "stays"
		Expect(api.Update(ctx, svc)).To(Succeed())
		Eventually(func(g Gomega) {
			g.Expect(api.Get(ctx, client.ObjectKeyFromObject(svc), svc)).To(Succeed())
			g.Expect(svc.Spec.Selector).To(HaveKeyWithValue("app.kubernetes.io/instance", "demo"))
			g.Expect(svc.Labels).To(HaveKeyWithValue("mine", "stays"), "what is not the operator's is left alone")
		}).Should(Succeed())
		Expect(api.Delete(ctx, svc)).To(Succeed())
		Eventually(func() error { return api.Get(ctx, client.ObjectKeyFromObject(svc), svc) }).Should(Succeed())
	})

	It("does not take over what belongs to somebody else", func(ctx context.Context) {
		theirs := &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: b.ns, Name: "demo"},
			Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}},
		}
		Expect(api.Create(ctx, theirs)).To(Succeed())
		version := theirs.ResourceVersion
		b.create(ctx, "")
		Expect(b.says(ctx, v1alpha1.ConditionDegraded, "True NotOurs")).To(ContainSubstring("Service demo exists and belongs to somebody else"))
		Expect(api.Get(ctx, client.ObjectKeyFromObject(theirs), theirs)).To(Succeed())
		Expect(theirs.ResourceVersion).To(Equal(version))
		Expect(api.Delete(ctx, theirs)).To(Succeed())
		b.settles(ctx)
	})

	It("takes up its data again after it was deleted and made anew (Retain)", func(ctx context.Context) {
		b.create(ctx, "")
		id := b.settles(ctx).Status.ClusterID
		Expect(api.Delete(ctx, b.get(ctx))).To(Succeed())
		b.gone(ctx)
		Expect(b.claims(ctx)).To(HaveLen(3))
		var record corev1.ConfigMap
		Expect(api.Get(ctx, client.ObjectKey{Namespace: b.ns, Name: "demo-map"}, &record)).To(Succeed())
		Expect(record.OwnerReferences).To(BeEmpty(), "else it would go with the KVCluster")
		b.collectGarbage(ctx)
		b.create(ctx, "")
		Expect(b.settles(ctx).Status.ClusterID).To(Equal(id))
	})

	It("leaves nothing behind when it is deleted and should not (Delete)", func(ctx context.Context) {
		b.loses = true
		b.create(ctx, `{storage: {whenDeleted: Delete}}`)
		b.settles(ctx)
		Expect(api.Delete(ctx, b.get(ctx))).To(Succeed())
		b.gone(ctx)
		Eventually(func() []string { return b.claims(ctx) }).Should(BeEmpty())
		err := api.Get(ctx, client.ObjectKey{Namespace: b.ns, Name: "demo-map"}, &corev1.ConfigMap{})
		Expect(apierrors.IsNotFound(err)).To(BeTrue(), "got %v", err)
	})

	It("restarts its pods one at a time when their template changes", func(ctx context.Context) {
		b.create(ctx, "")
		b.settles(ctx)
		before := b.pods(ctx)
		b.kube.set(func(k *fakeKube) { k.watching, k.restarts = true, nil })
		b.change(ctx, func(s *v1alpha1.KVClusterSpec) { s.Image = "ringkv:three" })
		Eventually(func(g Gomega) {
			after := b.pods(ctx)
			g.Expect(after).To(HaveLen(3))
			for name, uid := range before {
				g.Expect(after[name]).NotTo(Equal(uid))
			}
		}).Should(Succeed())
		Expect(b.settles(ctx).Status.Image).To(Equal("ringkv:three"))
		b.kube.set(func(k *fakeKube) {
			Expect(k.mostStopped).To(Equal(1), "never two at a time")
			Expect(k.restarts).To(Equal([]string{"demo-2", "demo-1", "demo-0"}))
		})
		Expect(b.seen.all()).To(ContainElement("PodRestarted"))
	})

	It("goes back from an image that does not run without touching the pods that do", func(ctx context.Context) {
		b.create(ctx, "")
		b.settles(ctx)
		before := b.pods(ctx)
		b.kube.set(func(k *fakeKube) { k.badImages["ringkv:broken"] = true })
		b.change(ctx, func(s *v1alpha1.KVClusterSpec) { s.Image = "ringkv:broken" })
		Expect(b.says(ctx, v1alpha1.ConditionDegraded, "True NodesDown")).To(ContainSubstring("ImagePullBackOff"))
		b.change(ctx, func(s *v1alpha1.KVClusterSpec) { s.Image = "ringkv:one" })
		b.settles(ctx)
		after := b.pods(ctx)
		Expect(after["demo-0"]).To(Equal(before["demo-0"]))
		Expect(after["demo-1"]).To(Equal(before["demo-1"]))
	})

	It("has no disruption budget with one node, and one with two", func(ctx context.Context) {
		b.create(ctx, `{nodes: 1, replicationFactor: 1}`)
		b.settles(ctx)
		budget := &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Namespace: b.ns, Name: "demo-nodes"}}
		Expect(apierrors.IsNotFound(api.Get(ctx, client.ObjectKeyFromObject(budget), budget))).To(BeTrue())
		b.scale(ctx, 2)
		b.settles(ctx)
		Expect(api.Get(ctx, client.ObjectKeyFromObject(budget), budget)).To(Succeed())
		b.scale(ctx, 1)
		b.settles(ctx)
		Eventually(func() bool { return apierrors.IsNotFound(api.Get(ctx, client.ObjectKeyFromObject(budget), budget)) }).Should(BeTrue())
	})
})
