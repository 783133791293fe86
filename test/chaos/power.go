//go:build linux

package chaos

import (
	"context"
	"errors"
	"io"
	"os"
	"path"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/ringkv/ringkv/internal/kv/vfs"
	"github.com/ringkv/ringkv/internal/kv/vfs/crashfs"
)

// powerDisk is a mounted file system that can lose power: crashfs, which knows what
// was synced, with FUSE in front of it. The kernel caches nothing of it, so a write
// that a process made is there when the process is killed, and gone when the power
// fails, unless it was synced.
type powerDisk struct {
	at     string
	server *fuse.Server

	mu    sync.Mutex
	files *crashfs.FS // replaced by a power loss; guarded by mu
}

// mountPowerDisk mounts a new empty one at a folder.
func mountPowerDisk(at string) (*powerDisk, error) {
	d := &powerDisk{at: at, files: crashfs.New()}
	return d, d.mount()
}

func (d *powerDisk) mount() error {
	// Nothing is known longer than the call that asked: what changed behind the
	// kernel's back is seen at once.
	never := time.Duration(0)
	server, err := fs.Mount(d.at, &inode{disk: d}, &fs.Options{
		EntryTimeout: &never, AttrTimeout: &never, NegativeTimeout: &never,
		MountOptions: fuse.MountOptions{
			FsName: "power", Name: "chaos", DirectMountStrict: true, DisableXAttrs: true, DisableReadDirPlus: true,
			ExtraCapabilities: fuse.CAP_ATOMIC_O_TRUNC,
		},
	})
	if err != nil {
		return err
	}
	d.server = server
	return nil
}

// unmount detaches it. No process may use it any more.
func (d *powerDisk) unmount() error {
	if err := unix.Unmount(d.at, unix.MNT_DETACH); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() { d.server.Wait(); close(ended) }()
	select {
	case <-ended:
		return nil
	case <-time.After(20 * time.Second):
		return errors.New("a process still uses " + d.at)
	}
}

// losePower keeps what was synced, and of the rest each sector with the chance keep.
// The processes that used it must have ended.
func (d *powerDisk) losePower(keep float64, seed uint64) error {
	if err := d.unmount(); err != nil {
		return err
	}
	d.mu.Lock()
	d.files = d.files.Crash(keep, seed)
	d.mu.Unlock()
	return d.mount()
}

func (d *powerDisk) fs() *crashfs.FS {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.files
}

// inode is a file or a folder, named by its place in the tree.
type inode struct {
	fs.Inode
	disk *powerDisk
}

// handle is an open file.
type handle struct{ vfs.File }

var (
	_ fs.NodeLookuper  = (*inode)(nil)
	_ fs.NodeGetattrer = (*inode)(nil)
	_ fs.NodeSetattrer = (*inode)(nil)
	_ fs.NodeReaddirer = (*inode)(nil)
	_ fs.NodeMkdirer   = (*inode)(nil)
	_ fs.NodeCreater   = (*inode)(nil)
	_ fs.NodeOpener    = (*inode)(nil)
	_ fs.NodeReader    = (*inode)(nil)
	_ fs.NodeWriter    = (*inode)(nil)
	_ fs.NodeFsyncer   = (*inode)(nil)
	_ fs.NodeAllocater = (*inode)(nil)
	_ fs.NodeReleaser  = (*inode)(nil)
	_ fs.NodeUnlinker  = (*inode)(nil)
	_ fs.NodeRmdirer   = (*inode)(nil)
	_ fs.NodeRenamer   = (*inode)(nil)
	_ fs.NodeStatfser  = (*inode)(nil)
)

func (n *inode) path() string { return "/" + n.Path(nil) }

func (n *inode) child(name string) string { return path.Join(n.path(), name) }

// errno is how the kernel is told of an error.
func errno(err error) syscall.Errno {
	var e syscall.Errno
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e
	case errors.Is(err, os.ErrNotExist):
		return syscall.ENOENT
	case errors.Is(err, os.ErrExist):
		return syscall.EEXIST
	}
	return syscall.EIO
}

// stat tells what there is under a name, and how big it is.
func (n *inode) stat(name string) (folder bool, size int64, err error) {
	files := n.disk.fs()
	if name == "/" {
		return true, 0, nil
	}
	names, err := files.List(path.Dir(name))
	if err != nil {
		return false, 0, err
	}
	found := false
	for _, x := range names {
		found = found || x == path.Base(name)
	}
	if !found {
		return false, 0, os.ErrNotExist
	}
	f, err := files.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return true, 0, nil // crashfs opens files only
	}
	if err != nil {
		return false, 0, err
	}
	defer f.Close()
	size, err = f.Size()
	return false, size, err
}

func describe(out *fuse.Attr, folder bool, size int64) {
	out.Mode = fuse.S_IFREG | 0o600
	if folder {
		out.Mode = fuse.S_IFDIR | 0o700
	}
	out.Size, out.Blocks, out.Blksize, out.Nlink = uint64(size), uint64(size+511)/512, 4096, 1
}

// Lookup implements fs.NodeLookuper.
func (n *inode) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	folder, size, err := n.stat(n.child(name))
	if err != nil {
		return nil, errno(err)
	}
	describe(&out.Attr, folder, size)
	if known := n.GetChild(name); known != nil {
		return known, 0
	}
	return n.add(ctx, folder), 0
}

