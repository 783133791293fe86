package wal_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/vfs"
	"github.com/ringkv/ringkv/internal/kv/vfs/crashfs"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

func TestDonesRunInTheOrderOfAppend(t *testing.T) {
	s := started(t, crashfs.New(), nil)
	const n = 500
	order := make(chan int, n)
	for i := range n {
		w := put(uint32(i%3), uint64(i/3)+1, 50)
		w.NoSync = i%2 == 0
		w.Done = func() { order <- i }
		s.log.Append(w)
	}
	for i := range n {
		require.Equal(t, i, <-order)
	}
	require.Less(t, s.log.Stats().Batches, uint64(n), "writes are batched")
	require.NoError(t, s.log.Close())
}

func TestCloseWritesWhatWasAppended(t *testing.T) {
	fs := crashfs.New()
	s := started(t, fs, nil)
	last := false
	for i := uint64(1); i <= 100; i++ {
		w := put(1, i, 700)
		w.Done = func() { last = i == 100 }
		s.log.Append(w)
	}
	require.NoError(t, s.log.Close())
	require.True(t, last)
	s.log.Append(&wal.Write{Partition: 1, Replica: 1, Done: func() { panic("acknowledged by a closed log") }})
	require.NoError(t, s.log.Close(), "again")
	l, rec, err := wal.Open(options(fs.Crash(0, 0)))
	require.NoError(t, err)
	require.True(t, rec.Clean)
	require.Nil(t, rec.Cut)
	require.EqualValues(t, 100, rec.Replicas[1].Last)
	require.NoError(t, l.Close())
}

func TestCleanIsSaidOnce(t *testing.T) {
	fs := crashfs.New()
	require.NoError(t, started(t, fs, nil).log.Close())
	l, rec, err := wal.Open(options(fs))
	require.NoError(t, err)
	require.True(t, rec.Clean)
	crashed := fs.Crash(0, 0)
	require.NoError(t, l.Close())
	l, rec, err = wal.Open(options(crashed))
	require.NoError(t, err)
	require.False(t, rec.Clean, "it was opened since")
	require.NoError(t, l.Close())
}

func TestAnEmptyWriteWaitsForThoseBeforeIt(t *testing.T) {
	s := started(t, crashfs.New(), nil)
	w := put(1, 1, 10)
	w.NoSync = true
	require.True(t, s.do(w))
	before := s.log.Stats().Sync.Count
	require.True(t, s.append(&wal.Write{Partition: 1, Replica: 1})())
	require.Equal(t, before+1, s.log.Stats().Sync.Count, "what was not synced is now")
	require.True(t, s.append(&wal.Write{Partition: 1, Replica: 1})())
	require.Equal(t, before+1, s.log.Stats().Sync.Count, "there was nothing left to sync")
	require.NoError(t, s.log.Close())
}

func TestNoSyncAsksForNoSync(t *testing.T) {
	s := started(t, crashfs.New(), nil)
	before := s.log.Stats().Sync.Count
	require.True(t, s.do(&wal.Write{Partition: 1, Replica: 1, HardState: &wal.HardState{Term: 1}, NoSync: true}))
	require.Equal(t, before, s.log.Stats().Sync.Count)
	require.NoError(t, s.log.Close())
}

func TestIntervalSyncsLater(t *testing.T) {
	fs := crashfs.New()
	s := started(t, fs, func(o *wal.Options) { o.Sync, o.PromiseDelay = wal.Interval(time.Millisecond), time.Millisecond })
	for i := uint64(1); i <= 100; i++ {
		require.True(t, s.do(put(1, i, 100)))
	}
	require.Eventually(t, func() bool {
		l, rec, err := wal.Open(options(fs.Crash(0, 0)))
		require.NoError(t, err)
		defer func() { require.NoError(t, l.Close()) }()
		return rec.Replicas[1] != nil && rec.Replicas[1].Last == 100
	}, patience, time.Millisecond)
	require.Less(t, s.log.Stats().Sync.Count, uint64(100))
	require.NoError(t, s.log.Close())
}

func TestAVoteIsNotLeftToTheInterval(t *testing.T) {
	fs := crashfs.New()
	s := started(t, fs, func(o *wal.Options) { o.Sync = wal.Interval(time.Hour) })
	after := func() *wal.Recovery {
		l, rec, err := wal.Open(options(fs.Crash(0, 0)))
		require.NoError(t, err)
		require.NoError(t, l.Close())
		return rec
	}
	vote := wal.HardState{Term: 7, Vote: 3}
	require.True(t, s.do(&wal.Write{Partition: 1, Replica: 1, HardState: &vote}))
	require.Equal(t, vote, after().Replicas[1].HardState)

	require.True(t, s.do(put(1, 1, 100)))
	commit := vote
	commit.Commit = 1
	require.True(t, s.do(&wal.Write{Partition: 1, Replica: 1, HardState: &commit}))
	require.Zero(t, after().Replicas[1].Last, "entries and commit are left to it")

	require.True(t, s.do(&wal.Write{Partition: 1, Replica: 1, Tombstone: 2}))
	require.Nil(t, after().Replicas[1])
	require.EqualValues(t, 2, after().Tombstones[1])
	require.NoError(t, s.log.Close())
}

