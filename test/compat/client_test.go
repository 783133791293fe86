package compat

import (
	"fmt"
	"os"
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
	// open connects, goes through the scenario (see scenario.md) with keys that
	// begin with prefix, and returns the client.
	open func(t *testing.T, addresses []string, prefix string) client
}

func (k kind) String() string { return k.name + "/" + string(k.port) }

// kinds are all clients under test.
var kinds = []kind{
	{"go-redis", plain, openGoRedis},
	{"go-redis", clustered, openGoRedisCluster},
	{"rueidis", plain, func(t *testing.T, addresses []string, prefix string) client { return openRueidis(t, addresses[:1], prefix) }},
	{"rueidis", clustered, openRueidis},
	{"redis-cli", plain, openRedisCLI},
	{"redis-cli", clustered, openRedisCLICluster},
	{"redis-py", plain, python("plain")},
	{"redis-py", clustered, python("cluster")},
	{"ioredis", plain, node("ioredis.js", "plain")},
	{"ioredis", clustered, node("ioredis.js", "cluster")},
	{"node-redis", plain, node("node-redis.js", "plain")},
	{"node-redis", clustered, node("node-redis.js", "cluster")},
	{"hiredis", plain, openHiredis},
}

func TestClientsFindWhatTheyExpect(t *testing.T) {
	if nodes == nil {
		t.Skip("needs real processes and some seconds")
	}
	for i, k := range kinds {
		t.Run(k.String(), func(t *testing.T) {
			c := k.open(t, k.port.addresses(), fmt.Sprintf("rest:%d:", i))
			defer c.close()
			require.NoError(t, c.set(fmt.Sprintf("rest:%d:last", i), "v"))
			value, err := c.get(fmt.Sprintf("rest:%d:last", i))
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
