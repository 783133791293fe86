package wal_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"path"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/vfs"
	"github.com/ringkv/ringkv/internal/kv/vfs/golden"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

// goldenLife is the life of the golden logs: every type of record, over several
// segments. Snapshots lack what only their writer knows, size and CRC.
func goldenLife() []*wal.Write {
	entries := func(first, term uint64, n, bytesEach int) []wal.Entry {
		es := make([]wal.Entry, n)
		for i := range es {
			es[i] = wal.Entry{Term: term, Index: first + uint64(i), Kind: uint8(i % 3),
				Data: bytes.Repeat(fmt.Appendf(nil, "<%d.%d>", term, first+uint64(i)), bytesEach/8)}
		}
		return es
	}
	return []*wal.Write{
		{Meta: []byte("the node's own state")},
		{Partition: 0, Replica: 1, Create: []byte("first"), HardState: &wal.HardState{Term: 1}},
		{Partition: 1, Replica: 7, Create: []byte{}, HardState: &wal.HardState{Term: 1}},
		{Partition: 2, Replica: 1, Create: []byte("short life"), HardState: &wal.HardState{Term: 3, Vote: 2}},
		{Partition: 0, Replica: 1, Entries: entries(1, 1, 40, 400), HardState: &wal.HardState{Term: 1, Vote: 1, Commit: 20}},
		{Partition: 1, Replica: 7, Entries: entries(1, 1, 60, 400)},
		{Partition: 2, Replica: 1, Entries: entries(1, 3, 3, 20)},
		{Partition: 2, Replica: 1, Tombstone: 2},
		{Partition: 0, Replica: 1, Entries: entries(30, 2, 5, 400), HardState: &wal.HardState{Term: 2, Vote: 3, Commit: 31}},
		{Partition: 0, Replica: 1, Snapshot: &wal.SnapshotRef{Term: 1, Index: 25, File: "made", Meta: []byte("membership")}},
		{Partition: 1, Replica: 7, Snapshot: &wal.SnapshotRef{Term: 4, Index: 90, File: "received", Received: true},
			Entries: entries(91, 4, 30, 400), HardState: &wal.HardState{Term: 4, Commit: 90}},
		{Partition: 3, Replica: 4, Tombstone: 4, Create: []byte("after a tombstone"), HardState: &wal.HardState{Term: 1}},
		{Meta: []byte("the node's own state, again")},
		{Partition: 0, Replica: 1, Entries: entries(35, 2, 40, 400), HardState: &wal.HardState{Term: 2, Vote: 3, Commit: 40}},
		{Partition: 3, Replica: 4, Entries: entries(1, 1, 1, 8)},
	}
}

func goldenOptions(dir string) wal.Options {
	return wal.Options{
		FS: vfs.OS{}, Dir: dir, NodeID: "node-1", SegmentBytes: segmentBytes, RetainBytes: 1 << 20,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

// goldenLog returns a log with that life. It was closed in order, or it is as a crash
// of the process leaves it.
func goldenLog(t *testing.T, closed bool) []byte {
	dir := t.TempDir()
	l, _, err := wal.Open(goldenOptions(dir))
	require.NoError(t, err)
	for _, w := range goldenLife() {
		if s := w.Snapshot; s != nil {
			ref, err := snapshotFileIn(vfs.OS{}, path.Join(dir, "snapshots"), s.File, bytes.Repeat([]byte(s.File), 10_000))
			require.NoError(t, err)
			s.Size, s.CRC = ref.Size, ref.CRC
		}
		done := make(chan struct{})
		w.Done = func() { close(done) }
		l.Append(w)
		<-done
	}
	if !closed {
		defer l.Close()
		return golden.Pack(t, dir)
	}
	require.NoError(t, l.Close())
	return golden.Pack(t, dir)
}

func TestLogsOfAllFormatsAreOpened(t *testing.T) {
	for kind, closed := range map[string]bool{"log.tgz": true, "crashed-log.tgz": false} {
		golden.Read(t, kind, func(t *testing.T) []byte { return goldenLog(t, closed) }, func(t *testing.T, content []byte) {
			dir := golden.Unpack(t, content)
			want := newModel()
			for _, w := range goldenLife() {
				want.apply(w)
			}
			for range 2 { // opening it must not break it
				l, rec, err := wal.Open(goldenOptions(dir))
				require.NoError(t, err)
				requireWhole(t, rec)
				require.Empty(t, want.difference(l, rec))
				for _, file := range []string{"made", "received"} {
					r, err := wal.OpenSnapshotFile(vfs.OS{}, path.Join(dir, "snapshots"), file)
					require.NoError(t, err)
					got, err := io.ReadAll(r)
					require.NoError(t, err)
					require.Equal(t, bytes.Repeat([]byte(file), 10_000), got)
					require.NoError(t, r.Close())
				}
				w := &wal.Write{Partition: 3, Replica: 4, Entries: []wal.Entry{{Term: 1, Index: rec.Replicas[3].Last + 1, Data: []byte("of today")}}}
				want.apply(w)
				l.Append(w)
				require.NoError(t, l.Close())
			}
		})
	}
}
