//go:build unix && !linux

package vfs

// Preallocate implements File by writing zeros.
func (f osFile) Preallocate(size int64) error {
	have, err := f.Size()
	if err != nil {
		return err
	}
	return f.zeroTo(have, size)
}

// SyncData implements File; without fdatasync it syncs everything.
func (f osFile) SyncData() error { return f.Sync() }
