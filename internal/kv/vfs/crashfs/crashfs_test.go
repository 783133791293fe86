package crashfs_test

import (
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/vfs"
	"github.com/ringkv/ringkv/internal/kv/vfs/crashfs"
)

func create(t *testing.T, fs vfs.FS, name, content string) vfs.File {
	t.Helper()
	f, err := fs.Create(name)
	require.NoError(t, err)
	put(t, f, content, 0)
	return f
}

func put(t *testing.T, f vfs.File, content string, off int64) {
	t.Helper()
	_, err := f.WriteAt([]byte(content), off)
	require.NoError(t, err)
}

func content(t *testing.T, fs *crashfs.FS, name string) string {
	t.Helper()
	p, err := fs.ReadFile(name)
	require.NoError(t, err)
	return string(p)
}

func names(t *testing.T, fs vfs.FS, dir string) []string {
	t.Helper()
	names, err := fs.List(dir)
	require.NoError(t, err)
	return names
}

func TestACrashLosesWhatWasNotSynced(t *testing.T) {
	fs := crashfs.New()
	require.NoError(t, fs.MkdirAll("/d/e"))
	f := create(t, fs, "/d/e/a", "one")
	require.NoError(t, f.SyncData())
	require.Empty(t, names(t, fs.Crash(0, 1), "/d/e"), "the name was not synced")

	require.NoError(t, fs.SyncDir("/d/e"))
	put(t, f, "two, longer", 0)
	require.Equal(t, "one", content(t, fs.Crash(0, 1), "/d/e/a"))
	require.Equal(t, "two, longer", content(t, fs.Crash(1, 1), "/d/e/a"))
	require.NoError(t, f.SyncData())
	require.Equal(t, "two, longer", content(t, fs.Crash(0, 1), "/d/e/a"))
	require.Equal(t, []string{"e"}, names(t, fs, "/d"))
}

func TestAKilledProcessLosesNothingButTheMachineStillCan(t *testing.T) {
	fs := crashfs.New()
	f := create(t, fs, "/a", "one")
	require.NoError(t, f.SyncData())
	require.NoError(t, fs.SyncDir("/"))
	put(t, f, "two", 0)
	create(t, fs, "/b", "new")
	_, err := fs.Lock("/LOCK")
	require.NoError(t, err)
	after := fs.Kill()
	put(t, f, "not any more", 0)
	require.Equal(t, "two", content(t, after, "/a"))
	require.Equal(t, []string{"a", "b"}, names(t, after, "/"))
	_, err = after.Lock("/LOCK")
	require.NoError(t, err)
	require.Equal(t, "one", content(t, after.Crash(0, 1), "/a"))
	require.Equal(t, []string{"a"}, names(t, after.Crash(0, 1), "/"))
	g, err := after.OpenReadWrite("/a")
	require.NoError(t, err)
	require.NoError(t, g.SyncData())
	require.Equal(t, "two", content(t, after.Crash(0, 1), "/a"))
}

func TestACrashMayKeepAnySectors(t *testing.T) {
	fs := crashfs.New()
	f := create(t, fs, "/a", strings.Repeat("-", 4096))
	require.NoError(t, f.SyncData())
	require.NoError(t, fs.SyncDir("/"))
	put(t, f, strings.Repeat("+", 4096), 0)
	seen := map[string]bool{}
	for seed := range uint64(50) {
		got := content(t, fs.Crash(0.5, seed), "/a")
		require.Equal(t, got, content(t, fs.Crash(0.5, seed), "/a"), "a seed repeats")
		for i := 0; i < len(got); i += 512 {
			require.Contains(t, []string{strings.Repeat("-", 512), strings.Repeat("+", 512)}, got[i:i+512])
		}
		seen[got] = true
	}
	require.Greater(t, len(seen), 10)
}

func TestARenameIsAtomicInACrash(t *testing.T) {
	fs := crashfs.New()
	create(t, fs, "/new", "new")
	f := create(t, fs, "/old", "old")
	require.NoError(t, f.Sync())
	g, err := fs.OpenReadWrite("/new")
	require.NoError(t, err)
	require.NoError(t, g.Sync())
	require.NoError(t, fs.SyncDir("/"))
	require.NoError(t, fs.Rename("/new", "/old"))
	for seed := range uint64(20) {
		after := fs.Crash(0.5, seed)
		switch len(names(t, after, "/")) {
		case 1:
			require.Equal(t, "new", content(t, after, "/old"))
		default:
			require.Equal(t, "old", content(t, after, "/old"))
			require.Equal(t, "new", content(t, after, "/new"))
		}
	}
}

