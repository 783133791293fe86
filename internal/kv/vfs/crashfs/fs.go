// Package crashfs is a file system in memory that can lose what was not synced,
// fail, run full and rot. It is for tests, and fast enough to be the disk of
// tests that want none of that.
//
// A crash is a copy: Crash returns the file system that a machine would find
// after losing power now. What was synced is in it. Of what was not, each
// 512-byte sector and each change of a directory may be in it or not,
// independently of all others; a rename happens wholly or not at all. The seed
// decides, so a run repeats.
//
// A Sync that was made to fail behaves like Linux: the pages count as clean, can
// still be read, and no later Sync writes them unless they are written again.
package crashfs

import (
	"io"
	"os"
	"path"
	"sort"
	"strings"
	"sync"
	"syscall"

	"github.com/ringkv/ringkv/internal/kv/vfs"
)

// FS is the file system. Its methods may be called concurrently.
type FS struct {
	mu    sync.Mutex // guards everything below, and all nodes
	dirs  map[string]*directory
	locks map[string]bool

	rules   []*rule
	counts  [opCount]int
	changes int   // operations that changed something
	stopAt  int   // no operation succeeds after so many changes; -1: go on
	total   int64 // size of the volume in bytes
}

var _ vfs.FS = (*FS)(nil)

// New returns an empty file system with a root directory and a terabyte of room.
func New() *FS {
	return &FS{
		dirs:   map[string]*directory{"/": newDirectory(), ".": newDirectory()},
		locks:  map[string]bool{},
		stopAt: -1,
		total:  1 << 40,
	}
}

// Create implements vfs.FS.
func (fs *FS) Create(name string) (vfs.File, error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	name = path.Clean(name)
	if err := fs.begin(OpCreate, name); err != nil {
		return nil, err
	}
	d, base, err := fs.parent("create", name)
	if err != nil {
		return nil, err
	}
	n := &node{}
	d.change(change{set: base, node: n})
	return &file{fs: fs, node: n, name: name}, nil
}

// Open implements vfs.FS.
func (fs *FS) Open(name string) (vfs.File, error) { return fs.open(OpOpen, name, true) }

// OpenReadWrite implements vfs.FS.
func (fs *FS) OpenReadWrite(name string) (vfs.File, error) { return fs.open(OpOpen, name, false) }

func (fs *FS) open(op Op, name string, readOnly bool) (vfs.File, error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	name = path.Clean(name)
	if err := fs.begin(op, name); err != nil {
		return nil, err
	}
	n, err := fs.lookup("open", name)
	if err != nil {
		return nil, err
	}
	return &file{fs: fs, node: n, name: name, readOnly: readOnly}, nil
}

// Remove implements vfs.FS. An open file stays readable through its handles.
func (fs *FS) Remove(name string) error {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	name = path.Clean(name)
	if err := fs.begin(OpRemove, name); err != nil {
		return err
	}
	if d, ok := fs.dirs[name]; ok {
		if len(d.now) > 0 {
			return &os.PathError{Op: "remove", Path: name, Err: syscall.ENOTEMPTY}
		}
		delete(fs.dirs, name)
		return nil
	}
	if _, err := fs.lookup("remove", name); err != nil {
		return err
	}
	d, base, err := fs.parent("remove", name)
	if err != nil {
		return err
	}
	d.change(change{unset: base})
	return nil
}

// Rename implements vfs.FS, for files.
func (fs *FS) Rename(oldname, newname string) error {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	oldname, newname = path.Clean(oldname), path.Clean(newname)
	if err := fs.begin(OpRename, newname); err != nil {
		return err
	}
	n, err := fs.lookup("rename", oldname)
	if err != nil {
		return err
	}
	from, oldbase, err := fs.parent("rename", oldname)
	if err != nil {
		return err
	}
	to, newbase, err := fs.parent("rename", newname)
	if err != nil {
		return err
	}
	if from == to {
		from.change(change{set: newbase, unset: oldbase, node: n})
		return nil
	}
	to.change(change{set: newbase, node: n})
	from.change(change{unset: oldbase})
	return nil
}

// MkdirAll implements vfs.FS. Directories survive a crash at once: what is
// tested is the life of files.
func (fs *FS) MkdirAll(dir string) error {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.stopped() {
		return ErrStopped
	}
	for dir = path.Clean(dir); fs.dirs[dir] == nil; dir = path.Dir(dir) {
		fs.dirs[dir] = newDirectory()
	}
	return nil
}

// List implements vfs.FS.
func (fs *FS) List(dir string) ([]string, error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	dir = path.Clean(dir)
	if err := fs.begin(OpList, dir); err != nil {
		return nil, err
	}
	d := fs.dirs[dir]
	if d == nil {
		return nil, &os.PathError{Op: "list", Path: dir, Err: os.ErrNotExist}
	}
	var names []string
	for name := range d.now {
		names = append(names, name)
	}
	for sub := range fs.dirs {
		if sub != dir && path.Dir(sub) == dir {
			names = append(names, path.Base(sub))
		}
	}
	sort.Strings(names)
	return names, nil
}

// SyncDir implements vfs.FS.
func (fs *FS) SyncDir(dir string) error {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	dir = path.Clean(dir)
	if err := fs.begin(OpSyncDir, dir); err != nil {
		return err
	}
	d := fs.dirs[dir]
	if d == nil {
		return &os.PathError{Op: "sync", Path: dir, Err: os.ErrNotExist}
	}
	d.sync()
	return nil
}

// Lock implements vfs.FS. The lock ends with the handle or with the crash.
func (fs *FS) Lock(name string) (io.Closer, error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	name = path.Clean(name)
	if fs.stopped() {
		return nil, ErrStopped
	}
	if fs.locks[name] {
		return nil, &os.PathError{Op: "lock", Path: name, Err: syscall.EAGAIN}
	}
	fs.locks[name] = true
	return &lock{fs: fs, name: name}, nil
}

type lock struct {
	fs   *FS
	name string
}

// Close releases the lock; again does nothing.
func (l *lock) Close() error {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	if l.name != "" {
		delete(l.fs.locks, l.name)
		l.name = ""
	}
	return nil
}

// Usage implements vfs.FS for the volume's size set by SetSize.
func (fs *FS) Usage(string) (vfs.Usage, error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return vfs.Usage{Total: uint64(fs.total), Free: uint64(max(0, fs.total-fs.used()))}, nil
}

// SetSize makes the volume so many bytes big. Files that were removed but are
// still open do not count.
func (fs *FS) SetSize(total int64) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.total = total
}

// used returns the bytes that files occupy.
func (fs *FS) used() int64 {
	var sum int64
	for _, d := range fs.dirs {
		for _, n := range d.now {
			sum += n.size
		}
	}
	return sum
}

func (fs *FS) parent(op, name string) (*directory, string, error) {
	d := fs.dirs[path.Dir(name)]
	base := path.Base(name)
	if d == nil || base == "." || base == "/" || strings.HasSuffix(name, "/") {
		return nil, "", &os.PathError{Op: op, Path: name, Err: os.ErrNotExist}
	}
	return d, base, nil
}

func (fs *FS) lookup(op, name string) (*node, error) {
	d, base, err := fs.parent(op, name)
	if err != nil {
		return nil, err
	}
	n := d.now[base]
	if n == nil {
		return nil, &os.PathError{Op: op, Path: name, Err: os.ErrNotExist}
	}
	return n, nil
}
