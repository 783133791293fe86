//go:build linux

package chaos

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/vfs"
	"github.com/ringkv/ringkv/internal/localcluster"
)

var (
	budget   = flag.Duration("budget", 0, "how long faults go on; 0 skips the tests that take long")
	seedFlag = flag.Uint64("seed", 0, "decides about the faults; 0 takes a new one")
	complete = flag.Bool("complete", false, "fail if a kind of fault never came; go on for up to twice the budget for it")
)

// folder is where a run leaves its report, its logs and its volumes.
const folder = "../../build/chaos"

// sandboxError is why there is no sandbox.
var sandboxError error

func TestMain(m *testing.M) {
	flag.Parse()
	if *budget == 0 {
		os.Exit(m.Run())
	}
	if !inside() {
		if err := prepare(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		code, err := runInside()
		if err == nil {
			os.Exit(code)
		}
		sandboxError = err
	} else if err := enterSandbox(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// prepare removes what an earlier run left and builds the programs under test.
func prepare() error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	// Held until this process ends: runs would remove each other's volumes.
	if _, err := (vfs.OS{}).Lock(folder + ".lock"); err != nil {
		return err
	}
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	cmd := exec.Command("go", "build", "-o", "build/chaos/bin/", "./cmd/kvnode", "./cmd/kvctl")
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	return nil
}

func TestPromisesHoldWhateverFails(t *testing.T) {
	if *budget == 0 {
		t.Skip("takes long: run make chaos")
	}
	c := newChaos(t)
	c.rounds(t)
	c.finish(t, "")
}

func TestNothingGrowsForever(t *testing.T) {
	if *budget == 0 {
		t.Skip("takes long: run make soak")
	}
	c := newChaos(t)
	c.gentle = true
	c.rounds(t)
	require.NotEmpty(t, c.usage)
	table, problems := grown(c.usage)
	for _, p := range problems {
		c.problem("%s", p)
	}
	c.finish(t, table)
}

// rounds starts the cluster and the load, and breaks what is around them until the
// budget is spent.
func (c *chaos) rounds(t *testing.T) {
	ctx := t.Context()
	require.NoError(t, c.start(ctx))
	c.logf("the cluster serves")
	c.load = newLoad(c)
	loadCtx, stopLoad := context.WithCancel(ctx)
	loaded := make(chan struct{})
	go func() { defer close(loaded); c.load.run(loadCtx) }()
	for number := 1; c.goesOn() && c.round(ctx, number); number++ {
	}
	stopLoad()
	<-loaded
	for _, k := range c.owed() {
		if *complete {
			c.problem("the fault %q never came", k.name)
		}
	}
}

// goesOn tells whether another round is to come.
func (c *chaos) goesOn() bool {
	now := c.now()
	return now < *budget || *complete && now < 2**budget && len(c.owed()) > 0
}

func newChaos(t *testing.T) *chaos {
	dir, err := filepath.Abs(folder)
	require.NoError(t, err)
	c := &chaos{
		seed: *seedFlag, dir: dir, binaries: filepath.Join(dir, "bin"), counts: map[string]int{}, numbers: map[int]bool{}, states: map[stateKey]string{},
		began: time.Now(), print: func(line string) { fmt.Println(line) },
	}
	if c.seed == 0 {
		c.seed = rand.Uint64()
	}
	c.means = findMeans(sandboxError, filepath.Join(dir, "try"))
	c.logf("seed %d: again with -seed %d", c.seed, c.seed)
	for _, line := range c.means.missing() {
		c.logf("%s", line)
	}
	if *complete {
		require.Empty(t, c.means.needed(), "with -complete the test must be root, and have iproute2 and iptables")
	}
	if c.means.noSandbox == "" {
		c.network, err = newNetwork(func(err error) { c.problem("the network: %v", err) })
	} else {
		c.basePort, err = localcluster.FreePort(2 * nodes)
	}
	require.NoError(t, err)
	t.Cleanup(c.close)
	return c
}

// finish judges the run and writes its report.
func (c *chaos) finish(t *testing.T, usage string) {
	ctx := t.Context()
	if len(c.problems) == 0 {
		if err := c.load.readBack(ctx, c.load.groups); err != nil {
			c.problem("%v", err)
		}
		if err := c.awaitEqual(ctx); err != nil {
			c.problem("%v", err)
		}
	}
	c.logf("judging %d histories", len(c.load.groups))
	c.load.judge(c.load.groups)
	report := c.report(usage)
	require.NoError(t, os.WriteFile(filepath.Join(c.dir, "report.md"), []byte(report), 0o644))
	fmt.Println(report)
	require.Empty(t, c.problems, "seed %d; logs and report are in %s", c.seed, c.dir)
}
