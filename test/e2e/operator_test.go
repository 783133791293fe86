package e2e

import (
	"fmt"
	"math/rand/v2"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/ringkv/ringkv/test/e2e/framework"
)

// kills is how often a manager is killed during scale events.
const kills = 10

func losingTheOperator() {
	It("works without its operator, and nothing moves when that returns", Label("operator"), func(ctx SpecContext) {
		demo := stage.Ready(ctx, partitions)
		ledger.UnderLoad(ctx, demo, "8 no operator for a minute", framework.Pause, func() {
			before := demo.MustLook(ctx).Placement()
			epoch := demo.Current(ctx).Status.Epoch
			framework.Say("scale the manager to 0")
			env.ScaleOperator(ctx, 0)

			victim := busiest(ctx, demo)
			framework.Say("delete the pod %s", victim.Name)
			gone := time.Now()
			Expect(env.Client.Delete(ctx, victim)).To(Succeed())
			demo.WaitReplaced(ctx, framework.PodBack, victim)
			framework.Throughout(ctx, framework.Budget{What: framework.OperatorAway.What, Limit: framework.OperatorAway.Limit - time.Since(gone)}, func(g Gomega) {
				g.Expect(demo.MustLook(ctx).Placement()).To(Equal(before), "placement")
			})

			framework.Say("scale the manager to 2")
			env.ScaleOperator(ctx, 2)
			framework.Throughout(ctx, framework.NothingMoves, func(g Gomega) {
				g.Expect(demo.MustLook(ctx).Placement()).To(Equal(before), "placement")
			})
			demo.WaitRebalanced(ctx, framework.PodBack)
			Expect(demo.Current(ctx).Status.Epoch).To(Equal(epoch), "epoch")
			demo.ExpectShape(ctx)
		})
	}, SpecTimeout(8*time.Minute))

	It(fmt.Sprintf("ends up the same when managers are killed %d times at random moments of scale events", kills), Label("operator", "kill"), func(ctx SpecContext) {
		demo := stage.Ready(ctx, partitions)
		seed := uint64(GinkgoRandomSeed())
		AddReportEntry("seed", fmt.Sprintf("%d (take it back with -ginkgo.seed=%d)", seed, seed))
		random := rand.New(rand.NewPCG(seed, 0))
		ledger.UnderLoad(ctx, demo, fmt.Sprintf("8 manager killed %d times", kills), framework.Pause, func() {
			witness := demo.StartWitness(ctx, 3)
			for kill := range kills {
				nodes := 4 - kill%2
				demo.MustScale(ctx, nodes)
				moment := time.Duration(random.Int64N(int64(scaleEvent)))
				framework.Say("kill the manager %s into scale event %d", moment.Round(time.Millisecond), kill+1)
				framework.Wait(ctx, moment)
				killed, err := env.KillLeader(ctx)
				Expect(err).NotTo(HaveOccurred())
				Expect(killed).NotTo(BeEmpty(), "a manager that leads")
				demo.WaitRebalanced(ctx, framework.Rebalanced)
				demo.ExpectShape(ctx)
				env.WaitForOperator(ctx)
			}
			witness.Stop()
		})
	}, SpecTimeout(20*time.Minute))
}

// scaleEvent is about how long a scale event of one node takes: the random moment
// is in it.
const scaleEvent = 12 * time.Second
