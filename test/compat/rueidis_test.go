package compat

import (
	"context"
	"fmt"
	"testing"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/require"
)

// rueidisClient is github.com/redis/rueidis. It is in cluster mode if the only address
// that it is given says so, or if it is given several.
type rueidisClient struct{ rueidis.Client }

func (c rueidisClient) set(key, value string) error {
	return c.Do(context.Background(), c.B().Set().Key(key).Value(value).Build()).Error()
}

func (c rueidisClient) get(key string) (string, error) {
	value, err := c.Do(context.Background(), c.B().Get().Key(key).Build()).ToString()
	if rueidis.IsRedisNil(err) {
		return "", nil
	}
	return value, err
}

func (c rueidisClient) close() { c.Close() }

func TestRueidisIsToldThatThereIsNoClientSideCaching(t *testing.T) {
	if nodes == nil {
		t.Skip("needs real processes and some seconds")
	}
	for _, p := range []port{plain, clustered} {
		_, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: p.addresses()[:1]})
		require.ErrorContains(t, err, "client-side caching is not supported", p)
		require.ErrorContains(t, err, "DisableCache must be true", p)
	}
}

func openRueidisPlain(t *testing.T, addresses []string, prefix string) client {
	return openRueidis(t, addresses[:1], prefix)
}

func openRueidis(t *testing.T, addresses []string, prefix string) client {
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: addresses, DisableCache: true})
	require.NoError(t, err)
	ctx := t.Context()
	require.NoError(t, c.Do(ctx, c.B().Set().Key(prefix+"k").Value("v").ExSeconds(60).Build()).Error())
	ttl, err := c.Do(ctx, c.B().Ttl().Key(prefix+"k").Build()).AsInt64()
	require.NoError(t, err)
	require.InDelta(t, 60, ttl, 2)
	require.True(t, rueidis.IsRedisNil(c.Do(ctx, c.B().Get().Key(prefix+"none").Build()).Error()))

	var commands rueidis.Commands
	for i := range 100 {
		commands = append(commands, c.B().Set().Key(fmt.Sprintf("%sscan:%d", prefix, i)).Value("v").Build())
	}
	for _, r := range c.DoMulti(ctx, commands...) {
		require.NoError(t, r.Error())
	}
	scanned := map[string]bool{}
	for _, node := range c.Nodes() {
		for cursor := uint64(0); ; {
			entry, err := node.Do(ctx, c.B().Scan().Cursor(cursor).Match(prefix+"scan:*").Count(100).Build()).AsScanEntry()
			require.NoError(t, err)
			for _, key := range entry.Elements {
				scanned[key] = true
			}
			if cursor = entry.Cursor; cursor == 0 {
				break
			}
		}
	}
	require.Len(t, scanned, 100)

	require.NoError(t, c.Dedicated(func(d rueidis.DedicatedClient) error {
		replies := d.DoMulti(ctx, d.B().Multi().Build(), d.B().Incr().Key(prefix+"{t}").Build(), d.B().Incr().Key(prefix+"{t}").Build(), d.B().Exec().Build())
		n, err := replies[3].AsIntSlice()
		require.Equal(t, []int64{1, 2}, n)
		return err
	}))
	return rueidisClient{c}
}
