package wal_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/vfs/crashfs"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

const patience = 20 * time.Second

func put(p uint32, index uint64, size int) *wal.Write {
	data := fmt.Appendf(make([]byte, 0, size), "%d", index)
	return &wal.Write{Partition: p, Replica: 1, Entries: []wal.Entry{{Term: 1, Index: index, Data: data[:size:size]}}}
}

func started(t *testing.T, fs *crashfs.FS, change func(*wal.Options)) *script {
	s, err := newScript(fs, 1, change)
	require.NoError(t, err)
	for p := range uint32(3) {
		require.True(t, s.do(&wal.Write{Partition: p, Replica: 1, Create: []byte{}, HardState: &wal.HardState{Term: 1}}))
	}
	return s
}

// TestAFailedWriteOrSyncIsFinal lets the disk fail once. The log must not try
// again, and nothing may be acknowledged any more.
func TestAFailedWriteOrSyncIsFinal(t *testing.T) {
	for _, op := range []crashfs.Op{crashfs.OpWrite, crashfs.OpSync} {
		for _, errno := range []error{syscall.EIO, syscall.ENOSPC} {
			t.Run(fmt.Sprint(op, " ", errno), func(t *testing.T) {
				fs := crashfs.New()
				s := started(t, fs, func(o *wal.Options) { o.SegmentBytes = 1 << 20 }) // no other is prepared
				require.True(t, s.do(put(1, 1, 100)))
				fs.Fail(op, "", 1, errno)
				require.False(t, s.do(put(1, 2, 100)), "acknowledged")
				writes, syncs := fs.Count(crashfs.OpWrite), fs.Count(crashfs.OpSync)
				s.log.Append(put(1, 3, 100), put(2, 1, 100))
				require.ErrorIs(t, s.log.Close(), errno)
				require.Equal(t, writes, fs.Count(crashfs.OpWrite), "written after a failure")
				require.Equal(t, syncs, fs.Count(crashfs.OpSync), "synced after a failure")
				require.Equal(t, 4, s.acked)
				for _, keep := range []float64{0, 1} {
					require.NoError(t, recovered(t, fs.Crash(keep, 1), &s.history).Close())
				}
			})
		}
	}
}

// TestWhatAFailedSyncForgotIsWrittenAgain: the process ends after a failed sync,
// and starts again on a machine that still shows it the pages. It may only go on
// with what is on the disk.
func TestWhatAFailedSyncForgotIsWrittenAgain(t *testing.T) {
	fs := crashfs.New()
	s := started(t, fs, func(o *wal.Options) { o.SegmentBytes = 1 << 20 }) // no other is prepared
	fs.Fail(crashfs.OpSync, "", 1, syscall.EIO)
	require.False(t, s.do(put(1, 1, 100)))
	require.ErrorIs(t, s.log.Close(), syscall.EIO)

	l := recovered(t, fs, &s.history)
	require.EqualValues(t, 1, l.Group(1).LastIndex(), "the pages can still be read")
	s.acked = len(s.writes) // the replica would now answer for the entry
	require.NoError(t, recovered(t, fs.Crash(0, 1), &s.history).Close())
}

func TestAFailedDirectorySyncIsFinal(t *testing.T) {
	fs := crashfs.New()
	s := started(t, fs, nil)
	fs.FailAll(crashfs.OpSyncDir, "/log", syscall.EIO)
	ok := true
	for i := uint64(1); ok && i < 100; i++ {
		ok = s.do(put(1, i, 1000))
	}
	require.False(t, ok, "a segment was used whose name was not durable")
	require.ErrorIs(t, s.log.Close(), syscall.EIO)
	fs.Heal()
	require.NoError(t, recovered(t, fs.Crash(0, 1), &s.history).Close())
}

// TestAFullVolumeHealsByItself fills the volume, goes on with what is needed to
// make room, and makes room.
func TestAFullVolumeHealsByItself(t *testing.T) {
	fs := crashfs.New()
	const room = 14 * segmentBytes
	fs.SetSize(room)
	s := started(t, fs, func(o *wal.Options) { o.ReserveBytes = 5 * segmentBytes })
	index := uint64(0)
	for !s.log.Full() {
		index++
		require.True(t, s.do(put(1, index, 1000)))
		require.Less(t, index, uint64(1000), "the volume never gets full")
	}
	u := s.log.Usage()
	require.EqualValues(t, room, u.Total)
	require.Greater(t, u.Log, int64(5*segmentBytes))
	p, retained, ok := s.log.Holding()
	require.True(t, ok)
	require.EqualValues(t, 1, p)
	require.Equal(t, s.log.Usage().Log, retained)

	// The ballast makes room for a snapshot, and that for everything else.
	ref, err := snapshotFile(fs, "compacted", make([]byte, 2*segmentBytes))
	require.NoError(t, err)
	ref.Term, ref.Index = 1, index
	require.True(t, s.do(&wal.Write{Partition: 1, Replica: 1, Snapshot: ref, HardState: &wal.HardState{Term: 1, Commit: index}}))
	require.Eventually(t, func() bool { return !s.log.Full() }, patience, time.Millisecond)
	_, _, ok = s.log.Holding()
	require.False(t, ok)
	for range 100 {
		index++
		require.True(t, s.do(put(1, index, 100)))
	}
	require.NoError(t, s.log.Close())
	require.NoError(t, recovered(t, fs, &s.history).Close())
}

// TestALogWithoutRoomWaits: the volume is so full that not even the next segment
// fits. The writer waits; nothing fails.
func TestALogWithoutRoomWaits(t *testing.T) {
	fs := crashfs.New()
	fs.SetSize(2*segmentBytes + 1000)
	s := started(t, fs, nil)
	acked := make(chan uint64, 1000)
	for i := uint64(1); i <= 60; i++ {
		w := put(1, i, 1000)
		w.Done = func() { acked <- i }
		s.log.Append(w)
	}
	require.Eventually(t, s.log.Full, patience, time.Millisecond)
	fs.SetSize(20 * segmentBytes)
	for i := uint64(1); i <= 60; i++ {
		require.Equal(t, i, <-acked)
	}
	require.Eventually(t, func() bool { return !s.log.Full() }, patience, time.Millisecond)
	require.NoError(t, s.log.Close())
}

func TestAFullLogCanBeClosed(t *testing.T) {
	fs := crashfs.New()
	fs.SetSize(segmentBytes + 1000)
	s := started(t, fs, nil)
	for i := uint64(1); i <= 60; i++ {
		s.log.Append(put(1, i, 1000))
	}
	require.Eventually(t, s.log.Full, patience, time.Millisecond)
	require.NoError(t, s.log.Close())
}
