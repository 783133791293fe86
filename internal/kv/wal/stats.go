package wal

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Stats is what the log did since it was opened.
type Stats struct {
	Writes  uint64 // Writes made
	Batches uint64 // write calls, each with one or more Writes
	Bytes   uint64 // bytes written
	Sync    Latency
}

// Latency is a histogram of durations.
type Latency struct {
	Count uint64
	Sum   time.Duration
	Max   time.Duration
	// Buckets count durations by the power of two of their microseconds: the
	// i-th those below 2^i us that the one before does not count; the last all
	// above.
	Buckets [latencyBuckets]uint64
}

const latencyBuckets = 24 // the last begins at 4 s

// BucketBound returns the upper bound of a bucket; the last has none, for which
// it returns 0.
func BucketBound(i int) time.Duration {
	if i >= latencyBuckets-1 {
		return 0
	}
	return time.Microsecond << i
}

// Stats returns the counters. They are read one by one while the writer goes on.
func (l *Log) Stats() Stats {
	s := Stats{
		Writes:  l.stats.writes.Load(),
		Batches: l.stats.batches.Load(),
		Bytes:   l.stats.bytes.Load(),
		Sync: Latency{
			Count: l.stats.syncs.Load(),
			Sum:   time.Duration(l.stats.syncNanos.Load()),
			Max:   time.Duration(l.stats.syncMax.Load()),
		},
	}
	for i := range s.Sync.Buckets {
		s.Sync.Buckets[i] = l.stats.syncBuckets[i].Load()
	}
	return s
}

// stats are written by the writer alone.
type stats struct {
	writes, batches, bytes    atomic.Uint64
	syncs, syncNanos, syncMax atomic.Uint64
	syncBuckets               [latencyBuckets]atomic.Uint64
}

func (s *stats) synced(d time.Duration) {
	n := uint64(max(d, 0))
	s.syncs.Add(1)
	s.syncNanos.Add(n)
	if n > s.syncMax.Load() {
		s.syncMax.Store(n)
	}
	s.syncBuckets[min(bits.Len64(n/1000), latencyBuckets-1)].Add(1)
}
