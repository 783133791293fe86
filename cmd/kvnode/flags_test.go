package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnlyAddressesThatClientsCanUseAreAnnounced(t *testing.T) {
	for _, good := range []string{"kv-0.example.com:6380", "127.0.0.1:1", "[::1]:65535"} {
		require.NoError(t, checkAnnounced(good), good)
	}
	for _, bad := range []string{":6380", "kv-0", "kv-0:", "kv-0:0", "kv-0:65536", "kv 0:1", "kv-0:6380 x", "kv-0,kv-1:1", "a@b:1", "::1:6380"} {
		require.ErrorContains(t, checkAnnounced(bad), "use host:port", bad)
	}
}
