package local

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/localcluster"
)

func TestWatchTellsWhatHappensWhileItHappens(t *testing.T) {
	c := start(t)
	cmd := exec.Command(kvctl(), "--dir", c.dir, "watch")
	shown := new(screen)
	cmd.Stdout = shown
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	await := func(want string) {
		t.Helper()
		require.Eventually(t, func() bool { return strings.Contains(shown.String(), want) }, budget, 20*time.Millisecond, "%s: %s", want, shown)
	}
	// What happens before its first look is not told: so something happens until it is.
	for done := false; !done; {
		victim := c.status().Nodes[0]
		_ = syscall.Kill(victim.PID, syscall.SIGKILL)
		require.Eventually(t, func() bool {
			done = strings.Contains(shown.String(), "node n1 is DOWN, was UP")
			now := c.status().Nodes[0]
			return done || now.Up && now.PID != victim.PID
		}, budget, 20*time.Millisecond)
	}
	await("node n1 is ")
	c.must("setreplica", "2")
	await("Removed partition ")
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	require.NoError(t, cmd.Wait(), "Ctrl-C is how it ends")
	c.stop()
}

func TestTopShowsWhatTheNodesDo(t *testing.T) {
	c := start(t)
	_, end := c.withLoad()
	var rows []struct {
		Name  string
		Rates *struct{ Reads, Writes, P99Millis, Syncs float64 }
	}
	require.Eventually(t, func() bool {
		require.NoError(t, json.Unmarshal([]byte(c.must("top", "-o", "json")), &rows))
		return len(rows) == 3 && rows[0].Rates != nil && rows[0].Rates.Reads > 10 && rows[0].Rates.Writes > 10 && rows[0].Rates.Syncs > 0 && rows[0].Rates.P99Millis > 0
	}, budget, 10*time.Millisecond, "%+v", rows)
	require.Contains(t, c.must("top"), "WRITES/s")
	end()
	c.stop()
}

func TestPlanRingAndBenchWorkOnARunningCluster(t *testing.T) {
	c := start(t)
	var forecast struct {
		Moves   int
		Nodes   []struct{ CopiesAfter int }
		Refused []string
	}
	require.NoError(t, json.Unmarshal([]byte(c.must("plan", "--nodes", "5", "-o", "json")), &forecast))
	require.Len(t, forecast.Nodes, 5)
	require.InDelta(t, 2*3*64/5, forecast.Moves, 8)
	out, code := c.exitCode("", "plan", "--nodes", "2")
	require.Equal(t, 1, code)
	require.Contains(t, out, "refused: TooFewNodes")

	picture := filepath.Join(t.TempDir(), "ring.svg")
	c.must("ring", "--svg", picture)
	svg, err := os.ReadFile(picture)
	require.NoError(t, err)
	require.Equal(t, 3*64, bytes.Count(svg, []byte("<title>partition ")))
	require.Contains(t, c.must("ring"), "128")

	file := filepath.Join(t.TempDir(), "bench.json")
	out = c.must("bench", "--count", "5000", "--keys", "1000", "--warmup", "0s", "-P", "8", "--json", file)
	require.Contains(t, out, "5,000 operations in ")
	var result struct{ Operations, Failed, Missing int }
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(content, &result))
	require.Equal(t, 5000, result.Operations)
	require.Zero(t, result.Failed+result.Missing)
	out = c.must("bench", "--cluster-mode", "--count", "5000", "--keys", "1000", "--warmup", "0s", "-P", "8", "--png", file)
	require.Contains(t, out, "5,000 operations in ")
	content, err = os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "image/png", http.DetectContentType(content))
	c.await("the new keys are counted", func(s localcluster.Status) bool { return s.Keys == 1000 })
	require.Contains(t, c.must("stats"), "keys                1000")
	c.stop()
}
