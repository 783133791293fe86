package wal_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/vfs/crashfs"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

// recovered opens what a crash left, checks it against the history, and returns the
// open log.
func recovered(t *testing.T, fs *crashfs.FS, h *history) *wal.Log {
	t.Helper()
	l, rec, err := wal.Open(options(fs))
	require.NoError(t, err)
	requireWhole(t, rec)
	h.prefix(t, l, rec)
	return l
}

// TestACrashAnywhereLosesNothingAcknowledged runs a script again and again, with a
// crash one operation later each time.
func TestACrashAnywhereLosesNothingAcknowledged(t *testing.T) {
	seed := testSeed(t)
	steps := 150
	stride := 1
	if testing.Short() {
		steps, stride = 60, 3
	}
	for stop := 1; ; stop += stride {
		fs := crashfs.New()
		fs.StopAfter(stop)
		s, err := newScript(fs, seed, nil)
		finished := err == nil && s.run(steps)
		if err == nil {
			finished = s.log.Close() == nil && finished
		}
		for i, keep := range []float64{0, 1, 0.5, 0.9} {
			after := fs.Crash(keep, seed+uint64(stop*10+i))
			// Once more, while the log recovers.
			after.StopAfter(stop % 7)
			if l, _, err := wal.Open(options(after)); err == nil {
				_ = l.Close()
			}
			after = after.Crash(keep, seed)
			l := recovered(t, after, &s.history)
			require.NoError(t, l.Close())
			l = recovered(t, after, &s.history)
			require.NoError(t, l.Close())
			if t.Failed() {
				t.Fatalf("stopped after %d operations, kept %g", stop, keep)
			}
		}
		if finished {
			t.Logf("%d operations, %d writes", fs.Changes(), len(s.writes))
			return
		}
	}
}
