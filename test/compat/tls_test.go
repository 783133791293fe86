package compat

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"
	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/localcluster"
)

// addressesOf returns one of every node's addresses.
func addressesOf(t *testing.T, address func(localcluster.Node) string) (out []string) {
	for _, n := range nodes.Status(t.Context()).Nodes {
		require.NotEmpty(t, address(n), n.Name)
		out = append(out, address(n))
	}
	return out
}

// waitAnnounced waits until all nodes name these addresses only: one that has begun anew
// has other ports, of which the others hear a moment later.
func waitAnnounced(t *testing.T, config *tls.Config, addresses []string) {
	for _, address := range addresses {
		c := redis.NewClient(&redis.Options{Addr: address, TLSConfig: config})
		defer c.Close()
		require.Eventually(t, func() bool {
			shards, err := c.ClusterShards(t.Context()).Result()
			return err == nil && !slices.ContainsFunc(shards, func(s redis.ClusterShard) bool {
				n := s.Nodes[0]
				return !slices.Contains(addresses, net.JoinHostPort(n.Endpoint, fmt.Sprint(n.TLSPort)))
			})
		}, budget, 20*time.Millisecond, "what %s says", address)
	}
}

func TestClusterClientsWithTLSStayOnThePortsThatTheyCameTo(t *testing.T) {
	if nodes == nil {
		t.Skip("needs real processes and some seconds")
	}
	trusting := &tls.Config{RootCAs: authority.Pool()}
	for name, addresses := range map[string][]string{
		"inside":  addressesOf(t, func(n localcluster.Node) string { return n.ClusterTLS }),
		"outside": addressesOf(t, func(n localcluster.Node) string { return n.Outside }),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), budget)
			defer cancel()
			waitAnnounced(t, trusting, addresses)
			c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addresses[:1], TLSConfig: trusting})
			defer c.Close()
			goRedisScenario(t, c, newPrefix())
			require.NoError(t, c.ForEachMaster(ctx, func(_ context.Context, node *redis.Client) error {
				if address := node.Options().Addr; !slices.Contains(addresses, address) {
					return fmt.Errorf("%s is none of %v", address, addresses)
				}
				return nil
			}))

			r, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: addresses, TLSConfig: trusting, DisableCache: true})
			require.NoError(t, err)
			defer r.Close()
			for i := range 20 {
				require.NoError(t, r.Do(ctx, r.B().Set().Key(fmt.Sprintf("tls:%s:rueidis:%d", name, i)).Value("v").Build()).Error())
			}

			cli := redisTool(t, "redis-cli")
			host, port, err := net.SplitHostPort(addresses[0])
			require.NoError(t, err)
			run := func(args ...string) string {
				out, err := exec.CommandContext(ctx, cli, append([]string{"--tls", "--cacert", files.ClientCA}, args...)...).CombinedOutput()
				require.NoError(t, err, "%s", out)
				return string(out)
			}
			for i := range 5 {
				require.Contains(t, run("-h", host, "-p", port, "-c", "get", fmt.Sprintf("tls:%s:rueidis:%d", name, i)), "v\n")
			}
			check := run("--cluster", "check", addresses[0])
			require.Contains(t, check, "[OK] All 16384 slots covered.")
			for _, a := range addresses {
				_, port, err := net.SplitHostPort(a)
				require.NoError(t, err)
				require.True(t, strings.Contains(check, ":"+port), "%s misses %s", check, a)
			}
		})
	}
}