func TestAFailedSyncLosesThePagesForGood(t *testing.T) {
	fs := crashfs.New()
	f := create(t, fs, "/a", "one")
	require.NoError(t, f.SyncData())
	require.NoError(t, fs.SyncDir("/"))
	put(t, f, "two", 0)
	fs.Fail(crashfs.OpSync, "a", 1, syscall.EIO)
	require.ErrorIs(t, f.SyncData(), syscall.EIO)
	require.NoError(t, f.SyncData(), "the second sync claims success")
	require.Equal(t, "two", content(t, fs, "/a"), "and the page can still be read")
	require.Equal(t, "one", content(t, fs.Crash(1, 1), "/a"), "but it is not on the disk")
	put(t, f, "two", 0)
	require.NoError(t, f.SyncData())
	require.Equal(t, "two", content(t, fs.Crash(0, 1), "/a"), "writing it again helps")
}

func TestAFullVolumeTakesWhatFits(t *testing.T) {
	fs := crashfs.New()
	fs.SetSize(10)
	f := create(t, fs, "/a", "12345678")
	n, err := f.WriteAt([]byte("abcd"), 8)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.Equal(t, 2, n)
	require.ErrorIs(t, f.Preallocate(11), syscall.ENOSPC)
	put(t, f, "no room", 0) // overwriting needs none
}

func TestNothingSucceedsAfterTheStop(t *testing.T) {
	fs := crashfs.New()
	f := create(t, fs, "/a", "x")
	require.NoError(t, f.SyncData())
	fs.StopAfter(1)
	put(t, f, "y", 0)
	_, err := f.WriteAt([]byte("z"), 0)
	require.ErrorIs(t, err, crashfs.ErrStopped)
	_, err = f.ReadAt(make([]byte, 1), 0)
	require.ErrorIs(t, err, crashfs.ErrStopped)
	require.ErrorIs(t, f.SyncData(), crashfs.ErrStopped)
}

func TestFilesBehaveLikeFiles(t *testing.T) {
	for name, fs := range map[string]vfs.FS{"crashfs": crashfs.New(), "os": vfs.OS{}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, fs.MkdirAll(dir+"/sub"))
			_, err := fs.Open(dir + "/sub/none")
			require.ErrorIs(t, err, os.ErrNotExist)
			require.ErrorIs(t, fs.Remove(dir+"/sub/none"), os.ErrNotExist)

			f := create(t, fs, dir+"/sub/f", "hello")
			put(t, f, "!", 9000)
			size, err := f.Size()
			require.NoError(t, err)
			require.EqualValues(t, 9001, size)
			p := make([]byte, 3)
			_, err = f.ReadAt(p, 4)
			require.NoError(t, err)
			require.Equal(t, "o\x00\x00", string(p), "a hole reads as zeros")
			n, err := f.ReadAt(p, 9000)
			require.ErrorIs(t, err, io.EOF)
			require.Equal(t, 1, n)
			require.NoError(t, f.Preallocate(20000))
			require.NoError(t, f.Preallocate(10), "never shrinks")
			size, err = f.Size()
			require.NoError(t, err)
			require.EqualValues(t, 20000, size)
			require.NoError(t, f.SyncData())
			require.NoError(t, f.Sync())
			require.NoError(t, fs.Rename(dir+"/sub/f", dir+"/sub/g"))
			require.NoError(t, fs.SyncDir(dir+"/sub"))
			got, err := fs.List(dir + "/sub")
			require.NoError(t, err)
			require.Equal(t, []string{"g"}, got)
			require.NoError(t, fs.Remove(dir+"/sub/g"))
			_, err = f.ReadAt(p, 0)
			require.NoError(t, err, "an open file outlives its name")
			require.NoError(t, f.Close())

			l, err := fs.Lock(dir + "/LOCK")
			require.NoError(t, err)
			_, err = fs.Lock(dir + "/LOCK")
			require.Error(t, err)
			require.NoError(t, l.Close())
			l, err = fs.Lock(dir + "/LOCK")
			require.NoError(t, err)
			require.NoError(t, l.Close())
			u, err := fs.Usage(dir)
			require.NoError(t, err)
			require.Positive(t, u.Free)
			require.GreaterOrEqual(t, u.Total, u.Free)
		})
	}
}
