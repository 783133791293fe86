package localcluster

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const budget = time.Minute

func start(t *testing.T, kind string, change func(*processSpec)) *process {
	t.Helper()
	t.Setenv(fakeNode, kind)
	binary, err := os.Executable()
	require.NoError(t, err)
	spec := processSpec{
		name:         "n1",
		binary:       binary,
		args:         []string{"--dir", "somewhere"},
		logFile:      filepath.Join(t.TempDir(), "node.log"),
		restartDelay: 10 * time.Millisecond,
		stopGrace:    budget,
		logger:       slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&spec)
	}
	p, err := startProcess(spec)
	require.NoError(t, err)
	t.Cleanup(p.Stop)
	return p
}

// logged waits until the log has the text that many times.
func logged(t *testing.T, p *process, text string, times int) {
	t.Helper()
	require.Eventually(t, func() bool {
		b, err := os.ReadFile(p.spec.logFile)
		return err == nil && strings.Count(string(b), text) >= times
	}, budget, time.Millisecond, "%d times %q", times, text)
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

func TestStopEndsTheNodePolitely(t *testing.T) {
	p := start(t, "polite", nil)
	logged(t, p, "started [--dir somewhere]", 1)
	pid := p.State().PID
	require.True(t, alive(pid))
	p.Stop()
	require.False(t, alive(pid))
	require.Equal(t, ProcessState{LastExit: "exit status 0"}, p.State())
	logged(t, p, "stopped", 1)
	p.Stop() // again does no harm
}

func TestKilledNodeIsStartedAgain(t *testing.T) {
	p := start(t, "polite", nil)
	for i := range 3 {
		logged(t, p, "started", i+1)
		require.NoError(t, p.Kill())
		require.Eventually(t, func() bool { return p.State().Restarts == i+1 && p.State().PID != 0 }, budget, time.Millisecond)
		require.Equal(t, "signal: killed", p.State().LastExit)
	}
	logged(t, p, "started", 4)
	p.Stop()
	require.Equal(t, 3, p.State().Restarts, "a stop is no reason to start again")
}

func TestKilledNodeStaysDownWhenAskedTo(t *testing.T) {
	p := start(t, "polite", func(s *processSpec) { s.restartDelay = -1 })
	logged(t, p, "started", 1)
	require.NoError(t, p.Kill())
	require.Eventually(t, func() bool { return p.State().PID == 0 }, budget, time.Millisecond)
	require.ErrorContains(t, p.Kill(), "does not run")
	p.Stop()
	require.Equal(t, ProcessState{LastExit: "signal: killed"}, p.State())
}

func TestNodeThatDoesNotStopIsKilled(t *testing.T) {
	p := start(t, "stubborn", func(s *processSpec) { s.stopGrace = 20 * time.Millisecond })
	logged(t, p, "started", 1)
	pid := p.State().PID
	p.Stop()
	require.False(t, alive(pid))
	require.Equal(t, "signal: killed", p.State().LastExit)
}

func TestStopWhileTheNodeIsDownDoesNotWaitForIt(t *testing.T) {
	p := start(t, "broken", func(s *processSpec) { s.restartDelay = time.Hour })
	require.Eventually(t, func() bool { return p.State().LastExit != "" }, budget, time.Millisecond)
	require.Equal(t, ProcessState{LastExit: "exit status 3"}, p.State())
	require.Equal(t, "cannot work like this", lastLine(p.spec.logFile))
	p.Stop()
}

func TestMissingBinaryIsAnErrorAtOnce(t *testing.T) {
	_, err := startProcess(processSpec{
		name: "n1", binary: "/no/such/kvnode", logFile: filepath.Join(t.TempDir(), "node.log"),
		logger: slog.New(slog.DiscardHandler),
	})
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "node n1")
}
