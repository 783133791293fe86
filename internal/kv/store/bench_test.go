package store

import (
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func benchKey(b []byte, i int) []byte { return fmt.Appendf(b[:0], "key:%012d", i) }

func filled(keys, valueBytes int) *Store {
	s := New(1)
	key, value := make([]byte, 0, 16), make([]byte, valueBytes)
	for i := range keys {
		key = benchKey(key, i)
		s.Set(key, value, 0)
	}
	return s
}

// TestMemoryPerKey holds the cost of a key of 16 bytes with a value of 64 bytes
// below what Redis takes for it (170 to 176 bytes), for one partition and for a
// node with 64.
func TestMemoryPerKey(t *testing.T) {
	const keys = 200_000
	for _, partitions := range []int{1, 64} {
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		stores := make([]*Store, partitions)
		for i := range stores {
			stores[i] = New(uint64(i))
		}
		key, value := make([]byte, 0, 16), make([]byte, 64)
		for i := range keys {
			key = benchKey(key, i)
			stores[int(hash64(key, 99)%uint64(partitions))].Set(key, value, 0)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		var held int64
		for _, s := range stores {
			held += s.MemoryBytes()
		}
		heap := int64(after.HeapAlloc) - int64(before.HeapAlloc)
		t.Logf("%d partitions: %d bytes per key held, %d of heap", partitions, held/keys, heap/keys)
		require.Less(t, held/keys, int64(130))
		require.InEpsilon(t, heap, held, 0.03, "MemoryBytes tells what the process has")
		runtime.KeepAlive(stores)
	}
}

func BenchmarkGet(b *testing.B) {
	for _, keys := range []int{1000, 1_000_000} {
		b.Run(fmt.Sprint(keys), func(b *testing.B) {
			s := filled(keys, 64)
			key := make([]byte, 0, 16)
			rng := rand.New(rand.NewPCG(1, 1))
			b.ReportAllocs()
			for b.Loop() {
				key = append(key[:0], "key:000000000000"...)
				n := rng.IntN(keys)
				for i := 15; n > 0; i, n = i-1, n/10 {
					key[i] = byte('0' + n%10)
				}
				if _, ok := s.Get(key); !ok {
					b.Fatal("missing")
				}
			}
		})
	}
}

func BenchmarkSet(b *testing.B) {
	for name, sizes := range map[string][]int{"SameSize": {64}, "OtherSize": {64, 80, 48, 120}} {
		b.Run(name, func(b *testing.B) {
			const keys = 1_000_000
			s := filled(keys, 64)
			key, value := make([]byte, 16), make([]byte, 128)
			copy(key, "key:")
			rng := rand.New(rand.NewPCG(1, 1))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				n := rng.IntN(keys)
				for j := 15; j > 3; j, n = j-1, n/10 {
					key[j] = byte('0' + n%10)
				}
				s.Set(key, value[:sizes[i%len(sizes)]], 0)
			}
			b.ReportMetric(float64(s.MemoryBytes())/float64(s.Bytes()), "held/live")
		})
	}
}

// BenchmarkLongestSet reports how much processor time the slowest of a million
// insertions takes: the pause that one of them can mean for others.
func BenchmarkLongestSet(b *testing.B) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for b.Loop() {
		s := New(1)
		key, value := make([]byte, 0, 16), make([]byte, 64)
		var longest int64
		for i := range 1_000_000 {
			key = benchKey(key, i)
			began := threadNanos(b)
			s.Set(key, value, 0)
			longest = max(longest, threadNanos(b)-began)
		}
		b.ReportMetric(float64(longest)/1000, "longest-µs")
	}
}

func BenchmarkSnapshot(b *testing.B) {
	s := filled(1_000_000, 64)
	b.Run("Freeze", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.Snapshot().Release()
		}
	})
	b.Run("Write", func(b *testing.B) {
		p := s.Snapshot()
		defer p.Release()
		for b.Loop() {
			n, err := p.WriteTo(io.Discard)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(n)
		}
	})
	b.Run("Restore", func(b *testing.B) {
		p := s.Snapshot()
		defer p.Release()
		for b.Loop() {
			r, w := io.Pipe()
			go func() {
				_, err := p.WriteTo(w)
				w.CloseWithError(err)
			}()
			if err := New(0).Restore(r); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func threadNanos(b *testing.B) int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		b.Fatal(err)
	}
	return t.Nano()
}
