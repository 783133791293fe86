package wal_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/vfs/crashfs"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

func content(n int) []byte {
	p := make([]byte, n)
	rng := rand.New(rand.NewPCG(uint64(n), 1))
	for i := range p {
		p[i] = byte(rng.Uint32())
	}
	return p
}

func readSnapshot(fs *crashfs.FS, name string) ([]byte, error) {
	r, err := wal.OpenSnapshotFile(fs, "/log/snapshots", name)
	if err != nil {
		return nil, err
	}
	p, err := io.ReadAll(r)
	if closeErr := r.Close(); err == nil {
		err = closeErr
	}
	return p, err
}

func TestASnapshotFileGivesBackWhatWasWritten(t *testing.T) {
	fs := crashfs.New()
	require.NoError(t, fs.MkdirAll("/log/snapshots"))
	const block = 65528
	for _, n := range []int{0, 1, 7, block - 1, block, block + 1, 2 * block, 3*block + 5} {
		name := fmt.Sprint("s", n)
		w, err := wal.CreateSnapshotFile(fs, "/log/snapshots", name)
		require.NoError(t, err)
		want := content(n)
		for p := want; len(p) > 0; { // in odd pieces
			k := min(len(p), 10007)
			_, err := w.Write(p[:k])
			require.NoError(t, err)
			p = p[k:]
		}
		size, _, err := w.Commit()
		require.NoError(t, err)
		got, err := readSnapshot(fs.Crash(0, 1), name)
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got), "%d bytes", n)
		p, err := fs.ReadFile("/log/snapshots/" + name)
		require.NoError(t, err)
		require.EqualValues(t, len(p), size)
		_, err = w.Write([]byte("late"))
		require.Error(t, err)
	}
}

func TestASyncOfTheLogNeverWaitsForAWholeSnapshotFile(t *testing.T) {
	fs := crashfs.New()
	require.NoError(t, fs.MkdirAll("/log/snapshots"))
	w, err := wal.CreateSnapshotFile(fs, "/log/snapshots", "s")
	require.NoError(t, err)
	for range 10 {
		before := fs.Count(crashfs.OpSync)
		_, err = w.Write(make([]byte, 1<<20))
		require.NoError(t, err)
		_, err = w.Write(make([]byte, 64<<10)) // a block can still be open
		require.NoError(t, err)
		require.Greater(t, fs.Count(crashfs.OpSync), before, "every MiB is synced by itself")
	}
	_, _, err = w.Commit()
	require.NoError(t, err)
}

func TestADamagedSnapshotFileIsNoticed(t *testing.T) {
	fs := crashfs.New()
	require.NoError(t, fs.MkdirAll("/log/snapshots"))
	ref, err := snapshotFile(fs, "s", content(140000))
	require.NoError(t, err)
	const name = "/log/snapshots/s"
	damaged := func(what string, do func(*crashfs.FS) error) {
		c := fs.Crash(1, 0)
		require.NoError(t, do(c), what)
		_, err := readSnapshot(c, "s")
		require.ErrorIs(t, err, wal.ErrCorrupt, what)
	}
	for off := int64(0); off < ref.Size; off += 997 {
		damaged(fmt.Sprint("flipped bit at ", off), func(c *crashfs.FS) error { return c.Flip(name, off, uint(off)) })
		damaged(fmt.Sprint("cut to ", off), func(c *crashfs.FS) error { return c.Truncate(name, off) })
	}
	for off := int64(0); off < 16; off++ {
		damaged(fmt.Sprint("flipped bit at ", off), func(c *crashfs.FS) error { return c.Flip(name, off, uint(off)) })
		damaged(fmt.Sprint("flipped bit in the second block at ", off), func(c *crashfs.FS) error { return c.Flip(name, 65536+off, uint(off)) })
	}
	damaged("bytes behind the end", func(c *crashfs.FS) error {
		p, err := c.ReadFile(name)
		if err != nil {
			return err
		}
		return c.WriteFile(name, append(p, 0))
	})
	damaged("swapped blocks", func(c *crashfs.FS) error {
		p, err := c.ReadFile(name)
		if err != nil {
			return err
		}
		p = append(append(append([]byte(nil), p[65536:131072]...), p[:65536]...), p[131072:]...)
		return c.WriteFile(name, p)
	})
}

