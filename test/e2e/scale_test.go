package e2e

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/ringkv/ringkv/test/e2e/framework"
)

// movement is how many copies more than needed a scale event may move: I5.
const movement = 1.05

func scaling() {
	It("grows from 3 to 5 nodes and shrinks back, moving no more than it must", Label("scale"), func(ctx SpecContext) {
		demo := stage.Ready(ctx, 64)
		ledger.UnderLoad(ctx, demo, "2 scale 3 -> 5", framework.Pause, func() {
			before := demo.MustLook(ctx)
			witness := demo.StartWitness(ctx, 3)
			demo.MustScale(ctx, 5)
			demo.WaitRebalanced(ctx, framework.Rebalanced)
			Expect(witness.Stop()).To(BeEmpty(), "pods that had to go")
			demo.ExpectShape(ctx)

			after := demo.MustLook(ctx)
			needed := after.Copies(demo.PodName(3)) + after.Copies(demo.PodName(4))
			Expect(needed).NotTo(BeZero())
			Expect(float64(after.CopiesMade()-before.CopiesMade())).To(BeNumerically("<=", movement*float64(needed)),
				"copies that were moved, when the new nodes hold %d", needed)
		})
		ledger.UnderLoad(ctx, demo, "2 scale 5 -> 3", framework.Pause, func() {
			before := demo.MustLook(ctx)
			needed := before.Copies(demo.PodName(3)) + before.Copies(demo.PodName(4))
			witness := demo.StartWitness(ctx, 3)
			demo.MustScale(ctx, 3)
			demo.WaitRebalanced(ctx, framework.Rebalanced)
			Expect(witness.Stop()).To(HaveLen(2), "pods that had to go")
			demo.ExpectShape(ctx)

			after := demo.MustLook(ctx)
			Expect(float64(after.CopiesMade()-before.CopiesMade())).To(BeNumerically("<=", movement*float64(needed)),
				"copies that were moved, when the nodes that left held %d", needed)
			framework.Within(ctx, framework.Deleted, func(g Gomega) {
				claims, err := demo.Claims(ctx)
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(claims).To(And(HaveLen(3), HaveKey(demo.PodName(0)), HaveKey(demo.PodName(1)), HaveKey(demo.PodName(2))))
			})
		})
	}, SpecTimeout(10*time.Minute))

	It("follows a change of mind while moves run", Label("scale", "mind"), func(ctx SpecContext) {
		demo := stage.Ready(ctx, partitions)
		ledger.UnderLoad(ctx, demo, "3 scale 3 -> 5 -> 4 -> 3", framework.Pause, func() {
			witness := demo.StartWitness(ctx, 3)
			demo.MustScale(ctx, 5)
			waitForMoves(ctx, demo)
			demo.MustScale(ctx, 4)
			waitForMoves(ctx, demo)
			demo.MustScale(ctx, 3)
			demo.WaitRebalanced(ctx, framework.Rebalanced)
			witness.Stop()
			demo.ExpectShape(ctx)
		})
	}, SpecTimeout(8*time.Minute))
}
