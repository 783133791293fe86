package crashfs

import (
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"sort"
	"syscall"

	"github.com/ringkv/ringkv/internal/kv/vfs"
)

const (
	pageSize   = 4096
	sectorSize = 512
)

// A page is never changed once it is shared with the synced state or with a
// crash's copy; nil stands for zeros.
type page = *[pageSize]byte

// node is a file's content, as it is and as it was when last synced.
type node struct {
	size  int64
	pages []page

	syncedSize  int64
	syncedPages []page

	// dirty pages differ from the synced ones and are written by the next sync;
	// lost ones differ too, but a failed sync made the system forget it.
	dirty, lost map[int]bool
}

// file is a handle.
type file struct {
	fs       *FS
	node     *node
	name     string
	readOnly bool
	closed   bool
}

var _ vfs.File = (*file)(nil)

func (f *file) usable(op string) error {
	if f.closed {
		return &os.PathError{Op: op, Path: f.name, Err: os.ErrClosed}
	}
	return nil
}

// Close implements vfs.File.
func (f *file) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	err := f.usable("close")
	f.closed = true
	return err
}

// Size implements vfs.File.
func (f *file) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.fs.stopped() {
		return 0, ErrStopped
	}
	return f.node.size, f.usable("stat")
}

// ReadAt implements vfs.File.
func (f *file) ReadAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usable("read"); err != nil {
		return 0, err
	}
	if err := f.fs.begin(OpRead, f.name); err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, &os.PathError{Op: "read", Path: f.name, Err: syscall.EINVAL}
	}
	return f.node.read(p, off)
}

// WriteAt implements vfs.File. On a full volume it writes what fits.
func (f *file) WriteAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.writable("write", OpWrite); err != nil {
		return 0, err
	}
	room := f.node.size + max(0, f.fs.total-f.fs.used()) - off
	if int64(len(p)) <= room {
		f.node.write(p, off)
		return len(p), nil
	}
	n := max(0, room)
	f.node.write(p[:n], off)
	return int(n), &os.PathError{Op: "write", Path: f.name, Err: syscall.ENOSPC}
}

// Preallocate implements vfs.File.
func (f *file) Preallocate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.writable("preallocate", OpPreallocate); err != nil {
		return err
	}
	if size-f.node.size > max(0, f.fs.total-f.fs.used()) {
		return &os.PathError{Op: "preallocate", Path: f.name, Err: syscall.ENOSPC}
	}
	f.node.grow(size)
	return nil
}

// Sync implements vfs.File.
func (f *file) Sync() error { return f.SyncData() }

// SyncData implements vfs.File.
func (f *file) SyncData() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usable("sync"); err != nil {
		return err
	}
	if err := f.fs.begin(OpSync, f.name); err != nil {
		if !f.fs.stopped() {
			f.node.forget()
		}
		return err
	}
	f.node.sync()
	return nil
}

func (f *file) writable(op string, kind Op) error {
	if err := f.usable(op); err != nil {
		return err
	}
	if f.readOnly {
		return &os.PathError{Op: op, Path: f.name, Err: syscall.EBADF}
	}
	return f.fs.begin(kind, f.name)
}

func (n *node) read(p []byte, off int64) (int, error) {
	if off >= n.size {
		return 0, io.EOF
	}
	want := int(min(int64(len(p)), n.size-off))
	for done := 0; done < want; {
		i, at := int((off+int64(done))/pageSize), int((off+int64(done))%pageSize)
		part := p[done:min(want, done+pageSize-at)]
		if pg := n.pages[i]; pg != nil {
			copy(part, pg[at:])
		} else {
			clear(part)
		}
		done += len(part)
	}
	if want < len(p) {
		return want, io.EOF
	}
	return want, nil
}

func (n *node) grow(size int64) {
	if size > n.size {
		n.size = size
		if need := int((size + pageSize - 1) / pageSize); need > len(n.pages) {
			n.pages = append(n.pages, make([]page, need-len(n.pages))...)
		}
	}
}

func (n *node) write(p []byte, off int64) {
	n.grow(off + int64(len(p)))
	for len(p) > 0 {
		i, at := int(off/pageSize), int(off%pageSize)
		part := p[:min(len(p), pageSize-at)]
		if n.pages[i] != nil || !allZero(part) {
			copy(n.own(i)[at:], part)
		}
		p, off = p[len(part):], off+int64(len(part))
	}
}

// own returns page i for writing.
func (n *node) own(i int) page {
	fresh := n.dirty[i]
	if n.dirty == nil {
		n.dirty = map[int]bool{}
	}
	n.dirty[i] = true
	delete(n.lost, i)
	if pg := n.pages[i]; pg != nil && fresh {
		return pg
	}
	pg := new([pageSize]byte)
	if old := n.pages[i]; old != nil {
		*pg = *old
	}
	n.pages[i] = pg
	return pg
}

func (n *node) sync() {
	n.syncedSize = n.size
	for len(n.syncedPages) < len(n.pages) {
		n.syncedPages = append(n.syncedPages, nil)
	}
	for i := range n.dirty {
		n.syncedPages[i] = n.pages[i]
	}
	n.dirty = nil
}

// forget is a sync that failed.
func (n *node) forget() {
	if n.lost == nil {
		n.lost = map[int]bool{}
	}
	for i := range n.dirty {
		n.lost[i] = true
	}
	n.dirty = nil
}

// clone returns a file in the same state.
func (n *node) clone() *node {
	c := &node{
		size: n.size, pages: slices.Clone(n.pages), syncedSize: n.syncedSize, syncedPages: slices.Clone(n.syncedPages),
		dirty: maps.Clone(n.dirty), lost: maps.Clone(n.lost),
	}
	for i := range c.dirty {
		if pg := c.pages[i]; pg != nil {
			own := *pg
			c.pages[i] = &own
		}
	}
	return c
}

// crash returns the file that a crash leaves.
func (n *node) crash(keep float64, rng *rand.Rand) *node {
	c := &node{size: n.syncedSize, pages: append([]page(nil), n.syncedPages...)}
	var unsynced []int
	for i := range n.dirty {
		unsynced = append(unsynced, i)
	}
	sort.Ints(unsynced)
	if n.size > n.syncedSize && rng.Float64() < keep {
		c.grow(n.size)
	}
	for _, i := range unsynced {
		for at := 0; at < pageSize; at += sectorSize {
			off := int64(i)*pageSize + int64(at)
			if off < n.size && rng.Float64() < keep {
				c.write(n.pages[i][at:min(int64(at+sectorSize), n.size-int64(i)*pageSize)], off)
			}
		}
	}
	c.sync()
	c.syncedPages = append([]page(nil), c.pages...)
	return c
}

func allZero(p []byte) bool {
	for _, b := range p {
		if b != 0 {
			return false
		}
	}
	return true
}