func (n *inode) add(ctx context.Context, folder bool) *fs.Inode {
	mode := uint32(fuse.S_IFREG)
	if folder {
		mode = fuse.S_IFDIR
	}
	return n.NewInode(ctx, &inode{disk: n.disk}, fs.StableAttr{Mode: mode})
}

// Getattr implements fs.NodeGetattrer.
func (n *inode) Getattr(_ context.Context, f fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	folder, size, err := n.stat(n.path())
	if h, open := f.(*handle); open && errors.Is(err, os.ErrNotExist) {
		size, err = h.Size() // an open file outlives its name
	}
	describe(&out.Attr, folder, size)
	return errno(err)
}

// Setattr implements fs.NodeSetattrer: times and modes are not kept, and a file is cut
// only where it is opened.
func (n *inode) Setattr(ctx context.Context, f fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if _, cut := in.GetSize(); cut {
		return syscall.ENOTSUP
	}
	return n.Getattr(ctx, f, out)
}

// Readdir implements fs.NodeReaddirer.
func (n *inode) Readdir(context.Context) (fs.DirStream, syscall.Errno) {
	names, err := n.disk.fs().List(n.path())
	if err != nil {
		return nil, errno(err)
	}
	var entries []fuse.DirEntry
	for _, name := range names {
		folder, _, err := n.stat(n.child(name))
		if err != nil {
			return nil, errno(err)
		}
		mode := uint32(fuse.S_IFREG)
		if folder {
			mode = fuse.S_IFDIR
		}
		entries = append(entries, fuse.DirEntry{Name: name, Mode: mode})
	}
	return fs.NewListDirStream(entries), 0
}

// Mkdir implements fs.NodeMkdirer.
func (n *inode) Mkdir(ctx context.Context, name string, _ uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if err := n.disk.fs().MkdirAll(n.child(name)); err != nil {
		return nil, errno(err)
	}
	describe(&out.Attr, true, 0)
	return n.add(ctx, true), 0
}

// Create implements fs.NodeCreater.
func (n *inode) Create(ctx context.Context, name string, _, _ uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	file, err := n.disk.fs().Create(n.child(name))
	if err != nil {
		return nil, nil, 0, errno(err)
	}
	describe(&out.Attr, false, 0)
	return n.add(ctx, false), &handle{file}, fuse.FOPEN_DIRECT_IO, 0
}

// Open implements fs.NodeOpener.
func (n *inode) Open(_ context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	open := n.disk.fs().OpenReadWrite
	switch {
	case flags&syscall.O_TRUNC != 0:
		open = n.disk.fs().Create
	case flags&syscall.O_ACCMODE == syscall.O_RDONLY:
		open = n.disk.fs().Open
	}
	file, err := open(n.path())
	if err != nil {
		return nil, 0, errno(err)
	}
	return &handle{file}, fuse.FOPEN_DIRECT_IO, 0
}

// Read implements fs.NodeReader.
func (n *inode) Read(_ context.Context, f fs.FileHandle, into []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	read, err := f.(*handle).ReadAt(into, off)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, errno(err)
	}
	return fuse.ReadResultData(into[:read]), 0
}

// Write implements fs.NodeWriter.
func (n *inode) Write(_ context.Context, f fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	written, err := f.(*handle).WriteAt(data, off)
	if written > 0 {
		err = nil // as write(2) does
	}
	return uint32(written), errno(err)
}

// Fsync implements fs.NodeFsyncer; f is nil for a folder.
func (n *inode) Fsync(_ context.Context, f fs.FileHandle, _ uint32) syscall.Errno {
	if h, open := f.(*handle); open {
		return errno(h.Sync())
	}
	return errno(n.disk.fs().SyncDir(n.path()))
}

// Allocate implements fs.NodeAllocater.
func (n *inode) Allocate(_ context.Context, f fs.FileHandle, off, size uint64, mode uint32) syscall.Errno {
	if mode != 0 {
		return syscall.EOPNOTSUPP
	}
	return errno(f.(*handle).Preallocate(int64(off + size)))
}

// Release implements fs.NodeReleaser.
func (n *inode) Release(_ context.Context, f fs.FileHandle) syscall.Errno {
	return errno(f.(*handle).Close())
}

// Unlink implements fs.NodeUnlinker.
func (n *inode) Unlink(_ context.Context, name string) syscall.Errno {
	return errno(n.disk.fs().Remove(n.child(name)))
}

// Rmdir implements fs.NodeRmdirer.
func (n *inode) Rmdir(ctx context.Context, name string) syscall.Errno { return n.Unlink(ctx, name) }

// Rename implements fs.NodeRenamer, for files.
func (n *inode) Rename(_ context.Context, name string, to fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	target, ours := to.(*inode)
	if !ours || flags != 0 || strings.Contains(newName, "/") {
		return syscall.ENOTSUP
	}
	return errno(n.disk.fs().Rename(n.child(name), target.child(newName)))
}

// Statfs implements fs.NodeStatfser.
func (n *inode) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	u, err := n.disk.fs().Usage("/")
	const block = 4096
	out.Bsize, out.Frsize = block, block
	out.Blocks, out.Bfree, out.Bavail = u.Total/block, u.Free/block, u.Free/block
	return errno(err)
}
