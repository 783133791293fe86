// Package e2e runs ringkv on a real Kubernetes and does to it what happens to
// databases there, under a load that checks every acknowledged write.
//
// `make e2e` starts the kind cluster, builds the image and runs all of it.
// E2E_ARGS choose a part, by the label that every scenario has:
//
//	make e2e E2E_ARGS='-ginkgo.label-filter=scale'
//
// Random choices come from ginkgo's seed, which is printed at the start and taken
// back with -ginkgo.seed.
package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/format"

	"github.com/ringkv/ringkv/test/e2e/framework"
)

var (
	env    *framework.Environment
	stage  *framework.Stage
	ledger = &framework.Ledger{}
)

func TestEndToEnd(t *testing.T) {
	RegisterFailHandler(Fail)
	format.MaxLength = 8000
	RunSpecs(t, "ringkv on Kubernetes")
}

// partitions of the KVCluster of all scenarios but the first two, which take what
// a user gets who names nothing. Fewer partitions make the same moves in less time.
const partitions = 16

// The scenarios share one KVCluster, one after the other in this order. A failed
// one does not keep the others from running: they begin with a new KVCluster.
var _ = Describe("A KVCluster under load", Ordered, ContinueOnFailure, func() {
	BeforeAll(func(ctx SpecContext) {
		var err error
		env, err = framework.NewEnvironment()
		Expect(err).NotTo(HaveOccurred())
		stage = framework.NewStage(env)
		Expect(os.RemoveAll(env.Artifacts)).To(Succeed())
		Expect(os.MkdirAll(env.Artifacts, 0o755)).To(Succeed())
		removeAll(ctx) // what an interrupted run has left
	}, NodeTimeout(5*time.Minute))

	// What failed is left as it is for whoever looks into it; the next run removes it.
	AfterAll(func(ctx SpecContext) {
		if stage != nil && !CurrentSpecReport().Failed() {
			removeAll(ctx)
		}
	}, NodeTimeout(5*time.Minute))

	AfterEach(func(ctx SpecContext) {
		if !CurrentSpecReport().Failed() || stage == nil {
			return
		}
		folder, err := env.Collect(ctx, CurrentSpecReport().LeafNodeText, stage.Demo())
		AddReportEntry("collected", fmt.Sprintf("%s (error: %v)", folder, err))
		stage.Spoil()
	}, NodeTimeout(2*time.Minute))

	installing()
	connecting()
	scaling()
	changingReplication()
	crashing()
	losingVolumes()
	draining()
	losingTheOperator()
	refusing()
	resting()
	upgrading()
	refusingLater()
	deleting()
	upgradingNodes()
})

// removeAll removes everything that the suite makes.
func removeAll(ctx context.Context) {
	env.Uncordon(ctx)
	stage.Clear(ctx)
	if env.OperatorInstalled(ctx) {
		_, err := env.Helm(ctx, "uninstall", "ringkv", "--namespace", framework.OperatorNamespace, "--wait")
		Expect(err).NotTo(HaveOccurred())
	}
}

var _ = ReportAfterSuite("accounts", func(_ Report) {
	var table bytes.Buffer
	Expect(ledger.Print(&table)).To(Succeed())
	fmt.Printf("\n%s\n", table.String())
	if env == nil {
		return
	}
	Expect(os.WriteFile(filepath.Join(env.Artifacts, "accounts.txt"), table.Bytes(), 0o644)).To(Succeed())
})
