package vfs

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Preallocate implements File. The blocks are reserved but count as unwritten:
// the first write to each still changes the file's metadata, so whoever wants
// SyncData to flush data only writes zeros once, ahead of time.
func (f osFile) Preallocate(size int64) error {
	have, err := f.Size()
	if err != nil {
		return err
	}
	if have >= size {
		return nil
	}
	err = retry(func() error { return unix.Fallocate(int(f.Fd()), 0, 0, size) })
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return f.zeroTo(have, size)
	}
	if err != nil {
		return &os.PathError{Op: "fallocate", Path: f.Name(), Err: err}
	}
	return nil
}

// SyncData implements File with fdatasync.
func (f osFile) SyncData() error {
	if err := retry(func() error { return unix.Fdatasync(int(f.Fd())) }); err != nil {
		return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
	}
	return nil
}
