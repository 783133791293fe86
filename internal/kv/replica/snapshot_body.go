package replica

import (
	"errors"
	"io"
	"iter"

	"github.com/ringkv/ringkv/internal/kv/store"
)

// snapshotBody is a snapshot of the state as something to read. A coroutine writes
// the snapshot in step with its reader, so there is no goroutine to wait for. It
// must be closed.
type snapshotBody struct {
	snap *store.Snapshot
	next func() ([]byte, error, bool)
	stop func()
	rest []byte
	err  error
}

func newSnapshotBody(snap *store.Snapshot) *snapshotBody {
	b := &snapshotBody{snap: snap}
	b.next, b.stop = iter.Pull2(func(yield func([]byte, error) bool) {
		_, err := snap.WriteTo(writerFunc(func(p []byte) error {
			if !yield(p, nil) {
				return errBodyClosed
			}
			return nil
		}))
		if err != nil && !errors.Is(err, errBodyClosed) {
			yield(nil, err)
		}
	})
	return b
}

var errBodyClosed = errors.New("replica: the snapshot is not read any more")

// Read implements io.Reader.
func (b *snapshotBody) Read(p []byte) (int, error) {
	for len(b.rest) == 0 && b.err == nil {
		var more bool
		if b.rest, b.err, more = b.next(); !more {
			b.err = io.EOF
		}
	}
	if len(b.rest) == 0 {
		return 0, b.err
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// Close releases the snapshot.
func (b *snapshotBody) Close() error {
	b.stop()
	b.snap.Release()
	return nil
}

type writerFunc func(p []byte) error

// Write implements io.Writer.
func (f writerFunc) Write(p []byte) (int, error) {
	if err := f(p); err != nil {
		return 0, err
	}
	return len(p), nil
}
