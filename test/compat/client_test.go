package compat

import (
	"fmt"
	"os"
	"regexp"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// client is a library or a program under test, on one port of the cluster. Errors
// are what its user would see.
type client interface {
	set(key, value string) error
	// get returns an empty value for a key that does not exist.
	get(key string) (value string, err error)
	close()
}

// kind is a way to make a client.
type kind struct {
	name string
	port port
	// open connects, goes through the scenario with keys that begin with prefix, and returns the client.
	open func(t *testing.T, addresses []string, prefix string) client
	// own matches errors that are the client's own doing; nil: there are none.
	own *regexp.Regexp
}

func (k kind) String() string { return k.name + "/" + string(k.port) }

// kinds are all clients under test.
var kinds = []kind{
	{name: "go-redis", port: plain, open: openGoRedis},
	// It counts failed attempts to connect among its three redirections, and gives
	// up with whatever came last.
	{name: "go-redis", port: clustered, open: openGoRedisCluster, own: regexp.MustCompile(`^MOVED `)},
	{name: "rueidis", port: plain, open: openRueidisPlain},
	{name: "rueidis", port: clustered, open: openRueidis},
	{name: "redis-cli", port: plain, open: openRedisCLI},
	{name: "redis-cli", port: clustered, open: openRedisCLICluster},
	{name: "redis-py", port: plain, open: python("plain")},
	// Up to 4.3 it cannot ask a seed again whose connection it has lost.
	{name: "redis-py", port: clustered, open: python("cluster"), own: regexp.MustCompile(`cannot pickle '_thread.lock' object`)},
	{name: "ioredis", port: plain, open: node("ioredis.js", "plain")},
	{name: "ioredis", port: clustered, open: node("ioredis.js", "cluster")},
	{name: "node-redis", port: plain, open: node("node-redis.js", "plain")},
	{name: "node-redis", port: clustered, open: node("node-redis.js", "cluster")},
	{name: "hiredis", port: plain, open: openHiredis},
}

var prefixes atomic.Int64

// newPrefix returns what no key of the cluster begins with yet, whichever tests have run
// and however often.
func newPrefix() string { return fmt.Sprintf("compat:%d:", prefixes.Add(1)) }

func TestClientsFindWhatTheyExpect(t *testing.T) {
	if nodes == nil {
		t.Skip("needs real processes and some seconds")
	}
	for _, k := range kinds {
		t.Run(k.String(), func(t *testing.T) {
			prefix := newPrefix()
			c := k.open(t, k.port.addresses(), prefix)
			defer c.close()
			require.NoError(t, c.set(prefix+"last", "v"))
			value, err := c.get(prefix + "last")
			require.NoError(t, err)
			require.Equal(t, "v", value)
		})
	}
}

// missing skips a test whose program is not installed; in CI everything is.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}
