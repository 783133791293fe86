package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path"

	"github.com/ringkv/ringkv/internal/kv/vfs"
)

// A snapshot file is the caller's bytes in blocks:
//
//	0                 64 KiB             128 KiB
//	+------------------+------------------+-----+---------------+
//	| block            | block            | ... | last block    |
//	+------------------+------------------+-----+---------------+
//
//	block: 0         4           8                        65536
//	      +----------+-----------+-------------------------+
//	      | crc32c   | length    | content (length bytes)  |
//	      +----------+-----------+-------------------------+
//
// crc32c covers the block's number (8 bytes, little-endian, not stored), length and
// content. Every block but the last is full (length 65528); the last has the top
// bit of length set, and the file ends behind it. The file's own CRC, which the log
// keeps in the snapshot record, is the CRC of the blocks' CRCs.
const (
	snapshotBlock   = 64 << 10
	snapshotHeader  = 8
	snapshotContent = snapshotBlock - snapshotHeader
	// snapshotPiece is after how many bytes a file is synced, so that a sync of the
	// log never waits for all of it.
	snapshotPiece = 1 << 20
	lastBlock     = 1 << 31

	temporarySuffix = ".tmp"
)

// SnapshotWriter writes a snapshot file. It is not safe for concurrent use.
type SnapshotWriter struct {
	fs        vfs.FS
	dir, name string
	file      vfs.File
	block     []byte
	off       int64
	number    uint64
	crc       chain
	err       error
}

// CreateSnapshotFile begins a file in dir, which is the log's SnapshotDir, under a
// name that no snapshot has used before. Nothing is there under that name until
// Commit; one of Commit and Abort must be called.
func CreateSnapshotFile(fs vfs.FS, dir, name string) (*SnapshotWriter, error) {
	if name == "" || name == "." || name == ".." || path.Base(name) != name || len(name) > 200 {
		return nil, fmt.Errorf("create snapshot: %q is not a file name", name)
	}
	f, err := fs.Create(path.Join(dir, name) + temporarySuffix)
	if err != nil {
		return nil, fmt.Errorf("create snapshot %s: %w", name, err)
	}
	return &SnapshotWriter{fs: fs, dir: dir, name: name, file: f, block: make([]byte, snapshotHeader, snapshotBlock)}, nil
}

// Write implements io.Writer. After an error it returns the same again.
func (w *SnapshotWriter) Write(p []byte) (int, error) {
	n := 0
	for len(p) > 0 && w.err == nil {
		if len(w.block) == snapshotBlock {
			w.flush(0)
			continue
		}
		part := p[:min(len(p), snapshotBlock-len(w.block))]
		w.block = append(w.block, part...)
		p = p[len(part):]
		n += len(part)
	}
	return n, w.err
}

func (w *SnapshotWriter) flush(flag uint32) {
	binary.LittleEndian.PutUint32(w.block[4:], uint32(len(w.block)-snapshotHeader)|flag)
	crc := blockCRC(w.number, w.block)
	binary.LittleEndian.PutUint32(w.block, crc)
	if _, err := w.file.WriteAt(w.block, w.off); err != nil {
		w.err = fmt.Errorf("write snapshot %s: %w", w.name, err)
		return
	}
	w.crc.add(crc)
	w.off += int64(len(w.block))
	w.number++
	w.block = w.block[:snapshotHeader]
	if w.off%snapshotPiece == 0 {
		if err := w.file.SyncData(); err != nil {
			w.err = fmt.Errorf("sync snapshot %s: %w", w.name, err)
		}
	}
}

// Commit makes the file durable under its name. It returns the file's size and
// CRC for the SnapshotRef. After an error nothing is there under that name, or
// nobody refers to it.
func (w *SnapshotWriter) Commit() (size int64, crc uint32, err error) {
	if w.err == nil {
		w.flush(lastBlock)
	}
	if w.err != nil {
		err = w.err
		w.Abort()
		return 0, 0, err
	}
	if err := w.file.Sync(); err != nil {
		w.Abort()
		return 0, 0, fmt.Errorf("sync snapshot %s: %w", w.name, err)
	}
	if err := w.file.Close(); err != nil {
		return 0, 0, fmt.Errorf("close snapshot %s: %w", w.name, err)
	}
	w.err = errCommitted
	final := path.Join(w.dir, w.name)
	if err := w.fs.Rename(final+temporarySuffix, final); err != nil {
		return 0, 0, fmt.Errorf("name snapshot %s: %w", w.name, err)
	}
	if err := w.fs.SyncDir(w.dir); err != nil {
		return 0, 0, fmt.Errorf("name snapshot %s: %w", w.name, err)
	}
	return w.off, w.crc.sum, nil
}

