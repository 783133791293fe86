package e2e

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/ringkv/ringkv/test/e2e/framework"
)

func draining() {
	It("serves while a worker is drained, and lets no second one be drained", Label("drain"), func(ctx SpecContext) {
		demo := stage.Ready(ctx, partitions)
		first, second := workersWithOnePod(ctx, demo)
		DeferCleanup(func(ctx SpecContext) { env.Uncordon(ctx) }, NodeTimeout(time.Minute))
		ledger.UnderLoad(ctx, demo, "7 worker drained", framework.Pause, func() {
			framework.Say("kubectl drain %s", first)
			_, err := env.Kubectl(ctx, "drain", first, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout="+framework.Drained.Limit.String())
			Expect(err).NotTo(HaveOccurred())

			// The volume is on the drained worker, so its node stays away until the
			// worker is back. Meanwhile no other may go.
			framework.Say("kubectl drain %s is refused", second)
			out, err := env.Kubectl(ctx, "drain", second, "--ignore-daemonsets", "--delete-emptydir-data",
				"--pod-selector=app.kubernetes.io/instance="+demo.Name, "--timeout=10s")
			Expect(err).To(HaveOccurred(), "draining a second worker")
			Expect(out).To(ContainSubstring("disruption budget"))
			demo.WaitAvailable(ctx, framework.PodBack)

			framework.Say("uncordon both")
			env.Uncordon(ctx)
			demo.WaitRebalanced(ctx, framework.PodBack)
			demo.ExpectShape(ctx)
		})
	}, SpecTimeout(8*time.Minute))
}

// workersWithOnePod are two workers that run exactly one node each.
func workersWithOnePod(ctx context.Context, demo *framework.Demo) (string, string) {
	pods, err := demo.Pods(ctx)
	Expect(err).NotTo(HaveOccurred())
	count := map[string]int{}
	for _, p := range pods {
		count[p.Spec.NodeName]++
	}
	workers, err := env.Workers(ctx)
	Expect(err).NotTo(HaveOccurred())
	var found []string
	for _, w := range workers {
		if count[w] == 1 {
			found = append(found, w)
		}
	}
	Expect(len(found)).To(BeNumerically(">=", 2), "workers with one node each: %v", count)
	return found[0], found[1]
}
