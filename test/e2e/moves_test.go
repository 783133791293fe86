package e2e

import (
	"context"

	. "github.com/onsi/gomega"

	"github.com/ringkv/ringkv/test/e2e/framework"
)

// waitForMoves waits until at least one more copy has been made than when it was
// called, so that what comes next comes in the middle.
func waitForMoves(ctx context.Context, demo *framework.Demo) {
	before, err := demo.Look(ctx)
	Expect(err).NotTo(HaveOccurred())
	framework.Within(ctx, framework.MovesBegin, func(g Gomega) {
		now, err := demo.Look(ctx)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(now.CopiesMade()).To(BeNumerically(">", before.CopiesMade()), "copies made")
	})
}
