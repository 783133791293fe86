package main

import (
	"bytes"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/load"
)

func runKvctl(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	s := new(session)
	t.Cleanup(s.close)
	cmd := newCommand(s)
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func TestBadInputGetsAClearError(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cluster")
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"nonsense"}, `unknown command "nonsense"`},
		{[]string{"load"}, `required flag(s) "addresses" not set`},
		{[]string{"load", "--addresses", "localhost"}, `address "localhost": want host:port`},
		{[]string{"load", "--addresses", "h:1", "--read-fraction", "2"}, "read fraction 2: want 0 to 1"},
		{[]string{"load", "--addresses", "h:1", "--keys", "many"}, `invalid argument "many" for "--keys"`},
		{[]string{"local", "--kvnode", "/no/such/kvnode"}, "/no/such/kvnode"},
		{[]string{"local", "--kvnode", "/bin/true", "--nodes", "2", "--replication-factor", "3"}, "replication factor 3 is more than the 2 nodes"},
		{[]string{"local", "--kvnode", "/bin/true", "--partitions", "48"}, "48 partitions: want a power of two"},
		{[]string{"local", "--kvnode", "/bin/true", "--port", "99999"}, "port 99999"},
		{[]string{"local", "--kvnode", "/bin/true", "extra"}, "unknown command"},
		{[]string{"addnode", "n4", "5003", "x"}, "accepts at most 2 arg(s), received 3"},
		{[]string{"addnode", "n4", "many"}, "no cluster runs on " + dir},
		{[]string{"addnode", "n4"}, "no cluster runs on " + dir},
		{[]string{"put", "counter", "-5"}, "comes after a word --"},
		{[]string{"put", "--", "counter", "-5"}, "no cluster runs on " + dir},
		{[]string{"put", "counter"}, "accepts 2 arg(s), received 1; usage: kvctl put KEY VALUE [flags]"},
		{[]string{"watch", "--resume", "x"}, "give either KEY or --prefix"},
		{[]string{"watch", "k", "--resume", "!"}, `--resume "!": want a token`},
		{[]string{"watch", "--prefix", "k", "--after-version", "1"}, "--after-version is for KEY"},
		{[]string{"watch", "k"}, "no cluster runs on " + dir},
		{[]string{"setreplica", "3"}, "no cluster runs on " + dir},
		{[]string{"show"}, "no cluster runs on " + dir},
		{[]string{"status", "-o", "wide"}, "no cluster runs on " + dir},
		{[]string{"show", "-o", "xml"}, `--output "xml": want text, wide, json, yaml`},
	} {
		_, err := runKvctl(t, append([]string{"--dir", dir}, test.args...)...)
		require.ErrorContains(t, err, test.want, "kvctl %v", test.args)
		require.NoDirExists(t, dir, "kvctl %v", test.args)
	}
}

func TestCompletionKnowsTheCommands(t *testing.T) {
	out, err := runKvctl(t, "__complete", "add")
	require.NoError(t, err)
	require.Contains(t, out, "addnode\tAdd a node")
}

func TestAccountSaysWhatIsWrong(t *testing.T) {
	stats := load.Stats{Keys: 10}
	stats.Total.Writes = load.OperationStats{Succeeded: 50, Unknown: 2, Pause: load.Pause{Millis: 1234, At: time.Unix(0, 0).UTC()}}
	lost := load.Violation{Fault: load.FaultOlder, Key: "k1", Address: "h:1", Expected: []uint64{4, 5}, Found: "(none)"}
	v := &load.Verification{Acknowledged: 10, Read: 10, Keys: 10, Lost: 1, Samples: []load.Violation{lost}}
	text := describeAccount(load.NewAccount(stats, v))
	require.Contains(t, text, "lost          1\n")
	require.Contains(t, text, "longest pause 1.23s, from 00:00:00.000")
	require.Contains(t, text, "k1 at h:1: expected write 4 or write 5, found (none) (older)")
	require.Contains(t, text, "NOT RIGHT")

	v.Lost, v.Samples = 0, nil
	require.Contains(t, describeAccount(load.NewAccount(stats, v)), "every acknowledged write is there")
	v.Read, v.LastError = 9, "h:1: CLUSTERDOWN"
	text = describeAccount(load.NewAccount(stats, v))
	require.Contains(t, text, "not all keys could be read: h:1: CLUSTERDOWN")
	require.Contains(t, text, "NOT RIGHT")
}
