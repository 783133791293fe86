package local

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// keyWatcher is a `kvctl watch -o json` of keys that runs.
type keyWatcher struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines *bufio.Scanner
}

func (c *cluster) watchKeys(args ...string) *keyWatcher {
	w := &keyWatcher{t: c.t, cmd: exec.CommandContext(c.t.Context(), kvctl(), append([]string{"--dir", c.dir, "watch", "-o", "json"}, args...)...)}
	out, err := w.cmd.StdoutPipe()
	require.NoError(c.t, err)
	w.cmd.Stderr = os.Stderr
	require.NoError(c.t, w.cmd.Start())
	w.lines = bufio.NewScanner(out)
	require.Equal(c.t, "begin", w.next().Kind)
	return w
}

type keyChange struct{ Kind, Key, Value, ResumeToken string }

func (w *keyWatcher) next() (change keyChange) {
	require.True(w.t, w.lines.Scan(), "%v", w.lines.Err())
	require.NoError(w.t, json.Unmarshal(w.lines.Bytes(), &change))
	return change
}

// end is Ctrl-C.
func (w *keyWatcher) end() {
	require.NoError(w.t, w.cmd.Process.Signal(os.Interrupt))
	require.NoError(w.t, w.cmd.Wait())
}

// TestAWatchOfKeysMissesNothingWhileNodesEnd counts in one key while every node ends
// once.
func TestAWatchOfKeysMissesNothingWhileNodesEnd(t *testing.T) {
	const prefix, key, end = "{w}", "{w}counter", "{w}end" // of one partition: in order
	c := start(t)
	watcher := c.watchKeys("--prefix", prefix)
	var nodes []*redis.Client
	for _, address := range c.addresses() {
		nodes = append(nodes, c.redis(address))
	}
	var acknowledged []string
	n := 0
	for i := range nodes {
		before := c.status().Nodes[i]
		require.NoError(t, syscall.Kill(before.PID, syscall.SIGKILL))
		require.Eventually(t, func() bool {
			n++
			value := strconv.Itoa(n)
			if nodes[n%3].Set(t.Context(), key, value, 0).Err() == nil { // else it may be there or not, now or later
				acknowledged = append(acknowledged, value)
			}
			s := c.status()
			return s.Nodes[i].Up && s.Nodes[i].PID != before.PID && s.Ready()
		}, budget, 10*time.Millisecond)
	}
	require.NotEmpty(t, acknowledged)
	c.must("put", end, "")

	var changes []keyChange
	var seen []string
	for len(changes) == 0 || changes[len(changes)-1].Key != end {
		change := watcher.next()
		changes = append(changes, change)
		if slices.Contains(acknowledged, change.Value) {
			seen = append(seen, change.Value)
		}
	}
	require.Equal(t, acknowledged, seen, "each once, and in order")
	watcher.end()

	at := slices.IndexFunc(changes, func(c keyChange) bool { return c.ResumeToken != "" })
	again := c.watchKeys("--prefix", prefix, "--resume", changes[at].ResumeToken)
	for _, change := range changes[at+1:] {
		require.Equal(t, change.Value, again.next().Value, "it goes on where the other one ended")
	}
	again.end()

	out, code := c.exitCode("", "watch", key, "--prefix", prefix)
	require.Equal(t, 2, code)
	require.Contains(t, out, "give either KEY or --prefix")
	c.stop()
}
