package e2e

import (
	"context"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ringkv/ringkv/test/e2e/framework"
)

func crashing() {
	It("goes on when a leader's pod is deleted", Label("crash"), func(ctx SpecContext) {
		demo := stage.Ready(ctx, partitions)
		ledger.UnderLoad(ctx, demo, "5 leader's pod deleted", framework.Pause, func() {
			victim := busiest(ctx, demo)
			framework.Say("delete the pod %s", victim.Name)
			Expect(env.Client.Delete(ctx, victim)).To(Succeed())
			demo.WaitReplaced(ctx, framework.PodBack, victim)
			demo.WaitRebalanced(ctx, framework.PodBack)
			demo.ExpectShape(ctx)
		})
	}, SpecTimeout(6*time.Minute))

	It("goes on when a leader's process is killed", Label("crash"), func(ctx SpecContext) {
		demo := stage.Ready(ctx, partitions)
		ledger.UnderLoad(ctx, demo, "5 leader's kvnode killed (-9)", framework.Pause, func() {
			victim := busiest(ctx, demo)
			framework.Say("kill -9 the kvnode of %s", victim.Name)
			Expect(env.KillContainer(ctx, victim)).To(Succeed())
			demo.WaitRestarted(ctx, framework.NodeKilled, victim)
			demo.WaitRebalanced(ctx, framework.PodBack)
			demo.ExpectShape(ctx)
		})
	}, SpecTimeout(6*time.Minute))

	It("has everything that was acknowledged when all its processes are killed at once", Label("crash", "all"), func(ctx SpecContext) {
		demo := stage.Ready(ctx, partitions)
		ledger.UnderLoad(ctx, demo, "5 all kvnodes killed (-9)", framework.NoLimit, func() {
			pods, err := demo.Pods(ctx)
			Expect(err).NotTo(HaveOccurred())
			framework.Say("kill -9 all %d kvnodes", len(pods))
			var all sync.WaitGroup
			errs := make([]error, len(pods))
			for i := range pods {
				all.Go(func() { errs[i] = env.KillContainer(ctx, &pods[i]) })
			}
			all.Wait()
			Expect(errs).To(HaveEach(BeNil()))
			for i := range pods {
				demo.WaitRestarted(ctx, framework.AllPodsBack, &pods[i])
			}
			demo.WaitRebalanced(ctx, framework.AllPodsBack)
			demo.ExpectShape(ctx)
		})
	}, SpecTimeout(6*time.Minute))

	It("has everything that was acknowledged when all its pods are deleted at once", Label("crash", "all"), func(ctx SpecContext) {
		demo := stage.Ready(ctx, partitions)
		ledger.UnderLoad(ctx, demo, "5 all pods deleted", framework.NoLimit, func() {
			pods, err := demo.Pods(ctx)
			Expect(err).NotTo(HaveOccurred())
			framework.Say("delete all %d pods", len(pods))
			for i := range pods {
				Expect(env.Client.Delete(ctx, &pods[i])).To(Succeed())
			}
			for i := range pods {
				demo.WaitReplaced(ctx, framework.AllPodsBack, &pods[i])
			}
			demo.WaitRebalanced(ctx, framework.AllPodsBack)
			demo.ExpectShape(ctx)
		})
	}, SpecTimeout(8*time.Minute))
}

func losingVolumes() {
	It("fills a node again that has lost its volume", Label("volume"), func(ctx SpecContext) {
		demo := stage.Ready(ctx, partitions)
		ledger.UnderLoad(ctx, demo, "6 volume lost", framework.Pause, func() {
			victim := busiest(ctx, demo)
			before := demo.MustLook(ctx)
			lost := before.Statuses[victim.Name].Node
			claims, err := demo.Claims(ctx)
			Expect(err).NotTo(HaveOccurred())
			claim := claims[victim.Name]

			framework.Say("delete the volume claim and the pod %s (node %s)", victim.Name, lost.Short())
			Expect(env.Client.Delete(ctx, claim)).To(Succeed())
			Expect(env.Client.Delete(ctx, victim, client.GracePeriodSeconds(1))).To(Succeed())
			demo.WaitReplaced(ctx, framework.VolumeReplaced, victim)
			demo.WaitRebalanced(ctx, framework.VolumeReplaced)
			demo.ExpectShape(ctx)

			claims, err = demo.Claims(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(claims).To(HaveKey(victim.Name))
			Expect(claims[victim.Name].UID).NotTo(Equal(claim.UID), "the claim is a new one")
			after := demo.MustLook(ctx)
			Expect(after.Statuses[victim.Name].Node).NotTo(Equal(lost), "the node is a new member")
			Expect(after.PodOf(lost)).To(BeEmpty())
			Expect(after.Copies(victim.Name)).To(Equal(partitions), "with as many nodes as replicas every node holds all")
		})
	}, SpecTimeout(8*time.Minute))
}

// busiest is the pod whose node leads the most partitions.
func busiest(ctx context.Context, demo *framework.Demo) *corev1.Pod {
	name := demo.MustLook(ctx).BusiestPod()
	Expect(name).NotTo(BeEmpty(), "a node that leads")
	pod, err := demo.Pod(ctx, name)
	Expect(err).NotTo(HaveOccurred())
	return pod
}
