package compat

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// goRedis is github.com/redis/go-redis/v9.
type goRedis struct{ redis.UniversalClient }

func (c goRedis) set(key, value string) error {
	return c.Set(context.Background(), key, value, 0).Err()
}

func (c goRedis) get(key string) (string, error) {
	value, err := c.Get(context.Background(), key).Result()
	if errors.Is(err, redis.Nil) {
		return "", nil
	}
	return value, err
}

func (c goRedis) close() { _ = c.Close() }

func openGoRedis(t *testing.T, addresses []string, prefix string) client {
	c := redis.NewClient(&redis.Options{Addr: addresses[0]})
	goRedisScenario(t, c, prefix)
	scanned := map[string]bool{}
	for it := c.Scan(t.Context(), 0, prefix+"scan:*", 100).Iterator(); it.Next(t.Context()); {
		scanned[it.Val()] = true
	}
	require.Len(t, scanned, 100)
	return goRedis{c}
}

func openGoRedisCluster(t *testing.T, addresses []string, prefix string) client {
	c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addresses})
	goRedisScenario(t, c, prefix)
	var mu sync.Mutex
	scanned := map[string]bool{}
	require.NoError(t, c.ForEachMaster(t.Context(), func(ctx context.Context, node *redis.Client) error {
		it := node.Scan(ctx, 0, prefix+"scan:*", 100).Iterator()
		for it.Next(ctx) {
			mu.Lock()
			scanned[it.Val()] = true
			mu.Unlock()
		}
		return it.Err()
	}))
	require.Len(t, scanned, 100)
	// Commands on many keys are split by the client, as COMMAND tells it to.
	require.NoError(t, c.Watch(t.Context(), func(tx *redis.Tx) error {
		_, err := tx.TxPipelined(t.Context(), func(p redis.Pipeliner) error {
			p.Set(t.Context(), prefix+"{w}", "w", 0)
			return nil
		})
		return err
	}, prefix+"{w}"))
	info, err := c.ClusterInfo(t.Context()).Result()
	require.NoError(t, err)
	require.Contains(t, info, "cluster_state:ok")
	shards, err := c.ClusterShards(t.Context()).Result()
	require.NoError(t, err)
	require.Len(t, shards, 3)
	links, err := c.ClusterLinks(t.Context()).Result()
	require.NoError(t, err)
	require.Len(t, links, 4)
	return goRedis{c}
}

func goRedisScenario(t *testing.T, c redis.UniversalClient, prefix string) {
	ctx := t.Context()
	require.NoError(t, c.Set(ctx, prefix+"k", "v", time.Minute).Err())
	require.Equal(t, "v", c.Get(ctx, prefix+"k").Val())
	require.InDelta(t, 60, c.TTL(ctx, prefix+"k").Val().Seconds(), 2)
	require.ErrorIs(t, c.Get(ctx, prefix+"none").Err(), redis.Nil)
	require.EqualValues(t, 7, c.IncrBy(ctx, prefix+"n", 7).Val())
	require.NoError(t, c.MSet(ctx, prefix+"{t}a", 1, prefix+"{t}b", 2).Err())
	require.Equal(t, []any{"1", "2", nil}, c.MGet(ctx, prefix+"{t}a", prefix+"{t}b", prefix+"{t}c").Val())

	_, err := c.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range 100 {
			p.Set(ctx, fmt.Sprintf("%sscan:%d", prefix, i), i, 0)
		}
		return nil
	})
	require.NoError(t, err)
	replies, err := c.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Incr(ctx, prefix+"{t}a")
		p.Incr(ctx, prefix+"{t}b")
		return nil
	})
	require.NoError(t, err)
	require.EqualValues(t, 3, replies[1].(*redis.IntCmd).Val())
	require.GreaterOrEqual(t, c.DBSize(ctx).Val(), int64(100))
	require.EqualValues(t, 2, c.Del(ctx, prefix+"{t}a", prefix+"{t}b").Val())
}