func TestAWriteForAnotherReplicaIsDropped(t *testing.T) {
	s := started(t, crashfs.New(), nil)
	refused := func() { panic("acknowledged") }
	s.log.Append(
		&wal.Write{Partition: 1, Replica: 2, HardState: &wal.HardState{Term: 1}, Done: refused},
		&wal.Write{Partition: 7, Replica: 1, HardState: &wal.HardState{Term: 1}, Done: refused},
	)
	require.True(t, s.do(&wal.Write{Partition: 1, Replica: 1, Tombstone: 5}))
	s.log.Append(
		&wal.Write{Partition: 1, Replica: 1, HardState: &wal.HardState{Term: 1}, Done: refused},
		&wal.Write{Partition: 1, Replica: 4, Create: []byte{}, Done: refused},
	)
	require.True(t, s.do(&wal.Write{Partition: 1, Replica: 5, Create: []byte{}}))
	require.EqualValues(t, 5, s.log.Group(1).Replica())
	require.NoError(t, s.log.Close())
}

func TestAppendPanicsOnAHole(t *testing.T) {
	s := started(t, crashfs.New(), nil)
	require.Panics(t, func() { s.log.Append(put(1, 2, 10)) })
}

func TestEntries(t *testing.T) {
	s := started(t, crashfs.New(), func(o *wal.Options) { o.TailBytes = 2000 })
	g := s.log.Group(1)
	require.EqualValues(t, 1, g.FirstIndex())
	require.EqualValues(t, 0, g.LastIndex())
	for i := uint64(1); i <= 100; i++ { // the first ones are in files only
		require.True(t, s.do(put(1, i, 100), put(2, i, 1)))
	}
	check := func(lo, hi, maxBytes uint64, n int) {
		t.Helper()
		es, err := g.Entries(lo, hi, maxBytes)
		require.NoError(t, err)
		require.Len(t, es, n)
		for i, e := range es {
			require.Equal(t, lo+uint64(i), e.Index)
			require.True(t, strings.HasPrefix(string(e.Data), fmt.Sprint(e.Index)))
		}
	}
	check(1, 101, 1<<20, 100)
	check(1, 2, 1<<20, 1)
	check(100, 101, 0, 1)
	check(1, 101, 0, 1)
	check(1, 101, 5*116, 5)
	check(95, 101, 3*116, 3)
	check(5, 5, 1<<20, 0)
	es, err := g.Entries(50, 101, 1<<20)
	require.NoError(t, err)
	es = append(es[:1], wal.Entry{}) // the slice is the caller's
	require.Len(t, es, 2)
	check(50, 101, 1<<20, 51)

	_, err = g.Entries(1, 102, 1<<20)
	require.ErrorIs(t, err, wal.ErrUnavailable)
	_, err = g.Term(101)
	require.ErrorIs(t, err, wal.ErrUnavailable)
	require.True(t, s.do(&wal.Write{Partition: 1, Replica: 1, Snapshot: &wal.SnapshotRef{Term: 4, Index: 200, Received: true}}))
	_, err = g.Entries(100, 101, 1<<20)
	require.ErrorIs(t, err, wal.ErrCompacted)
	_, err = g.Term(199)
	require.ErrorIs(t, err, wal.ErrCompacted)
	term, err := g.Term(200)
	require.NoError(t, err)
	require.EqualValues(t, 4, term)
	require.EqualValues(t, 201, g.FirstIndex())
	require.EqualValues(t, 200, g.LastIndex())
	require.NoError(t, s.log.Close())
}

// TestOldSegmentsGo: what is compacted is deleted, also when one partition holds
// everything back until it is compacted as well.
func TestOldSegmentsGo(t *testing.T) {
	fs := crashfs.New()
	s := started(t, fs, nil)
	require.True(t, s.do(put(2, 1, 100)))
	segments := func() (n int) {
		names, err := fs.List("/log")
		require.NoError(t, err)
		for _, name := range names {
			if strings.HasSuffix(name, ".wal") {
				n++
			}
		}
		return n
	}
	compact := func(p uint32, index uint64) {
		require.True(t, s.do(&wal.Write{Partition: p, Replica: 1, Snapshot: &wal.SnapshotRef{Term: 1, Index: index}}))
	}
	for i := uint64(1); i <= 200; i++ {
		require.True(t, s.do(put(1, i, 1000)))
	}
	compact(1, 200)
	require.Greater(t, segments(), 5)
	p, retained, ok := s.log.Holding()
	require.True(t, ok)
	require.EqualValues(t, 2, p)
	require.Equal(t, s.log.Usage().Log, retained)
	compact(2, 1)
	require.Eventually(t, func() bool { return segments() == 1 }, patience, time.Millisecond)
	_, _, ok = s.log.Holding()
	require.False(t, ok)
	require.Greater(t, s.log.Group(1).FirstIndex(), uint64(150))
	require.NoError(t, s.log.Close())
}

