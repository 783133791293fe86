// Package vfs is the file system that ringkv's durable parts see.
//
// Every byte that a node keeps goes through FS, so a test can put a file system
// under the real code that loses what was not synced, fails an fsync or runs
// full (see the crashfs subpackage). OS is the real one.
//
// What the code above may rely on, and nothing more:
//   - Data written to a File survives a crash only after Sync or SyncData
//     returned nil.
//   - A created, renamed or removed name survives a crash only after SyncDir
//     on its directory returned nil.
//   - After a failed Sync or SyncData nothing is known about the unsynced data
//     of that file, and calling it again proves nothing.
package vfs

import "io"

// FS is a file system. Names are slash-separated paths as the os package takes
// them. Errors satisfy errors.Is with os.ErrNotExist, os.ErrExist and
// syscall.ENOSPC where those apply.
type FS interface {
	// Create makes an empty file for reading and writing, replacing one of
	// that name.
	Create(name string) (File, error)
	// Open opens a file for reading.
	Open(name string) (File, error)
	// OpenReadWrite opens an existing file for reading and writing.
	OpenReadWrite(name string) (File, error)
	// Remove deletes a file or an empty directory.
	Remove(name string) error
	// Rename moves a file, replacing the target atomically.
	Rename(oldname, newname string) error
	// MkdirAll makes a directory and its parents.
	MkdirAll(dir string) error
	// List returns the names in a directory, without their path, sorted.
	List(dir string) ([]string, error)
	// SyncDir makes the names in a directory durable.
	SyncDir(dir string) error
	// Lock takes an exclusive lock on a file, which it makes if missing, and
	// fails at once when another process holds it. Close releases it.
	Lock(name string) (io.Closer, error)
	// Usage tells the size and the free space of the volume that holds dir.
	Usage(dir string) (Usage, error)
}

// File is an open file. ReadAt and WriteAt may be called concurrently.
type File interface {
	io.Closer
	io.ReaderAt
	io.WriterAt
	// Size returns the length of the file in bytes.
	Size() (int64, error)
	// Preallocate makes sure that [0, size) exists, reads as zeros where it
	// was never written, and has its blocks reserved on the volume.
	Preallocate(size int64) error
	// Sync makes data and metadata durable (fsync).
	Sync() error
	// SyncData makes data durable, and the metadata needed to read it back
	// (fdatasync).
	SyncData() error
}

// Usage is the room on a volume, in bytes.
type Usage struct {
	Total uint64
	Free  uint64 // what an unprivileged process can still write
}
