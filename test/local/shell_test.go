package local

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/localcluster"
)

// exitCode runs kvctl and returns what it printed and its exit code.
func (c *cluster) exitCode(stdin string, args ...string) (string, int) {
	c.t.Helper()
	cmd := exec.CommandContext(c.t.Context(), kvctl(), append([]string{"--dir", c.dir}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(out), exit.ExitCode()
	}
	require.NoError(c.t, err)
	return string(out), 0
}

func TestPutGetAndDelSayWhatBecameOfEveryCopy(t *testing.T) {
	c := start(t)
	out, code := c.exitCode("", "put", "apple", "123")
	require.Zero(t, code, out)
	require.Regexp(t, `^Replicas for key apple: n\d n\d n\d \(slot 7092, partition 27; n\d leads it\)\n`, out)
	for _, n := range []string{"n1", "n2", "n3"} {
		require.Contains(t, out, "["+n+"] PUT apple = 123 -> ok, version 1")
	}
	require.Equal(t, 1, strings.Count(out, "(leader)"))

	out, code = c.exitCode("", "get", "apple")
	require.Zero(t, code, out)
	require.Equal(t, "apple -> 123\n", out)
	out, code = c.exitCode("", "get", "pear")
	require.Equal(t, 1, code)
	require.Equal(t, "pear -> (nil)\n", out)
	out, code = c.exitCode("", "put", "bin", "a\nb", "--ttl", "1h")
	require.Zero(t, code, out)
	require.Contains(t, out, `PUT bin = "a\nb" -> ok`)
	out, code = c.exitCode("", "get", "bin", "--raw")
	require.Zero(t, code)
	require.Equal(t, "a\nb", out)
	require.Regexp(t, `^\(integer\) 3[56]\d\d\n$`, c.must("redis", "TTL", "bin"))

	var result struct {
		Status string
		Copies []struct {
			Node   string
			Status struct{ Found bool }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(c.must("del", "apple", "-o", "json")), &result))
	require.Equal(t, "ok", result.Status)
	require.Len(t, result.Copies, 3)
	for _, replica := range result.Copies {
		require.False(t, replica.Status.Found, replica.Node)
	}
	_, code = c.exitCode("", "del", "apple")
	require.Equal(t, 1, code, "there is none")
	c.stop()
}

func TestANodeThatIsDownIsPassedOver(t *testing.T) {
	c := start(t, "--no-restart")
	c.must("put", "apple", "123")
	var traced struct{ Asked string }
	require.NoError(t, json.Unmarshal([]byte(c.must("get", "apple", "-o", "json")), &traced))
	require.NoError(t, syscall.Kill(c.status().Node(traced.Asked).PID, syscall.SIGKILL))
	c.await("the node is down", func(s localcluster.Status) bool { return !s.Node(traced.Asked).Up })

	out, code := c.exitCode("", "get", "apple")
	require.Zero(t, code, out)
	require.Regexp(t, "(?m)^"+traced.Asked+` is down, asked n\d$`, out)
	require.Contains(t, out, "apple -> 123\n")
	out, code = c.exitCode("", "put", "apple", "124")
	require.Zero(t, code, out)
	require.Equal(t, 2, strings.Count(out, "PUT apple = 124 -> ok, version 2"), out)
	require.Contains(t, out, "["+traced.Asked+"] PUT apple = 124 -> down, gets it when it is back")

	out, code = c.exitCode("", "doctor")
	require.Equal(t, 1, code)
	require.Contains(t, out, "PROBLEM  node "+traced.Asked+" is down")
	require.Contains(t, c.must("status"), "2 of 3 nodes up")
	c.stop()
	_, code = c.exitCode("", "status")
	require.Equal(t, 3, code, "it does not run")
	_, code = c.exitCode("", "status", "--nonsense")
	require.Equal(t, 2, code)
}

func TestTheShellRunsWhatComesFromAPipe(t *testing.T) {
	c := start(t)
	out, code := c.exitCode(`
# the examples of the manual
put apple 123
get apple
setreplica 2
addnode
rebalance
show
stats
put "two words" 'and "more"'
get "two words"
removenode n4
exit
get never
`, "shell")
	require.Zero(t, code, out)
	for _, want := range []string{
		"Replicas for key apple: ", "apple -> 123\n", "Rebalancing for 2 copies of every key...\n", "Rebalancing after adding node n4...\n",
		"[Rebalance] Copied partition", "[Rebalance] Removed partition", "[Coordinator] Starting rebalance...\n",
		"replication factor  2\n", `two words -> and "more"` + "\n", "[Rebalance] node n4 is gone\n",
	} {
		require.Contains(t, out, want)
	}
	require.Equal(t, 4, strings.Count(out, "[Coordinator] Rebalance complete: "))
	require.NotContains(t, out, "never")
	require.Len(t, c.status().Nodes, 3)

	out, code = c.exitCode("nonsense\nget none\nput a 1\nsetreplica 9\n", "shell")
	require.Equal(t, 1, code)
	require.Contains(t, out, `line 1: unknown command "nonsense"`)
	require.Contains(t, out, "[n")
	require.Contains(t, out, "line 4: replication factor 9 is more than the 3 nodes: add nodes first")
	c.stop()
}

// screen collects what a terminal shows.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func TestTheShellTalksToAPersonAtATerminal(t *testing.T) {
	c := start(t)
	cmd := exec.Command(kvctl(), "--dir", c.dir, "shell")
	cmd.Env = append(cmd.Environ(), "TERM=xterm", "XDG_CACHE_HOME="+t.TempDir())
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: 120})
	require.NoError(t, err)
	defer terminal.Close()
	ended := make(chan error, 1)
	shown := new(screen)
	go func() {
		_, _ = io.Copy(shown, terminal) // until the shell has ended
		ended <- cmd.Wait()
	}()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	say := func(keys, want string) {
		t.Helper()
		before := len(shown.String())
		_, err := io.WriteString(terminal, keys)
		require.NoError(t, err)
		require.Eventually(t, func() bool { return strings.Contains(shown.String()[before:], want) }, budget, 10*time.Millisecond,
			"%q: %s", want, shown)
	}
	say("", "ringkv> ")
	say("put apple 123\r", "(leader)")
	say("get ap\x03", "ringkv> ") // Ctrl-C drops the line
	say("get apple\r", "apple -> 123")
	say("remo\t", "removenode ")
	say("n\t\t", "n3")        // the names of nodes
	say("\x15", "ringkv> ")   // Ctrl-U
	say("\x1b[A\r", "-> 123") // the last command again
	say("help\r", "doctor")
	for range 2 { // Ctrl-C ends the command, and the shell goes on every time
		say("watch apple\r", "watching")
		say("\x03", "ringkv> ")
		say("get apple\r", "apple -> 123")
	}
	say("exit\r", "")
	select {
	case err := <-ended:
		require.NoError(t, err)
	case <-time.After(budget):
		t.Fatal("exit does not end the shell")
	}
	c.stop()
}
