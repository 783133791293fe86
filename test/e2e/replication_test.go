package e2e

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/ringkv/ringkv/api/v1alpha1"
	"github.com/ringkv/ringkv/test/e2e/framework"
)

func changingReplication() {
	It("changes its replication factor while it serves", Label("replication"), func(ctx SpecContext) {
		demo := stage.Ready(ctx, partitions)
		from := 3
		for _, to := range []int{1, 3, 2, 3} {
			ledger.UnderLoad(ctx, demo, fmt.Sprintf("4 replicationFactor %d -> %d", from, to), framework.Pause, func() {
				witness := demo.StartWitness(ctx, min(from, to))
				framework.Say("replicationFactor: %d", to)
				Expect(demo.Change(ctx, func(s *v1alpha1.KVClusterSpec) { s.ReplicationFactor = int32(to) })).To(Succeed())
				demo.WaitRebalanced(ctx, framework.Rebalanced)
				Expect(witness.Stop()).To(BeEmpty(), "pods that had to go")
				demo.ExpectShape(ctx)
			})
			from = to
		}
	}, SpecTimeout(10*time.Minute))
}
