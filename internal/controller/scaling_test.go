package controller

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ringkv/ringkv/api/v1alpha1"
)

// scaleSet sets the StatefulSet's replicas by hand.
func (b *bench) scaleSet(ctx context.Context, n int32) {
	GinkgoHelper()
	Eventually(func() error {
		var sts appsv1.StatefulSet
		if err := api.Get(ctx, client.ObjectKey{Namespace: b.ns, Name: "demo"}, &sts); err != nil {
			return err
		}
		sts.Spec.Replicas = &n
		return api.Update(ctx, &sts, client.FieldOwner("kubectl"))
	}).Should(Succeed())
}

var _ = Describe("Scaling a KVCluster", func() {
	var b *bench
	BeforeEach(func(ctx context.Context) { b = newBench(ctx) })

	It("grows and shrinks, and volumes go only with their proof", func(ctx context.Context) {
		b.create(ctx, "")
		b.settles(ctx)
		b.kube.data.Write(2000, 1<<20)
		b.scale(ctx, 6)
		c := b.settles(ctx)
		Expect(b.claims(ctx)).To(HaveLen(6))
		for _, m := range c.Status.Members {
			Expect(m.Replicas).To(BeNumerically("~", partitions*3/6, 2), "%s of three zones with two nodes each", m.Name)
		}
		b.scale(ctx, 3)
		b.settles(ctx)
		Eventually(func() []string { return b.claims(ctx) }).Should(ConsistOf("data-demo-0", "data-demo-1", "data-demo-2"))
		Expect(b.seen.all()).To(ContainElements("PodsAdded", "MemberJoined", "MemberLeaving", "MemberRemoved", "NodeRemoved", "VolumeDeleted"))
	})

	It("keeps the volumes of nodes that left when asked to, and takes them up again", func(ctx context.Context) {
		b.create(ctx, `{nodes: 4, storage: {whenScaled: Retain}}`)
		b.settles(ctx)
		node := b.kube.data.NodeID("demo-3")
		b.scale(ctx, 3)
		b.settles(ctx)
		Consistently(func() []string { return b.claims(ctx) }, "1s", "100ms").Should(HaveLen(4))
		b.change(ctx, func(s *v1alpha1.KVClusterSpec) { s.Storage.WhenScaled = v1alpha1.Delete })
		Consistently(func() []string { return b.claims(ctx) }, "1s", "100ms").Should(HaveLen(4), "what was kept on purpose stays")
		b.scale(ctx, 4)
		b.settles(ctx)
		Expect(b.kube.data.NodeID("demo-3")).To(Equal(node))
	})

	It("follows a change of mind at any moment", func(ctx context.Context) {
		seed := GinkgoRandomSeed()
		random := rand.New(rand.NewPCG(uint64(seed), 0))
		b.create(ctx, "")
		b.settles(ctx)
		b.kube.data.Write(20_000, 1<<20) // moves take a while
		for _, n := range []int32{5, 4, 3, 6, 3} {
			b.scale(ctx, n)
			wait := time.Duration(random.IntN(1500)) * time.Millisecond
			By(fmt.Sprintf("%d nodes for %s (seed %d)", n, wait, seed))
			Eventually(time.After(wait)).WithTimeout(5 * time.Second).Should(Receive())
		}
		b.settles(ctx)
		Eventually(func() []string { return b.claims(ctx) }).Should(HaveLen(3))
	})

	It("changes the number of copies while it runs", func(ctx context.Context) {
		b.create(ctx, `{replicationFactor: 1}`)
		b.settles(ctx)
		for _, rf := range []int32{3, 2} {
			b.change(ctx, func(s *v1alpha1.KVClusterSpec) { s.ReplicationFactor = rf })
			c := b.settles(ctx)
			total := int32(0)
			for _, m := range c.Status.Members {
				total += m.Replicas
			}
			Expect(total).To(Equal(partitions * rf))
		}
	})

	It("goes on where the last operator stopped", func(ctx context.Context) {
		b.create(ctx, `{nodes: 5}`)
		b.settles(ctx)
		b.kube.data.Write(20_000, 1<<20)
		b.scale(ctx, 3)
		for range 4 {
			Eventually(time.After(400 * time.Millisecond)).Should(Receive())
			b.stopOperator()
			b.startOperator()
		}
		b.settles(ctx)
		Eventually(func() []string { return b.claims(ctx) }).Should(HaveLen(3))
	})

	It("brings a StatefulSet that was scaled by hand back without harm", func(ctx context.Context) {
		b.create(ctx, "")
		b.settles(ctx)
		nodes := []any{b.kube.data.NodeID("demo-0"), b.kube.data.NodeID("demo-1"), b.kube.data.NodeID("demo-2")}
		replicas := func() int32 {
			var sts appsv1.StatefulSet
			Expect(api.Get(ctx, client.ObjectKey{Namespace: b.ns, Name: "demo"}, &sts)).To(Succeed())
			return *sts.Spec.Replicas
		}
		b.scaleSet(ctx, 1)
		Eventually(replicas).Should(BeEquivalentTo(3))
		b.settles(ctx)
		b.scaleSet(ctx, 5)
		Eventually(replicas).Should(BeEquivalentTo(3))
		b.settles(ctx)
		Eventually(func() []string { return b.claims(ctx) }).Should(HaveLen(3))
		Expect([]any{b.kube.data.NodeID("demo-0"), b.kube.data.NodeID("demo-1"), b.kube.data.NodeID("demo-2")}).To(Equal(nodes))
	})

	It("gets its StatefulSet back when somebody deletes it, with all data", func(ctx context.Context) {
		b.create(ctx, "")
		id := b.settles(ctx).Status.ClusterID
		node := b.kube.data.NodeID("demo-1")
		sts := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: b.ns, Name: "demo"}}
		Expect(api.Delete(ctx, sts)).To(Succeed())
		Eventually(func() types.UID {
			_ = api.Get(ctx, client.ObjectKeyFromObject(sts), sts) // not there for a moment
			return sts.UID
		}).ShouldNot(BeEmpty())
		Expect(b.settles(ctx).Status.ClusterID).To(Equal(id))
		Expect(b.kube.data.NodeID("demo-1")).To(Equal(node))
	})

	It("starts no moves while it is paused", func(ctx context.Context) {
		b.create(ctx, "")
		b.settles(ctx)
		b.kube.data.Write(20_000, 1<<20)
		b.change(ctx, func(s *v1alpha1.KVClusterSpec) { s.Rebalance.Paused, s.Nodes = true, 4 })
		Expect(b.says(ctx, v1alpha1.ConditionRebalanced, "False Paused")).To(ContainSubstring("spec.rebalance.paused"))
		made := b.kube.data.Created()
		Consistently(b.kube.data.Created, "1s", "100ms").Should(Equal(made))
		b.change(ctx, func(s *v1alpha1.KVClusterSpec) { s.Rebalance.Paused = false })
		b.settles(ctx)
		Expect(b.kube.data.Created()).To(BeNumerically(">", made))
	})

	It("refuses to shrink onto disks without room, and says so", func(ctx context.Context) {
		b.create(ctx, `{nodes: 4}`)
		b.settles(ctx)
		b.kube.data.Write(1000, 1<<30)
		for i := range 4 {
			b.kube.data.SetRoom(fmt.Sprintf("demo-%d", i), 100<<30, 1<<30, 0)
		}
		b.scale(ctx, 3)
		Expect(b.says(ctx, v1alpha1.ConditionDegraded, "True NotEnoughRoom")).To(ContainSubstring("disk"))
		Expect(verdictOf(b.get(ctx), v1alpha1.ConditionProgressing)).To(Equal("False NotEnoughRoom"))
		Consistently(func() int { return len(b.pods(ctx)) }, "1s", "100ms").Should(Equal(4))
		Expect(b.get(ctx).Spec.Nodes).To(BeEquivalentTo(3), "the wish is not rewritten")
		b.scale(ctx, 4)
		b.settles(ctx)
	})

	It("gives up a pod that never found a place", func(ctx context.Context) {
		b.create(ctx, "")
		b.settles(ctx)
		b.kube.set(func(k *fakeKube) { k.unschedulable["demo-3"] = true })
		b.scale(ctx, 4)
		Expect(b.says(ctx, v1alpha1.ConditionProgressing, "True ScalingOut")).To(ContainSubstring("demo-3"))
		b.scale(ctx, 3)
		b.settles(ctx)
		Eventually(func() []string { return b.claims(ctx) }).Should(HaveLen(3))
	})

	It("fills a node whose volume was lost again", func(ctx context.Context) {
		b.create(ctx, "")
		b.settles(ctx)
		b.kube.data.Write(20_000, 1<<20) // filling it takes a while
		old := b.kube.data.NodeID("demo-1")
		b.kube.data.LoseVolume("demo-1")
		b.says(ctx, v1alpha1.ConditionDegraded, "True VolumeLost")
		c := b.settles(ctx)
		Expect(b.seen.all()).To(ContainElement("MemberLost"))
		Expect(c.Status.Members[1].NodeID).To(Equal(string(b.kube.data.NodeID("demo-1"))))
		Expect(c.Status.Members[1].NodeID).NotTo(Equal(string(old)))
		Expect(c.Status.Members[1].Replicas).To(BeEquivalentTo(partitions))
	})

	It("knows nothing and removes nothing while no node answers", func(ctx context.Context) {
		b.create(ctx, `{nodes: 5}`)
		b.settles(ctx)
		b.cut.Store(true)
		b.scale(ctx, 3)
		Expect(b.says(ctx, v1alpha1.ConditionAvailable, "Unknown NodesUnreachable")).To(ContainSubstring("ready, but not seen by the operator"))
		b.says(ctx, v1alpha1.ConditionProgressing, "Unknown NodesUnreachable")
		b.says(ctx, v1alpha1.ConditionDegraded, "Unknown NodesUnreachable")
		c := b.get(ctx)
		Expect(verdictOf(c, v1alpha1.ConditionRebalanced)).NotTo(HavePrefix("True"))
		for _, m := range c.Status.Members {
			Expect(m.Up).To(BeFalse())
			Expect(m.LastSeen).NotTo(BeNil())
			Expect(m.Replicas).NotTo(BeZero(), "unknown is not empty")
		}
		Consistently(func() int { return len(b.pods(ctx)) }, "2s", "100ms").Should(Equal(5))
		Expect(b.claims(ctx)).To(HaveLen(5))
		b.cut.Store(false)
		b.settles(ctx)
	})

	It("starts nothing anew when its record is gone, and goes on when it is back", func(ctx context.Context) {
		b.create(ctx, "")
		b.settles(ctx)
		b.stopOperator()
		record := &corev1.ConfigMap{}
		Expect(api.Get(ctx, client.ObjectKey{Namespace: b.ns, Name: "demo-map"}, record)).To(Succeed())
		Expect(api.Delete(ctx, record)).To(Succeed())
		b.startOperator()
		Expect(b.says(ctx, v1alpha1.ConditionDegraded, "True RecordUnreadable")).To(ContainSubstring("restore it"))
		Expect(verdictOf(b.get(ctx), v1alpha1.ConditionAvailable)).To(Equal("Unknown RecordUnreadable"))
		b.scale(ctx, 5)
		b.scale(ctx, 3)
		Consistently(func() int { return len(b.pods(ctx)) }, "1s", "100ms").Should(BeNumerically(">=", 3))
		record.ObjectMeta = metav1.ObjectMeta{Namespace: b.ns, Name: "demo-map", Labels: record.Labels}
		Expect(api.Create(ctx, record)).To(Succeed())
		b.settles(ctx)
	})

	It("makes volumes larger where their class allows it", func(ctx context.Context) {
		for name, expandable := range map[string]bool{"grows-" + b.ns: true, "fixed-" + b.ns: false} {
			Expect(api.Create(ctx, &storagev1.StorageClass{
				ObjectMeta: metav1.ObjectMeta{Name: name}, Provisioner: "test", AllowVolumeExpansion: ptr.To(expandable),
			})).To(Succeed())
		}
		b.create(ctx, fmt.Sprintf(`{storage: {storageClassName: grows-%s}}`, b.ns))
		b.settles(ctx)
		b.change(ctx, func(s *v1alpha1.KVClusterSpec) { s.Storage.Size = resource.MustParse("2Gi") })
		Eventually(func(g Gomega) {
			var claims corev1.PersistentVolumeClaimList
			g.Expect(api.List(ctx, &claims, client.InNamespace(b.ns))).To(Succeed())
			for _, c := range claims.Items {
				g.Expect(c.Status.Capacity.Storage().String()).To(Equal("2Gi"))
			}
		}).Should(Succeed())
		b.settles(ctx)
		b.scale(ctx, 4)
		b.settles(ctx)
	})

	It("says when volumes cannot become larger", func(ctx context.Context) {
		Expect(api.Create(ctx, &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "never-" + b.ns}, Provisioner: "test"})).To(Succeed())
		b.create(ctx, fmt.Sprintf(`{storage: {storageClassName: never-%s}}`, b.ns))
		b.settles(ctx)
		b.change(ctx, func(s *v1alpha1.KVClusterSpec) { s.Storage.Size = resource.MustParse("2Gi") })
		Expect(b.says(ctx, v1alpha1.ConditionDegraded, "True StorageRefused")).To(ContainSubstring("does not allow volume expansion"))
		Expect(verdictOf(b.get(ctx), v1alpha1.ConditionAvailable)).To(Equal("True AllPartitionsAvailable"))
	})
})
