// Package hostile treats a real kvnode as no client should: garbage, huge lengths,
// halves of requests, clients that read or write slowly or not at all, and very many
// of them. The node must go on serving others, in bounded memory.
package hostile

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/localcluster"
	"github.com/ringkv/ringkv/internal/respclient"
)

// budget is the longest that any single wait may take.
const budget = time.Minute

// connections is how many a test opens at most.
const connections = 10_000

// victim is the node, as a cluster of its own; nil with -short.
var victim *localcluster.Node

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		os.Exit(m.Run())
	}
	code, err := withNode(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// withNode runs fn while there is a node that serves.
func withNode(fn func() int) (int, error) {
	dir, err := os.MkdirTemp("", "ringkv-test-hostile-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "kvnode")
	build := exec.Command("go", "build", "-o", binary, "./cmd/kvnode")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%s: %w\n%s", build, err, out)
	}
	first, err := localcluster.FreePort(1)
	if err != nil {
		return 0, err
	}
	c, err := localcluster.Open(localcluster.Options{
		Nodes: 1, Partitions: 4, Dir: filepath.Join(dir, "cluster"), Port: first, Binary: binary, NoRestart: true,
		NodeFlags: []string{"--max-connections=" + strconv.Itoa(connections+1000)},
	})
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	code := 1
	if err = waitReady(c); err == nil {
		code = fn()
	}
	cancel()
	return code, errors.Join(err, <-ended, c.Close())
}

func waitReady(c *localcluster.Cluster) error {
	for end := time.Now().Add(budget); ; {
		s := c.Status(context.Background())
		switch {
		case s.Ready():
			victim = &s.Nodes[0]
			return nil
		case time.Now().After(end):
			return fmt.Errorf("the node is not ready after %s: %+v", budget, s)
		}
		time.Sleep(20 * time.Millisecond) // between two looks
	}
}

// needNode skips with -short.
func needNode(t *testing.T) {
	if victim == nil {
		t.Skip("needs a kvnode process; -short")
	}
}

// whileOthersAreServed runs fn while a well-behaved client sets and gets, and fails
// the test if that client gets no answer, a wrong one, or none at all meanwhile.
func whileOthersAreServed(t *testing.T, fn func()) {
	t.Helper()
	stop, served := make(chan struct{}), make(chan error, 1)
	operations := 0
	go func() {
		served <- func() error {
			ctx, cancel := context.WithTimeout(context.Background(), 2*budget)
			defer cancel()
			c, err := respclient.Dial(ctx, victim.RESP)
			if err != nil {
				return err
			}
			defer c.Close()
			for ; ; operations++ {
				select {
				case <-stop:
					return nil
				default:
				}
				want := strconv.Itoa(operations)
				if _, err := c.Do(ctx, "SET", "bystander", want); err != nil {
					return err
				}
				got, err := c.Do(ctx, "GET", "bystander")
				if err != nil {
					return err
				}
				if string(got.Text) != want {
					return fmt.Errorf("set %s, got %q", want, got.Text)
				}
			}
		}()
	}()
	fn()
	close(stop)
	require.NoError(t, <-served, "the client that behaves")
	require.Positive(t, operations, "the client that behaves was served")
}

// memory returns the bytes of memory that the node holds.
func memory(t *testing.T) uint64 {
	resp, err := http.Get("http://" + victim.Metrics + "/metrics")
	require.NoError(t, err)
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "process_resident_memory_bytes "); ok {
			n, err := strconv.ParseFloat(value, 64)
			require.NoError(t, err)
			return uint64(n)
		}
	}
	require.Fail(t, "the node does not say how much memory it holds")
	return 0
}

// requireMemoryBelow fails if the node holds much more than before.
func requireMemoryBelow(t *testing.T, before, more uint64) {
	t.Helper()
	now := memory(t)
	t.Logf("%d MiB of memory, %d MiB before", now>>20, before>>20)
	require.Less(t, now, before+more)
}

// dial opens a connection that the test closes in the end.
func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, budget)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(2*budget)))
	return conn
}

// ports are all that the node listens on.
func ports() map[string]string {
	return map[string]string{"RESP": victim.RESP, "cluster": victim.Cluster, "peer": victim.Peer, "HTTP": victim.HTTP, "metrics": victim.Metrics}
}
