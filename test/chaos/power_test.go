//go:build linux

package chaos

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/vfs"
	"github.com/ringkv/ringkv/internal/kv/vfs/crashfs"
)

func newPowerDisk(t *testing.T) *powerDisk {
	t.Helper()
	d, err := mountPowerDisk(t.TempDir())
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.ENODEV) {
		t.Skipf("FUSE cannot be used here: %v", err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.unmount()) })
	return d
}

// TestAPowerLossTakesWhatWasNotSynced uses the file system of the operating system in
// front of the disk, as a node does.
func TestAPowerLossTakesWhatWasNotSynced(t *testing.T) {
	d := newPowerDisk(t)
	dir := filepath.Join(d.at, "data", "log")
	files := vfs.OS{}
	require.NoError(t, files.MkdirAll(dir))
	name := filepath.Join(dir, "1.wal")
	f, err := files.Create(name)
	require.NoError(t, err)
	require.NoError(t, f.Preallocate(1<<20))
	_, err = f.WriteAt([]byte("synced"), 4096)
	require.NoError(t, err)
	require.NoError(t, f.SyncData())
	require.NoError(t, files.SyncDir(dir))
	_, err = f.WriteAt([]byte("hurried"), 8192)
	require.NoError(t, err)
	require.NoError(t, files.Rename(name, filepath.Join(dir, "2.wal")))
	lock, err := files.Lock(filepath.Join(dir, "lock"))
	require.NoError(t, err)
	_, err = files.Lock(filepath.Join(dir, "lock"))
	require.Error(t, err)
	require.NoError(t, lock.Close())
	require.NoError(t, f.Close())
	names, err := files.List(dir)
	require.NoError(t, err)
	require.Equal(t, []string{"2.wal", "lock"}, names)

	require.NoError(t, d.losePower(0, 1))
	names, err = files.List(dir)
	require.NoError(t, err)
	require.Equal(t, []string{"1.wal"}, names, "the rename and the lock's file were not synced")
	g, err := files.OpenReadWrite(name)
	require.NoError(t, err)
	p := make([]byte, 4200)
	_, err = g.ReadAt(p, 4096)
	require.NoError(t, err)
	require.Equal(t, "synced", string(p[:6]))
	require.Equal(t, make([]byte, 7), p[4096:4103])
	require.NoError(t, g.Close())

	again, err := files.Create(name)
	require.NoError(t, err)
	_, err = again.WriteAt([]byte("x"), 0)
	require.NoError(t, err)
	size, err := again.Size()
	require.NoError(t, err)
	require.EqualValues(t, 1, size, "a file that is made again is empty")
	require.NoError(t, again.Close())
}

func TestAPowerDiskFailsAndRunsFullWhenItIsTold(t *testing.T) {
	d := newPowerDisk(t)
	f, err := vfs.OS{}.Create(filepath.Join(d.at, "f"))
	require.NoError(t, err)
	defer f.Close()
	d.fs().Fail(crashfs.OpSync, "", 1, syscall.EIO)
	require.ErrorIs(t, f.SyncData(), syscall.EIO)
	require.NoError(t, f.SyncData())
	d.fs().SetSize(1 << 20)
	require.ErrorIs(t, f.Preallocate(2<<20), syscall.ENOSPC)
	u, err := vfs.OS{}.Usage(d.at)
	require.NoError(t, err)
	require.EqualValues(t, 1<<20, u.Total)
	require.ErrorIs(t, os.WriteFile(filepath.Join(d.at, "big"), make([]byte, 2<<20), 0o600), syscall.ENOSPC)
}