func TestABadSnapshotRefusesItsReplicaAlone(t *testing.T) {
	for name, spoil := range map[string]func(fs *crashfs.FS) error{
		"missing": func(fs *crashfs.FS) error { return fs.Remove("/log/snapshots/one") },
		"damaged": func(fs *crashfs.FS) error { return fs.Flip("/log/snapshots/one", 1000, 1) },
		"another": func(fs *crashfs.FS) error { _, err := snapshotFile(fs, "one", content(5001)); return err },
	} {
		t.Run(name, func(t *testing.T) {
			fs := crashfs.New()
			s := started(t, fs, nil)
			for p, file := range []string{"zero", "one"} {
				ref, err := snapshotFile(fs, file, content(5000+p))
				require.NoError(t, err)
				ref.Term, ref.Index, ref.Received = 1, 10, true
				require.True(t, s.do(&wal.Write{Partition: uint32(p), Replica: 1, Snapshot: ref, HardState: &wal.HardState{Term: 1, Commit: 10}}))
			}
			require.NoError(t, s.log.Close())
			require.NoError(t, spoil(fs))
			if name == "another" {
				require.NoError(t, fs.Remove("/log/snapshots/one"))
				_, err := snapshotFile(fs, "one", content(4999))
				require.NoError(t, err)
			}
			l, rec, err := wal.Open(options(fs))
			require.NoError(t, err)
			require.Len(t, rec.Refused, 1)
			require.Contains(t, rec.Refused[1].Reason, "snapshot one")
			require.EqualValues(t, 1, rec.Refused[1].Segment)
			require.EqualValues(t, 1, rec.Refused[1].Replica)
			require.EqualValues(t, 11, rec.Replicas[0].First)
			require.NoError(t, l.Close())
		})
	}
}

func TestSnapshotFilesThatNothingRefersToGo(t *testing.T) {
	fs := crashfs.New()
	s := started(t, fs, nil)
	files := func() []string {
		names, err := fs.List("/log/snapshots")
		require.NoError(t, err)
		return names
	}
	for i, file := range []string{"first", "second", "third"} {
		ref, err := snapshotFile(fs, file, content(100))
		require.NoError(t, err)
		ref.Term, ref.Index, ref.Received = 1, uint64(10*(i+1)), true
		require.True(t, s.do(&wal.Write{Partition: 1, Replica: 1, Snapshot: ref, HardState: &wal.HardState{Term: 1, Commit: ref.Index}}))
		require.Eventually(t, func() bool { return len(files()) == 1 }, patience, time.Millisecond)
		require.Equal(t, []string{file}, files())
	}
	w, err := wal.CreateSnapshotFile(fs, "/log/snapshots", "unfinished")
	require.NoError(t, err)
	_, err = w.Write(content(100000))
	require.NoError(t, err)
	_, err = snapshotFile(fs, "unused", content(100))
	require.NoError(t, err)
	require.Equal(t, []string{"third", "unfinished.tmp", "unused"}, files())
	require.NoError(t, s.log.Close())
	l := recovered(t, fs, &s.history)
	require.Equal(t, []string{"third"}, files())
	s.log = l
	require.True(t, s.do(&wal.Write{Partition: 1, Replica: 1, Tombstone: 2}))
	require.Eventually(t, func() bool { return len(files()) == 0 }, patience, time.Millisecond)
	require.NoError(t, l.Close())
}

// TestASupersededSnapshotStaysUntilTheNewOneIsDurable supersedes snapshots by
// writes that nothing syncs; a crash brings one of the old ones back.
func TestASupersededSnapshotStaysUntilTheNewOneIsDurable(t *testing.T) {
	fs := crashfs.New()
	s := started(t, fs, func(o *wal.Options) { o.Sync = wal.Interval(time.Hour) })
	for i := uint64(1); i <= 30; i++ {
		ref, err := snapshotFile(fs, fmt.Sprint("s", i), content(100))
		require.NoError(t, err)
		ref.Term, ref.Index, ref.Received = 1, i, true
		require.True(t, s.do(&wal.Write{Partition: 1, Replica: 1, Snapshot: ref, HardState: &wal.HardState{Term: 1, Commit: i}}))
		h := s.history
		h.acked = 0
		require.NoError(t, recovered(t, fs.Crash(0, i), &h).Close())
	}
	require.NoError(t, s.log.Close())
}

func TestAbortLeavesNothing(t *testing.T) {
	fs := crashfs.New()
	require.NoError(t, fs.MkdirAll("/log/snapshots"))
	w, err := wal.CreateSnapshotFile(fs, "/log/snapshots", "s")
	require.NoError(t, err)
	w.Abort()
	w.Abort()
	names, err := fs.List("/log/snapshots")
	require.NoError(t, err)
	require.Empty(t, names)
	for _, name := range []string{"", "a/b", "..", "."} {
		_, err = wal.CreateSnapshotFile(fs, "/log/snapshots", name)
		require.Error(t, err, "%q", name)
	}
}
