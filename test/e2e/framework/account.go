package framework

import (
	"context"
	"fmt"
	"io"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"

	"github.com/ringkv/ringkv/internal/load"
)

// Account is what one scenario did to the load.
type Account struct {
	Scenario string
	Took     time.Duration
	Phase    load.PhaseStats
	Limit    Budget // of the longest pause
	Verified load.Verification
	// Wrong answers and late writes seen on the way, during this scenario.
	Wrong, Late uint64
	// Moved copies of partitions; -1 when not all leaders could be asked.
	Moved int
	// Stall is the longest time for which the machine itself stood still.
	Stall time.Duration
	// Complete is false when the scenario failed before its account was taken.
	Complete bool
}

// Ledger collects the accounts of a run. It is safe for concurrent use.
type Ledger struct {
	mu       sync.Mutex
	accounts []Account
}

// UnderLoad runs a scenario and takes its account: every acknowledged write is
// there, no answer was wrong, and no operation took longer than the limit.
func (b *Ledger) UnderLoad(ctx context.Context, d *Demo, name string, limit Budget, scenario func()) {
	ginkgo.GinkgoHelper()
	a := Account{Scenario: name, Limit: limit, Moved: -1}
	began := time.Now()
	stalls, err := StartStalls(d.env.Artifacts)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	defer func() { // also when the scenario fails: the row then says so
		a.Took = time.Since(began)
		a.Stall = stalls.Stop()
		b.add(a)
	}()

	before, err := d.Load.Stats(ctx)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	view, err := d.Look(ctx)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	gomega.Expect(d.Load.Phase(ctx, name)).To(gomega.Succeed())
	scenario()
	// Reading everything back stops the workers for a while: that is another phase.
	gomega.Expect(d.Load.Phase(ctx, "verification")).To(gomega.Succeed())
	a.Stall = stalls.Stop()
	a.Verified, err = d.Load.Verify(ctx)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	after, err := d.Load.Stats(ctx)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())

	phase := after.Phase(name)
	gomega.Expect(phase).NotTo(gomega.BeNil(), "the load's phase %q", name)
	a.Phase = *phase
	a.Wrong = after.Violations.Total() - before.Violations.Total()
	a.Late = after.Late - before.Late
	if v, err := d.Look(ctx); err == nil && len(v.Groups()) == len(view.Groups()) {
		a.Moved = v.CopiesMade() - view.CopiesMade()
	}
	a.Complete = true
	a.expect(after)
}

func (a *Account) expect(s load.Stats) {
	ginkgo.GinkgoHelper()
	gomega.Expect(a.Phase.Writes.Succeeded).NotTo(gomega.BeZero(), "acknowledged writes: without any, nothing was shown")
	gomega.Expect(a.Verified.Read).To(gomega.Equal(a.Verified.Keys), "keys that could be read back: %s", a.Verified.LastError)
	gomega.Expect(a.Verified.Lost).To(gomega.BeZero(), "acknowledged writes that are lost: %v", a.Verified.Samples)
	gomega.Expect(a.Verified.Wrong).To(gomega.BeZero(), "keys with a value that was refused or never written: %v", a.Verified.Samples)
	gomega.Expect(a.Wrong).To(gomega.BeZero(), "wrong answers on the way: %v", s.Violations.Samples)
	if a.Limit.Limit == 0 {
		return
	}
	for kind, o := range map[string]load.OperationStats{"write": a.Phase.Writes, "read": a.Phase.Reads} {
		gomega.Expect(o.Pause.Millis.Duration()).To(gomega.BeNumerically("<=", a.Limit.Limit),
			"the longest %s, which began at %s; the machine itself stood still for up to %s; the last error of the load was %q",
			kind, o.Pause.At.Format("15:04:05.000"), a.Stall.Round(time.Millisecond), s.LastError)
	}
}

func (b *Ledger) add(a Account) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.accounts = append(b.accounts, a)
}

// Print writes the accounts as a table.
func (b *Ledger) Print(w io.Writer) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "scenario\ttook\twrites\treads\tkeys\tlost\twrong\tlate\tunknown\tlongest write\tlongest read\tlimit\tmachine stall\tmoved\t\n")
	var writes, reads uint64
	var unfinished []Account
	lost := 0
	for _, a := range b.accounts {
		if !a.Complete {
			unfinished = append(unfinished, a)
			continue
		}
		limit := "-"
		if a.Limit.Limit > 0 {
			limit = a.Limit.Limit.String()
		}
		moved := "?"
		if a.Moved >= 0 {
			moved = fmt.Sprint(a.Moved)
		}
		p := a.Phase
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t\n", a.Scenario, a.Took.Round(time.Second),
			p.Writes.Succeeded, p.Reads.Succeeded, a.Verified.Acknowledged, a.Verified.Lost,
			uint64(a.Verified.Wrong)+a.Wrong, uint64(a.Verified.Late)+a.Late, p.Writes.Unknown,
			p.Writes.Pause.Millis.Duration().Round(time.Millisecond), p.Reads.Pause.Millis.Duration().Round(time.Millisecond), limit,
			a.Stall.Round(time.Millisecond), moved)
		writes, reads, lost = writes+p.Writes.Succeeded, reads+p.Reads.Succeeded, lost+a.Verified.Lost
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, a := range unfinished {
		fmt.Fprintf(w, "%s: failed after %s, before its account was taken\n", a.Scenario, a.Took.Round(time.Second))
	}
	_, err := fmt.Fprintf(w, "%d writes acknowledged, %d reads, %d keys lost\n", writes, reads, lost)
	return err
}
