package compat

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// redisCLI runs redis-cli for every command, on one node after the other.
type redisCLI struct {
	path      string
	flags     []string
	addresses []string
	next      int
}

func redisTool(t *testing.T, name string) string {
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, "%s is not installed (Debian package redis-tools)", name)
	}
	return path
}

func openRedisCLI(t *testing.T, addresses []string, prefix string) client {
	c := &redisCLI{path: redisTool(t, "redis-cli"), addresses: addresses}
	c.scenario(t, prefix)
	require.Equal(t, 100, strings.Count(c.must(t, "--scan", "--pattern", prefix+"scan:*"), "scan:"))
	return c
}

func openRedisCLICluster(t *testing.T, addresses []string, prefix string) client {
	c := &redisCLI{path: redisTool(t, "redis-cli"), addresses: addresses, flags: []string{"-c"}}
	c.scenario(t, prefix)
	scanned := map[string]bool{}
	for range addresses { // --scan asks one node
		for _, key := range strings.Fields(c.must(t, "--scan", "--pattern", prefix+"scan:*")) {
			scanned[key] = true
		}
	}
	require.Len(t, scanned, 100)

	check := c.must(t, "--cluster", "check", addresses[0])
	require.Contains(t, check, "[OK] All nodes agree about slots configuration.")
	require.Contains(t, check, "[OK] All 16384 slots covered.")
	require.Contains(t, c.must(t, "--cluster", "info", addresses[0]), "in 3 masters.")
	require.Equal(t, 3, strings.Count(c.must(t, "--cluster", "call", addresses[0], "ping"), "PONG"))
	return c
}

func (c *redisCLI) scenario(t *testing.T, prefix string) {
	require.Equal(t, "OK\n", c.must(t, "set", prefix+"k", "v", "EX", "60"))
	require.Equal(t, "v\n", c.must(t, "get", prefix+"k"))
	require.Equal(t, "\"v\"\n", c.must(t, "-3", "--no-raw", "get", prefix+"k"))
	require.Equal(t, "5\n", c.must(t, "incrby", prefix+"n", "5"))
	for i := range 100 {
		require.NoError(t, c.set(fmt.Sprintf("%sscan:%d", prefix, i), "v"))
	}
	require.Contains(t, c.must(t, "info", "server"), "redis_version:7.2")
}

func (c *redisCLI) must(t *testing.T, args ...string) string {
	out, err := c.run(args...)
	require.NoError(t, err, "%v: %s", args, out)
	return out
}

func (c *redisCLI) run(args ...string) (string, error) {
	host, port, err := net.SplitHostPort(c.addresses[c.next%len(c.addresses)])
	if err != nil {
		return "", err
	}
	c.next++
	ctx, cancel := context.WithTimeout(context.Background(), budget)
	defer cancel()
	all := append([]string{"-h", host, "-p", port, "-e"}, append(c.flags, args...)...)
	out, err := exec.CommandContext(ctx, c.path, all...).CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%w: %s", err, out)
	}
	return string(out), nil
}

func (c *redisCLI) set(key, value string) error {
	out, err := c.run("set", key, value)
	if err == nil && out != "OK\n" {
		err = fmt.Errorf("set: %q", out)
	}
	return err
}

func (c *redisCLI) get(key string) (string, error) {
	out, err := c.run("get", key)
	return strings.TrimSuffix(out, "\n"), err
}

func (c *redisCLI) close() {}

func TestRedisCLIFindsBigKeysAndLoadsData(t *testing.T) {
	if nodes == nil {
		t.Skip("needs real processes and some seconds")
	}
	host, port, err := net.SplitHostPort(plain.addresses()[0])
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), budget)
	defer cancel()
	run := func(stdin string, args ...string) string {
		cmd := exec.CommandContext(ctx, redisTool(t, "redis-cli"), append([]string{"-h", host, "-p", port}, args...)...)
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	var in strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&in, "SET big:%d %0*d\r\n", i, 100+i, i)
	}
	require.Contains(t, run(in.String(), "--pipe"), "errors: 0, replies: 1000")
	require.Contains(t, run("", "--bigkeys"), `Biggest string found '"big:999"' has 1099 bytes`)
	require.Contains(t, run("", "--memkeys"), `Biggest string found '"big:9`)
	require.Contains(t, run("", "help", "msetex"), "numkeys key value [key value ...]")
}

func TestRedisBenchmark(t *testing.T) {
	if nodes == nil {
		t.Skip("needs real processes and some seconds")
	}
	bench := redisTool(t, "redis-benchmark")
	for _, p := range []port{plain, clustered} {
		t.Run(string(p), func(t *testing.T) {
			host, number, err := net.SplitHostPort(p.addresses()[0])
			require.NoError(t, err)
			args := []string{"-h", host, "-p", number, "-t", "set,get,incr", "-n", "3000", "-c", "10", "-r", "1000", "-P", "8", "--csv"}
			if p == clustered {
				args = append(args, "--cluster")
			}
			ctx, cancel := context.WithTimeout(t.Context(), budget)
			defer cancel()
			began := time.Now()
			out, err := exec.CommandContext(ctx, bench, args...).CombinedOutput()
			require.NoError(t, err, "%s", out)
			for _, name := range []string{"SET", "GET", "INCR"} {
				require.Contains(t, string(out), `"`+name+`","`)
			}
			require.NotContains(t, strings.ToLower(string(out)), "error")
			t.Logf("%s\n%s", time.Since(began), out)
		})
	}
}
