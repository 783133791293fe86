package crashfs

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"sort"
	"strings"
)

// ErrStopped is what every operation returns after the point set by StopAfter:
// to the code under test the machine is gone.
var ErrStopped = errors.New("crashfs: the machine has stopped")

// Op is a kind of operation.
type Op uint8

// The kinds of operation. The first six change something and are what StopAfter
// counts.
const (
	OpCreate Op = iota
	OpRemove
	OpRename
	OpSyncDir
	OpWrite
	OpSync
	OpPreallocate
	OpOpen
	OpRead
	OpList
	opCount
)

func (o Op) changes() bool { return o <= OpPreallocate }

// String returns the operation's name.
func (o Op) String() string {
	return [...]string{"create", "remove", "rename", "syncdir", "write", "sync", "preallocate", "open", "read", "list"}[o]
}

type rule struct {
	op   Op
	name string // part of the path; "" for any
	skip int    // so many matching operations succeed first
	only bool   // fails once, not from then on
	err  error
}

// Fail makes the n-th operation of a kind from now (the next is 1), on files
// whose path contains name, return err. Others succeed.
func (fs *FS) Fail(op Op, name string, n int, err error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.rules = append(fs.rules, &rule{op: op, name: name, skip: n - 1, only: true, err: err})
}

// FailAll makes every operation of a kind on files whose path contains name
// return err, until Heal.
func (fs *FS) FailAll(op Op, name string, err error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.rules = append(fs.rules, &rule{op: op, name: name, err: err})
}

// Heal forgets all that Fail and FailAll asked for. It returns how many of the failures
// that Fail asked for had not happened yet.
func (fs *FS) Heal() (ahead int) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for _, r := range fs.rules {
		if r.only {
			ahead++
		}
	}
	fs.rules = nil
	return ahead
}

// StopAfter lets n more operations that change something succeed; everything
// after them returns ErrStopped.
func (fs *FS) StopAfter(n int) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.stopAt = fs.changes + n
}

// Changes returns how many operations so far changed something.
func (fs *FS) Changes() int {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.changes
}

// Count returns how many operations of a kind succeeded so far.
func (fs *FS) Count(op Op) int {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.counts[op]
}

// Stopped tells whether the point set by StopAfter is reached.
func (fs *FS) Stopped() bool {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.stopped()
}

func (fs *FS) stopped() bool { return fs.stopAt >= 0 && fs.changes >= fs.stopAt }

// begin decides whether an operation happens.
func (fs *FS) begin(op Op, name string) error {
	if fs.stopped() {
		return ErrStopped
	}
	for i, r := range fs.rules {
		if r.op != op || !strings.Contains(name, r.name) {
			continue
		}
		if r.skip > 0 {
			r.skip--
			continue
		}
		if r.only {
			fs.rules = append(fs.rules[:i:i], fs.rules[i+1:]...)
		}
		return &os.PathError{Op: op.String(), Path: name, Err: r.err}
	}
	fs.counts[op]++
	if op.changes() {
		fs.changes++
	}
	return nil
}

// Crash returns the file system as a crash now would leave it. keep is the
// chance of each unsynced sector and directory change to have reached the disk:
// 0 loses all of them, 1 none.
func (fs *FS) Crash(keep float64, seed uint64) *FS {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	rng := rand.New(rand.NewPCG(seed, seed))
	after := New()
	after.total = fs.total
	copies := map[*node]*node{}
	for _, dir := range sortedKeys(fs.dirs) {
		d := newDirectory()
		names := fs.dirs[dir].crash(keep, rng)
		for _, name := range sortedKeys(names) {
			n := names[name]
			if copies[n] == nil {
				copies[n] = n.crash(keep, rng)
			}
			d.now[name] = copies[n]
		}
		d.sync()
		after.dirs[dir] = d
	}
	return after
}

// Kill returns the file system as it is when the process ended and the machine goes
// on: everything that was written can be read, what was not synced can still be
// lost, and nobody holds a lock.
func (fs *FS) Kill() *FS {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	after := New()
	after.total = fs.total
	copies := map[*node]*node{}
	again := func(n *node) *node {
		if n != nil && copies[n] == nil {
			copies[n] = n.clone()
		}
		return copies[n]
	}
	for dir, d := range fs.dirs {
		c := newDirectory()
		for name, n := range d.now {
			c.now[name] = again(n)
		}
		for name, n := range d.synced {
			c.synced[name] = again(n)
		}
		for _, ch := range d.changes {
			c.changes = append(c.changes, change{set: ch.set, unset: ch.unset, node: again(ch.node)})
		}
		after.dirs[dir] = c
	}
	return after
}

// Flip inverts a bit of a file, behind the back of whoever wrote it and as if it
// had been synced.
func (fs *FS) Flip(name string, off int64, bit uint) error {
	return fs.rot(name, off, 1, func(p []byte) { p[0] ^= 1 << (bit & 7) })
}

// Zero clears n bytes of a file, behind the back of whoever wrote it and as if
// it had been synced.
func (fs *FS) Zero(name string, off, n int64) error {
	return fs.rot(name, off, n, func(p []byte) { clear(p) })
}

// Truncate cuts a file short, behind the back of whoever wrote it and as if it had
// been synced.
func (fs *FS) Truncate(name string, size int64) error {
	p, err := fs.ReadFile(name)
	if err != nil {
		return err
	}
	if size > int64(len(p)) {
		return fmt.Errorf("crashfs: %s has only %d bytes", name, len(p))
	}
	return fs.WriteFile(name, p[:size])
}

func (fs *FS) rot(name string, off, n int64, damage func([]byte)) error {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f, err := fs.lookup("damage", path.Clean(name))
	if err != nil {
		return err
	}
	if off < 0 || off+n > f.size {
		return fmt.Errorf("crashfs: %s has no bytes %d to %d", name, off, off+n)
	}
	p := make([]byte, n)
	if _, err := f.read(p, off); err != nil {
		return err
	}
	damage(p)
	f.write(p, off)
	f.sync()
	return nil
}

// ReadFile returns a file's content.
func (fs *FS) ReadFile(name string) ([]byte, error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	n, err := fs.lookup("read", path.Clean(name))
	if err != nil {
		return nil, err
	}
	p := make([]byte, n.size)
	if n.size > 0 {
		_, err = n.read(p, 0)
	}
	return p, err
}

// WriteFile makes a file with this content, synced.
func (fs *FS) WriteFile(name string, p []byte) error {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	d, base, err := fs.parent("write", path.Clean(name))
	if err != nil {
		return err
	}
	n := &node{}
	n.write(p, 0)
	n.sync()
	d.now[base] = n
	d.sync()
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
