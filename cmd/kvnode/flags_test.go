package main

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

func TestOnlyAddressesThatClientsCanUseAreAnnounced(t *testing.T) {
	for _, good := range []string{"kv-0.example.com:6380", "127.0.0.1:1", "[::1]:65535"} {
		require.NoError(t, checkAnnounced("announce-cluster", good), good)
	}
	for _, bad := range []string{":6380", "kv-0", "kv-0:", "kv-0:0", "kv-0:65536", "kv 0:1", "kv-0:6380 x", "kv-0,kv-1:1", "a@b:1", "::1:6380"} {
		require.ErrorContains(t, checkAnnounced("announce-cluster", bad), "use host:port", bad)
	}
}

func TestTheOutsideAddressTakesThePortThatIsOpenUnlessItNamesOne(t *testing.T) {
	for given, want := range map[string]string{
		"kv-0.example.com": "kv-0.example.com:6381", "kv-0.example.com:443": "kv-0.example.com:443", "10.0.0.1": "10.0.0.1:6381",
		"::1": "[::1]:6381", "[::1]": "[::1]:6381", "[::1]:443": "[::1]:443",
	} {
		require.Equal(t, want, withPort(given, 6381))
		require.NoError(t, checkAnnounced("announce-outside", want))
	}
}

func TestACertificateComesWithItsKey(t *testing.T) {
	for given, message := range map[string]string{
		"":                                   "",
		"--tls-cert-file=a --tls-key-file=b": "",
		"--tls-cert-file=a":                  "TLS needs both",
		"--tls-key-file=b":                   "TLS needs both",
		"--tls-client-ca-file=c":             "TLS needs both",
		"--announce-outside=kv-0:x":          "--announce-outside is",
		"--announce-outside=kv-0 --outside-port=-1":   "--outside-port is -1",
		"--announce-outside=kv-0 --resp-tls-port=1e9": "invalid argument",
	} {
		var f flags
		s := pflag.NewFlagSet("kvnode", pflag.ContinueOnError)
		f.register(s)
		err := s.Parse(append([]string{"--dir=d"}, strings.Fields(given)...))
		if err == nil {
			err = f.check()
		}
		if message == "" {
			require.NoError(t, err, given)
		} else {
			require.ErrorContains(t, err, message, given)
		}
	}
}
