package wal_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/vfs/crashfs"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

func TestSmoke(t *testing.T) {
	fs := crashfs.New()
	l, rec, err := wal.Open(wal.Options{FS: fs, Dir: "/log", NodeID: "n", SegmentBytes: 64 << 10, TailBytes: 4 << 10})
	require.NoError(t, err)
	require.True(t, rec.New)
	done := make(chan int, 2000)
	l.Append(&wal.Write{Partition: 1, Replica: 1, Create: []byte{}})
	for i := 1; i <= 1000; i++ {
		l.Append(&wal.Write{Partition: 1, Replica: 1, Entries: []wal.Entry{{Term: 1, Index: uint64(i), Data: []byte(fmt.Sprint("entry ", i))}},
			Done: func() { done <- i }})
		if i%10 == 0 {
			require.Equal(t, i-9, <-done)
			for range 9 {
				<-done
			}
		}
	}
	es, err := l.Group(1).Entries(1, 1001, 1<<20)
	require.NoError(t, err)
	require.Len(t, es, 1000)
	require.Equal(t, "entry 77", string(es[76].Data))
	require.NoError(t, l.Close())
}
