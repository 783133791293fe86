package e2e

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/redis/go-redis/v9"

	"github.com/ringkv/ringkv/test/e2e/framework"
)

// installing is the way a user begins: helm install, apply, SET and GET.
func installing() {
	It("is Available a minute after it was applied, and serves through its Service", Label("install"), func(ctx SpecContext) {
		framework.Say("helm install")
		out, err := env.InstallOperator(ctx, env.Image)
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(ContainSubstring("kubectl"), "the notes name the next command")
		env.WaitForOperator(ctx)

		framework.Say("apply a KVCluster of 3 nodes")
		env.EnsureNamespace(ctx)
		demo := framework.NewDemo(env, "demo")
		demo.Apply(ctx, 0)
		demo.WaitAvailable(ctx, framework.FirstAvailable)
		demo.WaitRebalanced(ctx, framework.Rebalanced)
		demo.ExpectShape(ctx)
		Expect(demo.Current(ctx).Spec.Partitions).To(BeEquivalentTo(64), "the default")

		Expect(demo.Current(ctx).Status.Selector).NotTo(BeEmpty(), "an autoscaler finds the pods by it")

		framework.Say("SET and GET through the Service")
		address, stop, err := env.PortForward(ctx, "service/"+demo.Name, 6379)
		Expect(err).NotTo(HaveOccurred())
		defer stop()
		client := redis.NewClient(&redis.Options{Addr: address})
		defer client.Close()
		Expect(client.Set(ctx, "greeting", "hello", 0).Err()).To(Succeed())
		Expect(client.Get(ctx, "greeting").Result()).To(Equal("hello"))
		Expect(client.Del(ctx, "greeting").Result()).To(BeEquivalentTo(1))

		demo.StartLoad(ctx)
		stage.Put(demo, 64)
		ledger.UnderLoad(ctx, demo, "1 steady", framework.Pause, func() {
			framework.Throughout(ctx, framework.Budget{What: "the cluster stays as it is", Limit: 10 * time.Second}, func(g Gomega) {
				c, err := demo.Get(ctx)
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(c.Status.ReadyNodes).To(BeEquivalentTo(3))
			})
		})
	}, SpecTimeout(6*time.Minute))
}
