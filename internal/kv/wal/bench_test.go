package wal_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/vfs"
	"github.com/ringkv/ringkv/internal/kv/vfs/crashfs"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

// BenchmarkAppend measures a round of writes, each of one entry of 256 bytes for a
// partition of its own with its hard state, until all are durable. In memory it is
// what the log itself costs; on the disk it is mostly the disk.
func BenchmarkAppend(b *testing.B) {
	for _, disk := range []string{"memory", "disk"} {
		for _, writes := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/writes=%d", disk, writes), func(b *testing.B) { benchmarkAppend(b, disk, writes) })
		}
	}
}

func benchmarkAppend(b *testing.B, disk string, writes int) {
	o := wal.Options{FS: vfs.OS{}, Dir: b.TempDir(), NodeID: "n"}
	if disk == "memory" {
		o.FS = crashfs.New()
	}
	l, _, err := wal.Open(o)
	require.NoError(b, err)
	defer func() { require.NoError(b, l.Close()) }()

	done := make(chan struct{}, 1)
	ws := make([]*wal.Write, writes)
	hard := make([]wal.HardState, writes)
	for i := range ws {
		l.Append(&wal.Write{Partition: uint32(i), Replica: 1, Create: []byte{}})
		ws[i] = &wal.Write{Partition: uint32(i), Replica: 1, HardState: &hard[i], Entries: make([]wal.Entry, 1)}
	}
	ws[writes-1].Done = func() { done <- struct{}{} }
	data := make([]byte, 256)
	b.SetBytes(int64(writes * len(data)))
	b.ReportAllocs()
	index := uint64(0)
	for b.Loop() {
		index++
		for i, w := range ws {
			w.Entries[0] = wal.Entry{Term: 1, Index: index, Data: data}
			hard[i] = wal.HardState{Term: 1, Commit: index - 1}
		}
		l.Append(ws...)
		<-done
		if index%4096 == 0 { // compact, as a node would
			for i := range ws {
				l.Append(&wal.Write{Partition: uint32(i), Replica: 1, Snapshot: &wal.SnapshotRef{Term: 1, Index: index - 1}})
			}
		}
	}
	s := l.Stats()
	b.ReportMetric(float64(s.Sync.Sum.Nanoseconds())/float64(max(1, s.Sync.Count)), "ns/sync")
}

// BenchmarkEntriesFromFiles measures reading 64 entries of 256 bytes back that are
// not in memory any more.
func BenchmarkEntriesFromFiles(b *testing.B) {
	l, _, err := wal.Open(wal.Options{FS: vfs.OS{}, Dir: b.TempDir(), NodeID: "n", TailBytes: 1})
	require.NoError(b, err)
	defer func() { require.NoError(b, l.Close()) }()
	l.Append(&wal.Write{Partition: 1, Replica: 1, Create: []byte{}})
	done := make(chan struct{})
	for i := uint64(1); i <= 10000; i++ {
		w := &wal.Write{Partition: 1, Replica: 1, Entries: []wal.Entry{{Term: 1, Index: i, Data: make([]byte, 256)}}}
		if i == 10000 {
			w.Done = func() { close(done) }
		}
		l.Append(w)
	}
	<-done
	b.ReportAllocs()
	for i := uint64(0); b.Loop(); i++ {
		lo := 1 + i*64%9000
		es, err := l.Group(1).Entries(lo, lo+64, 1<<20)
		if err != nil || len(es) != 64 {
			b.Fatal(len(es), err)
		}
	}
}

// BenchmarkRecovery measures opening a log of 60 MB with 64 partitions.
func BenchmarkRecovery(b *testing.B) {
	o := wal.Options{FS: vfs.OS{}, Dir: b.TempDir(), NodeID: "n", SegmentBytes: 16 << 20}
	l, _, err := wal.Open(o)
	require.NoError(b, err)
	for p := range uint32(64) {
		l.Append(&wal.Write{Partition: p, Replica: 1, Create: []byte{}})
		for i := uint64(1); i <= 3000; i++ {
			l.Append(&wal.Write{Partition: p, Replica: 1, Entries: []wal.Entry{{Term: 1, Index: i, Data: make([]byte, 256)}}})
		}
	}
	b.SetBytes(int64(l.Stats().Bytes))
	require.NoError(b, l.Close())
	for b.Loop() {
		l, rec, err := wal.Open(o)
		if err != nil || len(rec.Replicas) != 64 {
			b.Fatal(rec, err)
		}
		b.StopTimer()
		require.NoError(b, l.Close())
		b.StartTimer()
	}
}
