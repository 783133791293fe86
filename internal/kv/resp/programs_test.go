package resp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

func TestGoRedis(t *testing.T) {
	for _, protocol := range []int{2, 3} {
		t.Run(fmt.Sprint("RESP", protocol), func(t *testing.T) {
			_, address := start(t, newFake(), Options{})
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			c := redis.NewClient(&redis.Options{Addr: address, Protocol: protocol, ClientName: "test"})
			defer c.Close()

			require.NoError(t, c.Ping(ctx).Err())
			require.NoError(t, c.Set(ctx, "k", "v", time.Minute).Err())
			require.Equal(t, "v", c.Get(ctx, "k").Val())
			require.InDelta(t, 60, c.TTL(ctx, "k").Val().Seconds(), 1)
			require.ErrorIs(t, c.Get(ctx, "missing").Err(), redis.Nil)
			require.ErrorIs(t, c.SetArgs(ctx, "k", "w", redis.SetArgs{Mode: "NX"}).Err(), redis.Nil)
			require.Equal(t, "v", c.GetEx(ctx, "k", time.Hour).Val())
			require.Equal(t, int64(5), c.IncrBy(ctx, "n", 5).Val())
			require.Equal(t, 5.5, c.IncrByFloat(ctx, "n", 0.5).Val())
			require.Equal(t, []any{"v", nil, "5.5"}, c.MGet(ctx, "k", "missing", "n").Val())
			require.Equal(t, int64(2), c.Del(ctx, "k", "n").Val())

			pipe := c.Pipeline()
			for i := range 1000 {
				pipe.Set(ctx, fmt.Sprintf("key:%d", i), i, 0)
			}
			got := pipe.Get(ctx, "key:999")
			_, err := pipe.Exec(ctx)
			require.NoError(t, err)
			require.Equal(t, "999", got.Val())

			seen := map[string]int{}
			for it := c.Scan(ctx, 0, "key:*", 100).Iterator(); it.Next(ctx); {
				seen[it.Val()]++
			}
			require.Len(t, seen, 1000)
			require.Equal(t, int64(1000), c.DBSize(ctx).Val())
			require.Len(t, c.Keys(ctx, "key:1*").Val(), 111)
			require.NoError(t, c.FlushAll(ctx).Err())

			info, err := c.Info(ctx).Result()
			require.NoError(t, err)
			require.Contains(t, info, "redis_version:7.2.0\r\n")
			commands, err := c.Command(ctx).Result()
			require.NoError(t, err)
			require.Equal(t, int8(1), commands["get"].FirstKeyPos)
			require.Equal(t, map[string]string{"databases": "1"}, c.ConfigGet(ctx, "databases").Val())
			require.Equal(t, "test", c.ClientGetName(ctx).Val())
		})
	}
}

// Several clients count by optimistic locking, as the documentation of go-redis has it.
func TestGoRedisTransactions(t *testing.T) {
	_, address := start(t, newFake(), Options{})
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c := redis.NewClient(&redis.Options{Addr: address})
	defer c.Close()
	const counters, times = 5, 50
	var clients sync.WaitGroup
	for range counters {
		clients.Go(func() {
			for done := 0; done < times; {
				err := c.Watch(ctx, func(tx *redis.Tx) error {
					n, err := tx.Get(ctx, "n").Int()
					if err != nil && !errors.Is(err, redis.Nil) {
						return err
					}
					_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
						p.Set(ctx, "n", n+1, 0)
						p.Ping(ctx)
						return nil
					})
					return err
				}, "n")
				switch {
				case err == nil:
					done++
				case !errors.Is(err, redis.TxFailedErr):
					t.Error(err)
					return
				}
			}
		})
	}
	clients.Wait()
	require.Equal(t, fmt.Sprint(counters*times), c.Get(ctx, "n").Val())
	replies, err := c.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Set(ctx, "s", "x", 0)
		p.Incr(ctx, "s")
		p.Get(ctx, "s")
		return nil
	})
	require.EqualError(t, err, "ERR value is not an integer or out of range")
	require.Len(t, replies, 3)
	require.Equal(t, "x", replies[2].(*redis.StringCmd).Val())

	require.Equal(t, int64(2), c.Wait(ctx, 5, time.Second).Val())
	require.NoError(t, c.SlowLogGet(ctx, 10).Err())
	require.NoError(t, c.ClientPause(ctx, time.Millisecond).Err())
	require.Equal(t, "default", c.ACLWhoAmI(ctx).Val())
	require.NoError(t, c.ConfigSet(ctx, "slowlog-max-len", "10").Err())
}

// program returns the path of a program, or skips the test.
func program(t testing.TB, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed (Debian package %s)", name, pkg)
	}
	return path
}

func TestRedisCLI(t *testing.T) {
	cli := program(t, "redis-cli", "redis-tools")
	_, address := start(t, newFake(), Options{})
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	run := func(stdin string, args ...string) string {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, cli, append([]string{"-p", port}, args...)...)
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	require.Equal(t, "PONG\n", run("", "ping"))
	require.Equal(t, "OK\n", run("", "set", "a b", "c d"))
	require.Equal(t, "c d\n", run("", "get", "a b"))
	require.Equal(t, "\"c d\"\n", run("", "--no-raw", "-3", "get", "a b"))
	require.Equal(t, "(nil)\n", run("", "--no-raw", "-3", "get", "missing"))
	require.Equal(t, "a b\n", run("", "--scan"))
	require.Contains(t, run("", "info", "everything"), "cmdstat_set:calls=1,")
	require.Contains(t, run("", "-3", "client", "list"), "cmd=client|list")
	require.Contains(t, run("", "command", "docs", "set"), "summary")
	require.Contains(t, run("", "client", "help"), "CLIENT <subcommand>")
	// Mass insertion: the protocol on stdin, replies counted.
	var in strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&in, "*3\r\n$3\r\nSET\r\n$5\r\n%05d\r\n$1\r\nv\r\n", i)
	}
	require.Contains(t, run(in.String(), "--pipe"), "errors: 0, replies: 10000")
	require.Equal(t, "10001\n", run("", "dbsize"))
}

func TestRedisBenchmark(t *testing.T) {
	bench := program(t, "redis-benchmark", "redis-tools")
	_, address := start(t, newFake(), Options{})
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	requests := "20000"
	if testing.Short() {
		requests = "2000"
	}
	for _, pipeline := range []string{"1", "16"} {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		out, err := exec.CommandContext(ctx, bench, "-p", port, "-t", "ping,set,get,incr,mset", "-n", requests, "-c", "20",
			"-r", "1000", "-P", pipeline, "--csv").CombinedOutput()
		require.NoError(t, err, "%s", out)
		for _, name := range []string{"PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "MSET (10 keys)"} {
			require.Contains(t, string(out), `"`+name+`","`)
		}
		t.Logf("-P %s\n%s", pipeline, out)
	}
}
