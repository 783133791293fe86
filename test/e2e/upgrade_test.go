package e2e

import (
	"context"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/ringkv/ringkv/api/v1alpha1"
	"github.com/ringkv/ringkv/test/e2e/framework"
)

func upgrading() {
	It("restarts no node when the operator is upgraded", Label("upgrade"), func(ctx SpecContext) {
		demo := stage.Ready(ctx, partitions)
		// The same bytes under another name: for the operator it is another version,
		// whose default image for nodes is another one too.
		repository, tag, _ := strings.Cut(env.Image, ":")
		next := repository + ":" + tag + "-next"
		Expect(env.TagImage(ctx, next)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) {
			_, err := env.InstallOperator(ctx, env.Image)
			Expect(err).NotTo(HaveOccurred())
		}, NodeTimeout(3*time.Minute))

		ledger.UnderLoad(ctx, demo, "10 operator upgraded", framework.Pause, func() {
			before := runs(ctx, demo)
			managers, err := env.ManagerPods(ctx)
			Expect(err).NotTo(HaveOccurred())
			framework.Say("helm upgrade to %s", next)
			_, err = env.InstallOperator(ctx, next)
			Expect(err).NotTo(HaveOccurred())
			env.WaitForOtherManagers(ctx, managers)
			framework.Throughout(ctx, framework.NothingMoves, func(g Gomega) {
				g.Expect(runs(ctx, demo)).To(Equal(before), "pods and their starts")
			})
			demo.WaitRebalanced(ctx, framework.PodBack)
		})
	}, SpecTimeout(6*time.Minute))
}

// upgradingNodes comes last: it begins with a KVCluster of its own.
func upgradingNodes() {
	It("upgrades its nodes one at a time from an earlier build with another format", Label("upgrade"), func(ctx SpecContext) {
		if env.PreviousImage == "" {
			Skip("RINGKV_PREVIOUS_IMAGE is not set: `make e2e` builds it where the history reaches back far enough")
		}
		stage.Clear(ctx)
		env.EnsureNamespace(ctx)
		demo := framework.NewDemo(env, "demo")
		demo.Image = env.PreviousImage
		demo.Apply(ctx, partitions)
		demo.WaitRebalanced(ctx, framework.Rebalanced)
		demo.StartLoad(ctx)
		stage.Put(demo, partitions)
		stage.Spoil() // what comes after begins with this build
		Expect(images(ctx, demo)).To(HaveEach(env.PreviousImage))

		ledger.UnderLoad(ctx, demo, "11 nodes upgraded", framework.Pause, func() {
			framework.Say("upgrade the nodes to %s", env.Image)
			Expect(demo.Change(ctx, func(s *v1alpha1.KVClusterSpec) { s.Image = env.Image })).To(Succeed())
			framework.Within(ctx, framework.Rebalanced, func(g Gomega) { g.Expect(images(ctx, demo)).To(HaveEach(env.Image)) })
			demo.WaitRebalanced(ctx, framework.Rebalanced)
			demo.ExpectShape(ctx)
		})
	}, SpecTimeout(8*time.Minute))
}

// images are those that the nodes' containers are to run.
func images(ctx context.Context, demo *framework.Demo) (out []string) {
	pods, err := demo.Pods(ctx)
	Expect(err).NotTo(HaveOccurred())
	for _, p := range pods {
		out = append(out, p.Spec.Containers[0].Image)
	}
	return out
}

func deleting() {
	It("leaves its volumes when it is deleted, and finds all its data when it is made again", Label("delete"), func(ctx SpecContext) {
		demo := stage.Ready(ctx, partitions)
		ledger.UnderLoad(ctx, demo, "10 deleted and made again", framework.NoLimit, func() {
			claims, err := demo.Claims(ctx)
			Expect(err).NotTo(HaveOccurred())
			ids := nodeIDs(ctx, demo)
			framework.Say("delete the KVCluster")
			demo.Delete(ctx)
			left, err := demo.Claims(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(left).To(HaveLen(len(claims)), "volume claims that are left")
			for pod, claim := range left {
				Expect(claim.UID).To(Equal(claims[pod].UID))
				Expect(claim.DeletionTimestamp).To(BeNil())
			}

			framework.Say("make it again")
			demo.Apply(ctx, partitions)
			demo.WaitRebalanced(ctx, framework.AllPodsBack)
			Expect(nodeIDs(ctx, demo)).To(Equal(ids), "the same nodes on the same volumes")
			demo.ExpectShape(ctx)
		})
	}, SpecTimeout(8*time.Minute))

	It("takes everything with it when it is deleted with whenDeleted: Delete", Label("delete"), func(ctx SpecContext) {
		demo := stage.Ready(ctx, partitions)
		Expect(demo.Change(ctx, func(s *v1alpha1.KVClusterSpec) { s.Storage.WhenDeleted = v1alpha1.Delete })).To(Succeed())
		demo.WaitRebalanced(ctx, framework.PodBack)
		demo.StopLoad(ctx)
		demo.Delete(ctx)
		framework.Within(ctx, framework.Deleted, func(g Gomega) {
			left, err := env.Kubectl(ctx, "--namespace", framework.Namespace, "get",
				"kvclusters,statefulsets,pods,services,pvc,pdb,configmaps,serviceaccounts", "--output=name",
				"--selector=app.kubernetes.io/instance="+demo.Name)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(left).To(Or(BeEmpty(), ContainSubstring("No resources found")), "objects that are left")
		})
		stage.Clear(ctx)
	}, SpecTimeout(5*time.Minute))
}

// runs says for every node which pod it is, how often that was started and when.
func runs(ctx context.Context, demo *framework.Demo) map[string]string {
	pods, err := demo.Pods(ctx)
	Expect(err).NotTo(HaveOccurred())
	out := map[string]string{}
	for _, p := range pods {
		for _, s := range p.Status.ContainerStatuses {
			out[p.Name] = fmt.Sprintf("pod %s, container %s, %d restarts", p.UID, s.ContainerID, s.RestartCount)
		}
	}
	return out
}
