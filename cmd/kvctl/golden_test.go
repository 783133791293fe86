package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/target"
	"github.com/ringkv/ringkv/internal/target/targettest"
)

var took = regexp.MustCompile(`after [0-9a-zµ.]+:`)

var update = flag.Bool("update", false, "write the golden files anew")

// trouble is a cluster with a node down, another that leaves, and moves under way.
func trouble() *target.Observation {
	o := targettest.Observe(4, 16, 3)
	targettest.Down(o, "n2")
	targettest.Lead(o)
	o.Nodes[3].Leaving = true
	o.Wanted.Nodes = 3
	o.Settled, o.Available = false, true
	o.Progress = target.Progress{MovesDone: 3, MovesTotal: 12, BytesDone: 19_392, BytesTotal: 77_568, ETA: 9e9}
	o.Notes = []string{"n4 leaves: its copies move to the other nodes"}
	o.Blocked = []string{"Waiting: n2 does not answer"}
	return o
}

// TestOutputs compares what commands print with testdata; -update writes it anew.
func TestOutputs(t *testing.T) {
	for _, test := range []struct {
		name string
		seen *target.Observation
		args []string
		code int
	}{
		{"show", targettest.Observe(3, 16, 3), []string{"show"}, 0},
		{"show-wide", trouble(), []string{"show", "-o", "wide"}, 0},
		{"show-json", targettest.Observe(1, 1, 1), []string{"show", "-o", "json"}, 0},
		{"show-yaml", targettest.Observe(1, 1, 1), []string{"show", "-o", "yaml"}, 0},
		{"stats", trouble(), []string{"stats"}, 0},
		{"status", targettest.Observe(3, 16, 3), []string{"status"}, 0},
		{"status-trouble", trouble(), []string{"status"}, 0},
		{"doctor", targettest.Observe(3, 16, 3), []string{"doctor"}, 0},
		{"doctor-trouble", trouble(), []string{"doctor"}, exitFailed},
		{"doctor-json", trouble(), []string{"doctor", "-o", "json"}, exitFailed},
		{"plan-shrink", targettest.Observe(5, 16, 3), []string{"plan", "--nodes", "4", "-o", "wide"}, 0},
		{"plan-copies", targettest.Observe(5, 16, 3), []string{"plan", "--replication-factor", "2"}, 0},
		{"plan-refused", targettest.Observe(3, 16, 3), []string{"plan", "--nodes", "2"}, exitFailed},
		{"ring", trouble(), []string{"ring"}, 0},
		{"addnode", targettest.Observe(3, 16, 3), []string{"addnode"}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &session{open: &targettest.Target{Seen: test.seen}}
			var out bytes.Buffer
			cmd := newCommand(s)
			cmd.SetOut(&out)
			cmd.SetErr(&out)
			cmd.SetArgs(test.args)
			require.Equal(t, test.code, exitCode(cmd.ExecuteContext(t.Context())), "%s", &out)
			file := filepath.Join("testdata", test.name+".txt")
			// How long something took is another matter each time.
			got := strings.ReplaceAll(took.ReplaceAllString(out.String(), "after TIME:"), " \n", "\n")
			if *update {
				require.NoError(t, os.MkdirAll("testdata", 0o755))
				require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, string(want), got)
		})
	}
}

func TestTheArgumentsOfAddnodeBecomeAWish(t *testing.T) {
	for args, want := range map[string]string{
		"":                     "add {Name:n4 Zone: Port:0 Address:}",
		"n9 --zone b":          "add {Name:n9 Zone:b Port:0 Address:}",
		"n4 5003":              "add {Name:n4 Zone: Port:5003 Address:}",
		"n4 10.0.0.4:7000":     "add {Name:n4 Zone: Port:0 Address:10.0.0.4:7000}",
		"n4 [::1]:7000":        "add {Name:n4 Zone: Port:0 Address:[::1]:7000}",
		"n4 5003 --no-wait":    "add {Name:n4 Zone: Port:5003 Address:}",
		"n4 fifty":             "",
		"n4 -o json --no-wait": "",
	} {
		fake := &targettest.Target{Seen: targettest.Observe(3, 16, 3)}
		cmd := newCommand(&session{open: fake})
		cmd.SetOut(new(bytes.Buffer))
		cmd.SetArgs(append([]string{"addnode"}, strings.Fields(args)...))
		err := cmd.ExecuteContext(t.Context())
		if want == "" {
			require.Equal(t, exitUsage, exitCode(err), args)
			require.Empty(t, fake.Wishes)
			continue
		}
		require.NoError(t, err, args)
		require.Equal(t, []string{want}, fake.Wishes, args)
	}
}

func TestARefusedWishFailsWithoutWaiting(t *testing.T) {
	fake := &targettest.Target{Seen: targettest.Observe(3, 16, 3), Err: target.ErrRefused}
	for _, args := range [][]string{{"removenode", "n1"}, {"setreplica", "9"}, {"addnode", "n4"}, {"rebalance"}} {
		var out bytes.Buffer
		cmd := newCommand(&session{open: fake})
		cmd.SetOut(&out)
		cmd.SetArgs(args)
		require.Equal(t, exitFailed, exitCode(cmd.ExecuteContext(t.Context())), args)
		require.Empty(t, out.String())
	}
}

func TestLocalAndKubernetesFlagsExcludeEachOther(t *testing.T) {
	_, err := runKvctl(t, "status", "--dir", "x", "--cluster", "demo")
	require.Equal(t, exitUsage, exitCode(err))
	_, err = runKvctl(t, "status", "--kubeconfig", "/no/such/file", "-n", "shop")
	require.Equal(t, exitUnreachable, exitCode(err))
}
