//go:build linux

package chaos

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"syscall"

	"github.com/ringkv/ringkv/internal/kv/vfs"
)

// losingKinds take away, for good, what a node has acknowledged. No replicated system
// survives that on several nodes at once, so there is one at a time, when all copies
// are there; other faults go on beside it.
var losingKinds = []*kind{
	{name: "damaged log", weight: 3, inject: func(c *chaos, f fault, m *machine, over func()) error {
		return c.damage(m, f, "log", ".wal", over)
	}},
	{name: "damaged snapshot", weight: 2, inject: func(c *chaos, f fault, m *machine, over func()) error {
		return c.damage(m, f, "snapshots", ".snap", over)
	}},
	{name: "lost volume", weight: 2, inject: func(_ *chaos, _ fault, m *machine, over func()) error {
		release, err := m.hold(syscall.SIGKILL)
		if err != nil {
			return err
		}
		if err := m.wipe(); err != nil {
			return err
		}
		over()
		return release()
	}},
}

// damage spoils a file that a machine had synced, while it is down.
func (c *chaos) damage(m *machine, f fault, folder, suffix string, over func()) error {
	release, err := m.hold(syscall.SIGKILL)
	if err != nil {
		return err
	}
	where, err := m.spoil(folder, suffix, f.n)
	if where != "" {
		m.spoilt.Store(true)
		c.logf("%s: %s", m.name, where)
	}
	if err != nil {
		_ = release() // the run is over
		return err
	}
	over()
	if err := release(); err != nil {
		return err
	}
	if where == "" {
		return errNotNow
	}
	return nil
}

// files returns the file system that the machine's volume is on, and where on it the
// node keeps its data.
func (m *machine) files() (fs vfs.FS, data string) {
	if m.disk != nil {
		return m.disk.fs(), "/data"
	}
	return vfs.OS{}, path.Join(m.volume, "data")
}

// spoil inverts a bit of one of the files, or clears a sector, and says which; "" if there
// is none. It leaves the last sector: that all of the last batch turns into zeros is the
// one thing that the log does not promise to see (docs/log-format.md).
func (m *machine) spoil(folder, suffix string, n int) (where string, err error) {
	m.volumeMu.Lock()
	defer m.volumeMu.Unlock()
	fs, data := m.files()
	names, err := fs.List(path.Join(data, folder))
	if m.gone || errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var candidates []string
	for _, name := range names {
		if strings.HasSuffix(name, suffix) {
			candidates = append(candidates, path.Join(data, folder, name))
		}
	}
	if len(candidates) == 0 {
		return "", nil
	}
	name := candidates[n%len(candidates)]
	end, err := used(fs, name)
	if err != nil || end == 0 {
		return "", err
	}
	at := int64(n/64) * 4099 % end
	if sector := at / sectorBytes * sectorBytes; n%4 == 0 && sector+sectorBytes < end {
		return fmt.Sprintf("bytes %d to %d of %d of %s are zero", sector, sector+sectorBytes, end, name),
			rewrite(fs, name, sector, sectorBytes, func(p []byte) { clear(p) })
	}
	return fmt.Sprintf("bit %d of byte %d of %d of %s is flipped", n&7, at, end, name),
		rewrite(fs, name, at, 1, func(p []byte) { p[0] ^= 1 << (n & 7) })
}

// sectorBytes is what a disk writes or loses as a whole.
const sectorBytes = 512

// used returns where the zeros at the end of a file begin.
func used(fs vfs.FS, name string) (int64, error) {
	f, err := fs.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	end, err := f.Size()
	if err != nil {
		return 0, err
	}
	buffer := make([]byte, 64<<10)
	for end > 0 {
		from := max(0, end-int64(len(buffer)))
		part := buffer[:end-from]
		if _, err := f.ReadAt(part, from); err != nil {
			return 0, err
		}
		if filled := len(strings.TrimRight(string(part), "\x00")); filled > 0 {
			return from + int64(filled), nil
		}
		end = from
	}
	return 0, nil
}

// rewrite changes n bytes of a file.
func rewrite(fs vfs.FS, name string, at, n int64, change func([]byte)) error {
	f, err := fs.OpenReadWrite(name)
	if err != nil {
		return err
	}
	defer f.Close()
	p := make([]byte, n)
	if _, err := f.ReadAt(p, at); err != nil {
		return err
	}
	change(p)
	if _, err := f.WriteAt(p, at); err != nil {
		return err
	}
	return f.Sync()
}
