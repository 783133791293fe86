package e2e

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ringkv/ringkv/api/v1alpha1"
	"github.com/ringkv/ringkv/test/e2e/framework"
)

// wish is one that cannot be granted, with words that its refusal has to have.
type wish struct {
	what   string
	make   func(ctx context.Context, demo *framework.Demo) error
	reason string
}

func change(edit func(*v1alpha1.KVClusterSpec)) func(context.Context, *framework.Demo) error {
	return func(ctx context.Context, demo *framework.Demo) error { return demo.Change(ctx, edit) }
}

var badWishes = []wish{
	{"more replicas than nodes", change(func(s *v1alpha1.KVClusterSpec) { s.ReplicationFactor = 5 }), "replicationFactor must not be larger than nodes"},
	{"kubectl scale below the replication factor", func(ctx context.Context, demo *framework.Demo) error {
		_, err := demo.Scale(ctx, 2)
		return err
	}, "lower replicationFactor first"},
	{"kubectl scale to nothing", func(ctx context.Context, demo *framework.Demo) error {
		_, err := demo.Scale(ctx, 0)
		return err
	}, "greater than or equal to 1"},
	{"smaller volumes", change(func(s *v1alpha1.KVClusterSpec) { s.Storage.Size = resource.MustParse("512Mi") }), "may only grow"},
	{"another number of partitions", change(func(s *v1alpha1.KVClusterSpec) { s.Partitions = 2 * partitions }), "partitions cannot be changed"},
	{"a number of partitions that is no power of two", change(func(s *v1alpha1.KVClusterSpec) { s.Partitions = 12 }), "spec.partitions"},
	{"another storage class", change(func(s *v1alpha1.KVClusterSpec) { s.Storage.StorageClassName = new("other") }), "storageClassName cannot be changed"},
	{"an unknown read mode", change(func(s *v1alpha1.KVClusterSpec) { s.Reads = "Dirty" }), "spec.reads"},
}

func refusing() {
	It("refuses what it cannot do, with a reason, and leaves the data alone", Label("refuse"), func(ctx SpecContext) {
		demo := stage.Ready(ctx, partitions)
		ledger.UnderLoad(ctx, demo, "9 bad wishes", framework.Pause, func() {
			before := demo.MustLook(ctx).Placement()
			generation := demo.Current(ctx).Generation
			for _, w := range badWishes {
				framework.Say("%s", w.what)
				err := w.make(ctx, demo)
				Expect(err).To(HaveOccurred(), w.what)
				Expect(err.Error()).To(ContainSubstring(w.reason), w.what)
			}
			Expect(demo.Current(ctx).Generation).To(Equal(generation), "the spec is as it was")
			demo.WaitRebalanced(ctx, framework.Refusal)
			Expect(demo.MustLook(ctx).Placement()).To(Equal(before), "placement")
		})
	}, SpecTimeout(5*time.Minute))

	It("brings the StatefulSet back when somebody scales it", Label("refuse", "statefulset"), func(ctx SpecContext) {
		demo := stage.Ready(ctx, partitions)
		members := nodeIDs(ctx, demo)
		for _, step := range []struct{ name, replicas string }{
			{"9 kubectl scale sts to 2", "2"},
			{"9 kubectl scale sts to 5", "5"},
		} {
			ledger.UnderLoad(ctx, demo, step.name, framework.Pause, func() {
				before := demo.MustLook(ctx).Placement()
				_, err := env.Kubectl(ctx, "--namespace", framework.Namespace, "scale", "statefulset/"+demo.Name, "--replicas="+step.replicas)
				Expect(err).NotTo(HaveOccurred())
				framework.Within(ctx, framework.StatefulSetMended, func(g Gomega) {
					sts, err := demo.StatefulSet(ctx)
					g.Expect(err).NotTo(HaveOccurred())
					g.Expect(*sts.Spec.Replicas).To(BeEquivalentTo(3), "replicas of the StatefulSet")
				})
				// A pod may already have been told to go: it must be back, too.
				framework.Within(ctx, framework.PodBack, func(g Gomega) {
					sts, err := demo.StatefulSet(ctx)
					g.Expect(err).NotTo(HaveOccurred())
					g.Expect(sts.Status.ObservedGeneration).To(Equal(sts.Generation), "the StatefulSet's controller has seen it")
					g.Expect(sts.Status.ReadyReplicas).To(BeEquivalentTo(3), "ready pods")
					view, err := demo.Look(ctx)
					g.Expect(err).NotTo(HaveOccurred())
					g.Expect(view.Pods).To(HaveLen(3))
					for _, p := range view.Pods {
						g.Expect(p.DeletionTimestamp).To(BeNil(), p.Name+" is on its way out")
					}
					g.Expect(view.Errors).To(BeEmpty(), "nodes that do not answer")
				})
				demo.WaitRebalanced(ctx, framework.PodBack)
				Expect(demo.MustLook(ctx).Placement()).To(Equal(before), "placement")
				Expect(nodeIDs(ctx, demo)).To(Equal(members), "the same nodes on the same volumes")
			})
		}
	}, SpecTimeout(8*time.Minute))
}

// refusingLater comes after all scenarios that need a KVCluster without a wish that
// stays refused: a volume's size can only grow, so this one cannot be taken back.
func refusingLater() {
	It("says why volumes cannot grow where their class does not allow it, and goes on", Label("refuse", "grow"), func(ctx SpecContext) {
		demo := stage.Ready(ctx, partitions)
		claims, err := demo.Claims(ctx)
		Expect(err).NotTo(HaveOccurred())
		for _, claim := range claims {
			class := &storagev1.StorageClass{}
			Expect(env.Client.Get(ctx, client.ObjectKey{Name: *claim.Spec.StorageClassName}, class)).To(Succeed())
			if class.AllowVolumeExpansion != nil && *class.AllowVolumeExpansion {
				Skip("the default storage class of this Kubernetes allows volumes to grow")
			}
		}
		ledger.UnderLoad(ctx, demo, "9 volumes that cannot grow", framework.Pause, func() {
			Expect(demo.Change(ctx, func(s *v1alpha1.KVClusterSpec) { s.Storage.Size = resource.MustParse("2Gi") })).To(Succeed())
			framework.Within(ctx, framework.Refusal, func(g Gomega) {
				c, err := demo.Get(ctx)
				g.Expect(err).NotTo(HaveOccurred())
				degraded := meta.FindStatusCondition(c.Status.Conditions, v1alpha1.ConditionDegraded)
				g.Expect(degraded).NotTo(BeNil())
				g.Expect(degraded.Status).To(Equal(metav1.ConditionTrue))
				g.Expect(degraded.Message).To(ContainSubstring("class"), "the reason in words")
			})
			demo.WaitAvailable(ctx, framework.Refusal)
		})
	}, SpecTimeout(5*time.Minute))
}

// nodeIDs are those of the members, by pod.
func nodeIDs(ctx context.Context, demo *framework.Demo) map[string]string {
	ids := map[string]string{}
	for pod, s := range demo.MustLook(ctx).Statuses {
		ids[pod] = string(s.Node)
	}
	return ids
}
