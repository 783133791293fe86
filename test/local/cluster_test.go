package local

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/load"
	"github.com/ringkv/ringkv/internal/localcluster"
)

// cluster is a running kvctl local.
type cluster struct {
	t     *testing.T
	dir   string
	port  int
	flags []string
	cmd   *exec.Cmd
	nodes []node
}

// node is one of the nodes in the line that says ready.
type node struct {
	Name, RESP, Peer, Metrics string
	PID                       int
}

// start runs kvctl local and waits until it is ready.
func start(t *testing.T, flags ...string) *cluster {
	t.Helper()
	if testing.Short() {
		t.Skip("needs real processes and some seconds")
	}
	port, err := localcluster.FreePort(6)
	require.NoError(t, err)
	c := &cluster{t: t, dir: t.TempDir(), port: port, flags: flags}
	t.Cleanup(func() {
		if t.Failed() {
			c.printLogs()
		}
	})
	c.start()
	return c
}

func (c *cluster) start() {
	c.t.Helper()
	args := append([]string{"local", "--dir", c.dir, "--port", strconv.Itoa(c.port)}, c.flags...)
	cmd := exec.Command(kvctl(), args...)
	var errors bytes.Buffer
	cmd.Stderr = &errors
	out, err := cmd.StdoutPipe()
	require.NoError(c.t, err)
	require.NoError(c.t, cmd.Start())
	c.cmd = cmd
	c.t.Cleanup(func() {
		if cmd.ProcessState == nil { // still there: the test has failed
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})

	lines := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(out).ReadString('\n')
		lines <- line
	}()
	var ready struct {
		Ready bool
		Nodes []node
	}
	select {
	case line := <-lines:
		require.NoError(c.t, json.Unmarshal([]byte(line), &ready), "%q\n%s", line, &errors)
	case <-time.After(budget):
		status, _ := exec.Command(kvctl(), "show", "--dir", c.dir).CombinedOutput()
		require.Fail(c.t, "not ready", "%s\n%s", &errors, status)
	}
	require.True(c.t, ready.Ready)
	c.nodes = ready.Nodes
}

// stop ends the cluster as Ctrl-C does, and checks that it goes in good order.
func (c *cluster) stop() {
	c.t.Helper()
	pids := c.pids()
	require.NoError(c.t, c.cmd.Process.Signal(os.Interrupt))
	require.NoError(c.t, c.cmd.Wait())
	for _, pid := range pids {
		require.ErrorIs(c.t, syscall.Kill(pid, 0), syscall.ESRCH, "kvnode %d was left behind", pid)
	}
}

// pids are the processes of the nodes right now.
func (c *cluster) pids() (pids []int) {
	for _, n := range c.status().Nodes {
		if n.PID != 0 {
			pids = append(pids, n.PID)
		}
	}
	return pids
}

func (c *cluster) kvctl(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), budget)
	defer cancel()
	out, err := exec.CommandContext(ctx, kvctl(), append([]string{"--dir", c.dir}, args...)...).CombinedOutput()
	return string(out), err
}

func (c *cluster) must(args ...string) string {
	c.t.Helper()
	out, err := c.kvctl(args...)
	require.NoError(c.t, err, "kvctl %s: %s", strings.Join(args, " "), out)
	return out
}

func (c *cluster) status() localcluster.Status {
	c.t.Helper()
	var s localcluster.Status
	require.NoError(c.t, json.Unmarshal([]byte(c.must("show", "-o", "json")), &s))
	return s
}

// await waits until the status is as it should be.
func (c *cluster) await(what string, condition func(localcluster.Status) bool) localcluster.Status {
	c.t.Helper()
	var s localcluster.Status
	require.Eventually(c.t, func() bool {
		s = c.status()
		return condition(s)
	}, budget, 50*time.Millisecond, what)
	return s
}

// settled returns a status of when all was as wanted. After a change leaders are
// evened out, and a partition whose leadership is just being handed over has none.
func (c *cluster) settled() localcluster.Status {
	c.t.Helper()
	return c.await("all is as wanted", localcluster.Status.Ready)
}

func (c *cluster) addresses() (addresses []string) {
	for _, n := range c.nodes {
		addresses = append(addresses, n.RESP)
	}
	return addresses
}

// redis returns a client of one node that never tries again by itself.
func (c *cluster) redis(address string) *redis.Client {
	client := redis.NewClient(&redis.Options{Addr: address, MaxRetries: -1})
	c.t.Cleanup(func() { _ = client.Close() })
	return client
}

// withLoad fills a checking load and runs it; the function that it returns ends it
// and checks that every answer was right and nothing is lost.
func (c *cluster) withLoad() (l *load.Load, end func() load.Stats) {
	c.t.Helper()
	l, err := load.New(load.Options{Addresses: c.addresses(), Keys: 2000, Rate: 1000, ReadFraction: 0.5})
	require.NoError(c.t, err)
	ctx, cancel := context.WithCancel(c.t.Context())
	filling, done := context.WithTimeout(ctx, budget)
	defer done()
	require.NoError(c.t, l.Fill(filling), "%s", l.Stats().LastError)
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	join := sync.OnceFunc(func() {
		cancel()
		require.NoError(c.t, <-ended)
	})
	c.t.Cleanup(join)
	return l, func() load.Stats {
		c.t.Helper()
		join()
		c.check(l)
		return l.Stats()
	}
}

// check reads everything back.
func (c *cluster) check(l *load.Load) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), budget)
	defer cancel()
	account := load.NewAccount(l.Stats(), l.Verify(ctx))
	require.True(c.t, account.OK, "%+v %+v", account.Verification, account.Stats.Violations)
	// Legal: a forwarded write can overtake one whose sender died. Rare enough to
	// be worth a look.
	for _, late := range slices.Concat(account.Stats.LateSamples, account.Verification.Samples) {
		c.t.Logf("%s\n%s", late, strings.Join(late.History, "\n"))
	}
}

// printLogs shows what is unusual in the logs.
func (c *cluster) printLogs() {
	logs, err := filepath.Glob(filepath.Join(c.dir, "*", "node.log"))
	require.NoError(c.t, err)
	for _, name := range append(logs, filepath.Join(c.dir, "coordinator.log")) {
		content, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		lines := slices.DeleteFunc(strings.Split(string(content), "\n"), func(line string) bool {
			return line == "" || strings.Contains(line, "level=INFO")
		})
		const most = 15
		c.t.Logf("%s:\n%s", name, strings.Join(lines[max(0, len(lines)-most):], "\n"))
	}
}