var errCommitted = errors.New("wal: the snapshot is committed or aborted")

// Abort throws away what was written. After Commit or Abort it does nothing.
func (w *SnapshotWriter) Abort() {
	if errors.Is(w.err, errCommitted) {
		return
	}
	w.err = errCommitted
	_ = w.file.Close()                                          // its content is of no interest
	_ = w.fs.Remove(path.Join(w.dir, w.name) + temporarySuffix) // if not, Open does
}

// SnapshotReader reads the content of a snapshot file. It is not safe for
// concurrent use.
type SnapshotReader struct {
	name   string
	file   vfs.File
	block  []byte
	unread []byte
	off    int64
	number uint64
	crc    chain
	last   bool
	err    error
}

// OpenSnapshotFile opens a file for reading. Reads return an error that wraps
// ErrCorrupt as soon as they meet a damaged block, before any of its content.
func OpenSnapshotFile(fs vfs.FS, dir, name string) (*SnapshotReader, error) {
	f, err := fs.Open(path.Join(dir, name))
	if err != nil {
		return nil, fmt.Errorf("open snapshot %s: %w", name, err)
	}
	return &SnapshotReader{name: name, file: f, block: make([]byte, snapshotBlock)}, nil
}

// Read implements io.Reader.
func (r *SnapshotReader) Read(p []byte) (int, error) {
	for len(r.unread) == 0 {
		if r.err == nil {
			r.err = r.next()
		}
		if r.err != nil {
			return 0, r.err
		}
	}
	n := copy(p, r.unread)
	r.unread = r.unread[n:]
	return n, nil
}

// next reads a block.
func (r *SnapshotReader) next() error {
	if r.last {
		return io.EOF
	}
	n, err := r.file.ReadAt(r.block, r.off)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read snapshot %s: %w", r.name, err)
	}
	b := r.block[:n]
	if n < snapshotHeader {
		return r.corrupt("ends too early")
	}
	length := binary.LittleEndian.Uint32(b[4:])
	r.last = length&lastBlock != 0
	size := snapshotHeader + int(length&^lastBlock)
	if size > n || !r.last && size != snapshotBlock || binary.LittleEndian.Uint32(b) != blockCRC(r.number, b[:size]) {
		return r.corrupt("has a block with a wrong checksum")
	}
	if r.last {
		if total, err := r.file.Size(); err != nil || total != r.off+int64(size) {
			return r.corrupt("goes on behind its last block")
		}
	}
	r.crc.add(binary.LittleEndian.Uint32(b))
	r.off += int64(size)
	r.number++
	r.unread = b[snapshotHeader:size]
	return nil
}

func (r *SnapshotReader) corrupt(what string) error {
	return fmt.Errorf("%w: snapshot %s %s (offset %d)", ErrCorrupt, r.name, what, r.off)
}

// Close closes the file.
func (r *SnapshotReader) Close() error { return r.file.Close() }

// verifySnapshot reads a whole file and compares it with what the log says of it.
func verifySnapshot(fs vfs.FS, dir string, ref *SnapshotRef) error {
	r, err := OpenSnapshotFile(fs, dir, ref.File)
	if err != nil {
		return err
	}
	defer r.Close()
	for err == nil {
		err = r.next()
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	if r.off != ref.Size || r.crc.sum != ref.CRC {
		return fmt.Errorf("%w: snapshot %s has %d bytes and CRC %08x, the log says %d and %08x",
			ErrCorrupt, ref.File, r.off, r.crc.sum, ref.Size, ref.CRC)
	}
	return nil
}

func blockCRC(number uint64, block []byte) uint32 {
	var p [8]byte
	binary.LittleEndian.PutUint64(p[:], number)
	return crc32.Update(crc32.Checksum(p[:], castagnoli), castagnoli, block[4:])
}
