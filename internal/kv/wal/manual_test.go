package wal

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/vfs/crashfs"
)

// manual is a log without goroutines, with a clock that stands still.
type manual struct {
	*Log
	fs    *crashfs.FS
	now   time.Time
	calls int // of Options.Manual
	fatal error
}

func openManual(t *testing.T, fs *crashfs.FS) (*manual, *Recovery) {
	m := &manual{fs: fs, now: time.Unix(1_000_000, 0)}
	l, rec, err := Open(Options{
		FS: fs, Dir: "/log", NodeID: "n", SegmentBytes: minSegmentBytes, RetainBytes: -1,
		Clock: func() time.Time { return m.now }, Manual: func(func() time.Duration) { m.calls++ }, Fatal: func(err error) { m.fatal = err },
	})
	require.NoError(t, err)
	m.Log = l
	return m, rec
}

func (m *manual) put(index uint64, data string) *bool {
	done := new(bool)
	m.Append(&Write{Partition: 1, Replica: 1, Entries: []Entry{{Term: 1, Index: index, Data: []byte(data)}}, Done: func() { *done = true }})
	return done
}

func TestAManualLogWritesWhenItIsTold(t *testing.T) {
	m, _ := openManual(t, crashfs.New())
	m.Append(&Write{Partition: 1, Replica: 1, Create: []byte("{}")})
	m.work()
	done := m.put(1, "one")
	m.put(2, "two")
	require.Equal(t, 3, m.calls, "called by Open, and once each time that the queue was empty")
	require.False(t, *done)
	require.Equal(t, m.opts.PromiseDelay, m.work())
	require.True(t, *done)

	syncs := m.fs.Count(crashfs.OpSync)
	m.work()
	require.Equal(t, syncs, m.fs.Count(crashfs.OpSync), "the note is not due yet")
	m.now = m.now.Add(m.opts.PromiseDelay)
	m.work()
	require.Equal(t, syncs+1, m.fs.Count(crashfs.OpSync))

	after, rec := openManual(t, m.fs.Crash(0, 1))
	require.EqualValues(t, 2, rec.Replicas[1].Last)
	require.NoError(t, after.Close())
	_, rec = openManual(t, after.fs.Crash(0, 1))
	require.True(t, rec.Clean)
}

func TestAManualLogOnAFullVolumeWritesOnWhenThereIsRoom(t *testing.T) {
	m, _ := openManual(t, crashfs.New())
	m.Append(&Write{Partition: 1, Replica: 1, Create: []byte("{}")})
	m.work()
	m.fs.SetSize(minSegmentBytes + minSegmentBytes/2)
	var dones []*bool
	for i := range uint64(20) {
		dones = append(dones, m.put(i+1, string(make([]byte, 2000))))
	}
	require.Equal(t, fullRetry, m.work())
	require.True(t, m.Full())
	require.True(t, *dones[0])
	require.False(t, *dones[19])
	m.fs.SetSize(1 << 40)
	m.work()
	require.True(t, *dones[19])
	require.NoError(t, m.fatal)
	require.NoError(t, m.Close())
}

func TestAManualLogEndsAtAFailedSync(t *testing.T) {
	m, _ := openManual(t, crashfs.New())
	m.Append(&Write{Partition: 1, Replica: 1, Create: []byte("{}")})
	m.fs.StopAfter(1)
	m.work()
	require.ErrorIs(t, m.fatal, crashfs.ErrStopped)
	done := m.put(1, "too late")
	m.work()
	require.False(t, *done)
	require.ErrorIs(t, m.Close(), crashfs.ErrStopped)
}
