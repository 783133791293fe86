package e2e

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/ringkv/ringkv/test/e2e/framework"
)

func resting() {
	It("causes no API writes once it has converged", Label("rest"), func(ctx SpecContext) {
		demo := stage.Ready(ctx, partitions)
		demo.WaitRebalanced(ctx, framework.Rebalanced)
		env.WaitSettled(ctx)
		ledger.UnderLoad(ctx, demo, "11 at rest for a minute", framework.Pause, func() {
			diary := demo.StartDiary(ctx)
			versions, err := env.Versions(ctx)
			Expect(err).NotTo(HaveOccurred())
			writes, err := env.Writes(ctx)
			Expect(err).NotTo(HaveOccurred())
			framework.Wait(ctx, framework.Quiet.Limit)

			after, err := env.Writes(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(diary.Stop()).To(BeEmpty(), "changes of the KVCluster")
			Expect(framework.Changes(writes, after)).To(BeEmpty(), "writes that the API server was asked for in %s", framework.Quiet.Limit)
			now, err := env.Versions(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(framework.Changes(versions, now)).To(BeEmpty(), "objects that changed in %s", framework.Quiet.Limit)
		})
	}, SpecTimeout(5*time.Minute))
}