// TestRetainedSegmentsServeFollowers: compacted entries can be read while their
// segments are retained.
func TestRetainedSegmentsServeFollowers(t *testing.T) {
	s := started(t, crashfs.New(), func(o *wal.Options) { o.RetainBytes = 1 << 20 })
	for i := uint64(1); i <= 100; i++ {
		require.True(t, s.do(put(1, i, 1000)))
	}
	require.True(t, s.do(&wal.Write{Partition: 1, Replica: 1, Snapshot: &wal.SnapshotRef{Term: 1, Index: 100}}))
	es, err := s.log.Group(1).Entries(1, 101, 1<<20)
	require.NoError(t, err)
	require.Len(t, es, 100)
	require.NoError(t, s.log.Close())
}

func TestAWriteLargerThanASegment(t *testing.T) {
	fs := crashfs.New()
	s := started(t, fs, nil)
	for i := uint64(1); i <= 5; i++ {
		require.True(t, s.do(put(1, i, 3*segmentBytes)))
	}
	require.NoError(t, s.log.Close())
	l := recovered(t, fs.Crash(0, 0), &s.history)
	es, err := l.Group(1).Entries(1, 6, 1<<30)
	require.NoError(t, err)
	require.Len(t, es, 5)
	require.NoError(t, l.Close())
}

func TestAppendDoesNotAllocatePerWrite(t *testing.T) {
	s := started(t, crashfs.New(), func(o *wal.Options) { o.SegmentBytes = 16 << 20; o.TailBytes = 1 << 20 })
	done := make(chan struct{}, 1)
	ws := make([]*wal.Write, 64)
	for i := range ws {
		s.log.Append(&wal.Write{Partition: uint32(i), Replica: 9, Create: []byte{}})
		ws[i] = &wal.Write{Partition: uint32(i), Replica: 9, Entries: make([]wal.Entry, 1), HardState: &wal.HardState{Term: 1}}
	}
	ws[63].Done = func() { done <- struct{}{} }
	index, data := uint64(0), make([]byte, 100)
	round := func() {
		index++
		for _, w := range ws {
			w.Entries[0] = wal.Entry{Term: 1, Index: index, Data: data}
		}
		s.log.Append(ws...)
		<-done
	}
	for range 100 {
		round()
	}
	require.Less(t, testing.AllocsPerRun(100, round), 64.0, "allocations for 64 writes, those of the file system included")
	require.NoError(t, s.log.Close())
}

// TestOnTheRealFileSystem goes through a life with the operating system's files.
func TestOnTheRealFileSystem(t *testing.T) {
	o := wal.Options{FS: vfs.OS{}, Dir: t.TempDir() + "/a/b", NodeID: "n", SegmentBytes: 256 << 10, RetainBytes: -1, ReserveBytes: 1 << 20, TailBytes: 1000}
	l, rec, err := wal.Open(o)
	require.NoError(t, err)
	require.True(t, rec.New)
	l.Append(&wal.Write{Partition: 1, Replica: 1, Create: []byte("config")})
	done := make(chan struct{})
	for i := uint64(1); i <= 2000; i++ {
		w := put(1, i, 1000)
		if i == 2000 {
			w.Done = func() { close(done) }
		}
		l.Append(w)
	}
	<-done
	w, err := wal.CreateSnapshotFile(o.FS, l.SnapshotDir(), "s1")
	require.NoError(t, err)
	_, err = w.Write(make([]byte, 100000))
	require.NoError(t, err)
	size, crc, err := w.Commit()
	require.NoError(t, err)
	l.Append(&wal.Write{Partition: 1, Replica: 1, Snapshot: &wal.SnapshotRef{Term: 1, Index: 1500, File: "s1", Size: size, CRC: crc}})
	require.Eventually(t, func() bool { return l.Group(1).FirstIndex() > 1000 }, patience, time.Millisecond)
	require.NoError(t, l.Close())
	l, rec, err = wal.Open(o)
	require.NoError(t, err)
	requireWhole(t, rec)
	require.True(t, rec.Clean)
	require.Equal(t, "config", string(rec.Replicas[1].Create))
	es, err := l.Group(1).Entries(1501, 2001, 1<<30)
	require.NoError(t, err)
	require.Len(t, es, 500)
	require.NoError(t, l.Close())
}
