package wal_test

import (
	"testing"
	"time"

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
	for _, c := range []struct {
		name   string
		change func(*wal.Options)
		// lazy: what is acknowledged survives the process, not the machine.
		lazy bool
	}{
		{name: "plain"},
		{name: "with a note at every sync", change: func(o *wal.Options) { o.PromiseDelay = 1 }},
		{name: "with retained segments", change: func(o *wal.Options) { o.RetainBytes = 3 * segmentBytes }},
		{name: "with an interval", change: func(o *wal.Options) { o.Sync, o.PromiseDelay = wal.Interval(time.Hour), 1 }, lazy: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			seed := testSeed(t)
			steps, stride := 120, 1
			if testing.Short() {
				steps, stride = 60, 5
			}
			for stop := 1; ; stop += stride {
				fs := crashfs.New()
				fs.StopAfter(stop)
				s, err := newScript(fs, seed, c.change)
				finished := err == nil && s.run(steps)
				if err == nil {
					finished = s.log.Close() == nil && finished
				}
				for i, keep := range []float64{0, 1, 0.5, 0.9} {
					h := s.history
					if c.lazy && keep < 1 {
						h.acked = 0
					}
					t.Logf("stopped after %d operations, kept %g", stop, keep)
					checkCrash(t, fs.Crash(keep, seed+uint64(stop*10+i)), &h, keep, stop)
					// The process ends first, and the machine while the next one
					// recovers.
					checkCrash(t, fs.Kill(), &h, keep, stop)
				}
				if finished {
					t.Logf("%d operations, %d writes", fs.Changes(), len(s.writes))
					return
				}
			}
		})
	}
}

// checkCrash crashes once more while the log recovers, and then recovers twice.
func checkCrash(t *testing.T, fs *crashfs.FS, h *history, keep float64, stop int) {
	fs.StopAfter(stop % 7)
	if l, _, err := wal.Open(options(fs)); err == nil {
		_ = l.Close()
	}
	fs = fs.Crash(keep, uint64(stop))
	l := recovered(t, fs, h)
	require.NoError(t, l.Close())
	l = recovered(t, fs, h)
	require.NoError(t, l.Close())
}
