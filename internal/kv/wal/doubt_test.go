package wal_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/vfs/crashfs"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

// cutLog returns a log whose last entry, acknowledged, has rotted into something that
// looks like an unfinished write.
func cutLog(t *testing.T) *crashfs.FS {
	fs := crashfs.New()
	l, _, err := wal.Open(options(fs))
	require.NoError(t, err)
	store(t, l, &wal.Write{Partition: 1, Replica: 1, Create: []byte("{}"), HardState: &wal.HardState{Term: 3, Vote: 2}})
	store(t, l, oneEntry(3, 1))
	store(t, l, oneEntry(3, 2))
	image := fs.Crash(1, 0)
	require.NoError(t, l.Close())
	segment, end, _ := layout(t, image)
	require.NoError(t, image.Flip(segment, end-1, 3))
	return image
}

func oneEntry(term, index uint64) *wal.Write {
	return &wal.Write{Partition: 1, Replica: 1, Entries: []wal.Entry{{Term: term, Index: index, Data: []byte("12345678")}}}
}

func store(t *testing.T, l *wal.Log, w *wal.Write) {
	done := make(chan struct{})
	w.Done = func() { close(done) }
	l.Append(w)
	<-done
}

// doubtful opens a log, and tells whether its replica is in doubt.
func doubtful(t *testing.T, fs *crashfs.FS) (*wal.Log, bool) {
	l, rec, err := wal.Open(options(fs))
	require.NoError(t, err)
	require.Contains(t, rec.Replicas, uint32(1))
	require.Equal(t, wal.HardState{Term: 3, Vote: 2}, rec.Replicas[1].HardState)
	require.Equal(t, rec.Replicas[1].Doubtful, l.Doubtful())
	return l, l.Doubtful()
}

// TestDoubtAboutTheEndOfTheLogStaysUntilItsOwnerEndsIt: neither a crash, nor a stop in
// order, nor a new segment makes the log forget that something was cut.
func TestDoubtAboutTheEndOfTheLogStaysUntilItsOwnerEndsIt(t *testing.T) {
	fs := cutLog(t)
	for stop := 1; ; stop++ { // a crash anywhere while the log recovers
		image := fs.Crash(1, 0)
		image.StopAfter(stop)
		l, _, err := wal.Open(options(image))
		if err == nil {
			err = l.Close()
		}
		if err == nil {
			break
		}
		for _, keep := range []float64{0, 0.5, 1} {
			l, still := doubtful(t, image.Crash(keep, uint64(stop)))
			require.True(t, still, "stopped after %d operations, kept %g", stop, keep)
			require.NoError(t, l.Close())
		}
	}
	l, still := doubtful(t, fs)
	require.True(t, still)
	for i := range uint64(200) { // several segments
		w := oneEntry(3, 2+i)
		w.Entries[0].Data = make([]byte, 1000)
		store(t, l, w)
	}
	require.NoError(t, l.Close())
	l, still = doubtful(t, fs)
	require.True(t, still, "after a stop in order")
	store(t, l, oneEntry(3, 202))
	crashed, still := doubtful(t, fs.Crash(1, 0))
	require.True(t, still, "after a crash")
	require.NoError(t, crashed.Close())
	require.NoError(t, l.Close())
}

// TestNobodyIsInDoubtAfterTheDoubtEnded ends it, and stops in order or crashes.
func TestNobodyIsInDoubtAfterTheDoubtEnded(t *testing.T) {
	fs := cutLog(t)
	l, still := doubtful(t, fs)
	require.True(t, still)
	l.EndDoubt()
	require.NoError(t, l.Close())
	l, still = doubtful(t, fs)
	require.False(t, still)
	store(t, l, oneEntry(3, 2))
	crashed, still := doubtful(t, fs.Crash(0, 0))
	require.False(t, still, "nothing was cut")
	require.NoError(t, crashed.Close())
	require.NoError(t, l.Close())
}
