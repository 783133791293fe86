package localcluster

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/coordinator"
)

func TestWhatStaysInTheWayIsToldOnce(t *testing.T) {
	var out bytes.Buffer
	r := reporter{log: slog.New(slog.NewTextHandler(&out, nil)), since: make(map[coordinator.Reason]time.Time)}
	start := time.Unix(1000, 0)
	pass := func(after time.Duration, messages ...string) int {
		result := coordinator.Result{At: start.Add(after)}
		for _, m := range messages {
			result.Blocked = append(result.Blocked, coordinator.Blocked{Reason: coordinator.ReasonUnavailable, Message: m})
		}
		r.report(&result)
		return strings.Count(out.String(), "blocked=Unavailable")
	}
	require.Zero(t, pass(0, "64 partitions"))
	require.Zero(t, pass(patience-1, "3 partitions"))
	require.Equal(t, 1, pass(patience, "2 partitions"))
	require.Contains(t, out.String(), "2 partitions")
	require.Equal(t, 1, pass(2*patience, "1 partition"), "once")
	require.Equal(t, 1, pass(3*patience))
	require.Equal(t, 1, pass(4*patience, "again"))
	require.Equal(t, 2, pass(5*patience, "again"))
}
