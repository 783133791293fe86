package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The order of scans is part of cursors that clients hold, and must be the same on
// nodes of different versions.
func TestTheHashFunctionNeverChanges(t *testing.T) {
	for key, want := range map[string]uint64{
		"": 0x72014e4eed7eeb7d, "a": 0x9bbea1d24169a57d, "abcd": 0x26562d45a711ea31, "0123456789abcdef": 0xbc6f27e45840a0a8,
		"0123456789abcdef0": 0x87eb7529338c70b9, string(make([]byte, 100)): 0x139e6cff6cd92b92,
	} {
		require.Equal(t, fmt.Sprintf("%#x", want), fmt.Sprintf("%#x", hash64([]byte(key), 42)), "%q", key)
	}
}

func TestScansSeeWhatStaysWhateverComesAndGoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := New(rapid.Uint64().Draw(t, "seed"))
		stay := rapid.IntRange(0, 300).Draw(t, "stay")
		set := func(format string, i int) { s.Set(fmt.Appendf(nil, format, i), []byte("v"), 0) }
		for i := range stay {
			set("stay-%d", i)
		}
		come := 0
		seen := map[string]int{}
		for cursor := uint64(0); ; {
			count := rapid.IntRange(1, 50).Draw(t, "count")
			cursor = s.Scan(cursor, count, func(key []byte, _ Item) bool {
				seen[string(key)]++
				return true
			})
			if cursor == 0 {
				break
			}
			// Grow and shrink by a lot, so that segments split and merge.
			if target := rapid.SampledFrom([]int{0, 10, 1000, 20_000}).Draw(t, "others"); target > come {
				for ; come < target; come++ {
					set("other-%d", come)
				}
			} else {
				for ; come > target; come-- {
					s.Delete(fmt.Appendf(nil, "other-%d", come-1))
				}
			}
		}
		for i := range stay {
			require.Equal(t, 1, seen[fmt.Sprintf("stay-%d", i)])
		}
	})
}

func TestScanOrderIsTheSameOnAllReplicas(t *testing.T) {
	order := func(s *Store) (keys []string) {
		for cursor := uint64(0); ; {
			cursor = s.Scan(cursor, 10, func(key []byte, _ Item) bool {
				keys = append(keys, string(key))
				return true
			})
			if cursor == 0 {
				return keys
			}
		}
	}
	a, b := New(5), New(5)
	for i := range 5000 {
		a.Set(fmt.Appendf(nil, "k%d", i), nil, 0)
	}
	for i := range 20_000 {
		b.Set(fmt.Appendf(nil, "k%d", i), nil, 0)
	}
	for i := 5000; i < 20_000; i++ {
		b.Delete(fmt.Appendf(nil, "k%d", i))
	}
	require.ElementsMatch(t, order(a), order(b))
	// Inside a segment the order is that of its slots, so cursors are compared.
	for _, count := range []int{1, 100} {
		next := a.Scan(0, count, func([]byte, Item) bool { return true })
		seen := map[string]bool{}
		for cursor := uint64(0); cursor < next; {
			before := cursor
			cursor = b.Scan(cursor, 1, func(key []byte, _ Item) bool { seen[string(key)] = true; return true })
			require.Greater(t, cursor, before)
		}
		require.GreaterOrEqual(t, len(seen), count)
	}
}

func TestSnapshotsAreWrittenWhileWritesGoOn(t *testing.T) {
	s := New(1)
	const keys = 5_000
	write := func(rng *rand.Rand) {
		k := fmt.Appendf(nil, "key-%d", rng.IntN(keys))
		if rng.IntN(4) == 0 {
			s.Delete(k)
			return
		}
		s.Set(k, make([]byte, rng.IntN(300)), int64(rng.IntN(3)))
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for range 2 * keys {
		write(rng)
	}
	stop := make(chan struct{})
	var writers sync.WaitGroup
	writers.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			s.Lock()
			for range 50 {
				write(rng)
			}
			s.Unlock()
		}
	})
	for range 10 {
		s.Lock()
		want, revision := s.Hash(), s.Revision()
		p := s.Snapshot()
		s.Unlock()
		var b bytes.Buffer
		_, err := p.WriteTo(&b)
		require.NoError(t, err)
		p.Release()
		p.Release() // does nothing
		restored := load1(t, b.Bytes())
		require.Equal(t, revision, restored.Revision())
		require.Equal(t, want, restored.Hash())
	}
	close(stop)
	writers.Wait()
	requireSound(t, s)
	require.Zero(t, s.pinned)
}

func TestMemoryStaysBoundedWhateverIsOverwritten(t *testing.T) {
	s := New(1)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 100_000 {
		k := fmt.Appendf(nil, "key-%d", rng.IntN(5000))
		if i%10 == 0 {
			s.Delete(k)
		} else {
			s.Set(k, make([]byte, rng.IntN(400)), 0)
		}
		if i > 20_000 && i%1000 == 0 {
			require.Less(t, float64(s.arena.held), 1.6*float64(s.arena.live)+maxChunk, "after %d operations", i)
		}
	}
	for i := range 5000 {
		s.Delete(fmt.Appendf(nil, "key-%d", i))
	}
	require.Zero(t, s.Len())
	require.Zero(t, s.Bytes())
	require.Less(t, s.MemoryBytes(), int64(1<<20), "an emptied store is small")
}

func TestOverwritingInPlaceTakesNoMemory(t *testing.T) {
	s := filled(1000, 64)
	before, used := s.MemoryBytes(), s.arena.used
	for i := range 100_000 {
		s.Set(benchKey(nil, i%1000), make([]byte, 64), 0)
	}
	require.Equal(t, before, s.MemoryBytes())
	require.Equal(t, used, s.arena.used)
}

func TestMemoryHeldForASnapshotIsCountedAndGivenBack(t *testing.T) {
	s := filled(10_000, 1000)
	p := s.Snapshot()
	before := s.MemoryBytes()
	for i := range 10_000 {
		s.Set(benchKey(nil, i), make([]byte, 900), 0)
	}
	require.Greater(t, s.MemoryBytes(), before+before/2)
	s.Clear()
	require.Greater(t, s.MemoryBytes(), before, "the snapshot still has it all")
	var b bytes.Buffer
	_, err := p.WriteTo(&b)
	require.NoError(t, err)
	require.Equal(t, 10_000, load1(t, b.Bytes()).Len())
	p.Release()
	require.Less(t, s.MemoryBytes(), int64(1<<20))
}

func TestValuesMayComeFromTheStoreItself(t *testing.T) {
	s := New(1)
	s.Set([]byte("a"), []byte("value"), 0)
	it, _ := s.Get([]byte("a"))
	s.Set([]byte("a"), it.Value, 99) // another layout, so a new record
	it, _ = s.Get([]byte("a"))
	s.Set([]byte("a"), it.Value, 100) // in place
	it, _ = s.Get([]byte("a"))
	require.Equal(t, "value", string(it.Value))
	require.EqualValues(t, 100, it.ExpireAt)
	require.EqualValues(t, 3, it.Version)
}

func TestKeysMadeToCollideOnlySlowThingsDown(t *testing.T) {
	// The entries of keys that share all 27 bits of the tag.
	x := newIndex()
	for i := range 5000 {
		x.insert(makeEntry(1<<26|5, makeLocation(1, 8*i), false))
	}
	require.Equal(t, 5000, x.count)
	require.LessOrEqual(t, len(x.directory), 1024)
	// And keys that share the first 15 bits.
	x = newIndex()
	for i := range 5000 {
		x.insert(makeEntry(uint32(i), makeLocation(1, 0), false))
	}
	require.LessOrEqual(t, len(x.directory), 32*len(x.segments))
	require.Less(t, x.bytes(), int64(2<<20))
}

func TestExpiryLooksOnlyWhereSomethingExpired(t *testing.T) {
	s := New(1)
	const keys = 50_000
	for i := range keys {
		s.Set(benchKey(nil, i), []byte("v"), int64(1000+i))
	}
	require.False(t, s.Expired(1000, 100, func([]byte) { t.Fatal("nothing has expired") }))
	got := map[string]bool{}
	for more := true; more; {
		n := 0
		more = s.Expired(1100, 10, func(key []byte) { got[string(key)] = true; n++ })
		require.LessOrEqual(t, n, 10+maxSlots, "one call is bounded")
		if len(got) == 100 {
			break
		}
	}
	require.Len(t, got, 100)
	for k := range got {
		s.Delete([]byte(k))
	}
	for s.Expired(1100, 10, func([]byte) { t.Fatal("deleted keys come back") }) {
	}
	require.EqualValues(t, 1100, s.expiry.soonest, "exact after a round")
}

func snapshotBytes(t require.TestingT, s *Store) []byte {
	p := s.Snapshot()
	defer p.Release()
	var b bytes.Buffer
	_, err := p.WriteTo(&b)
	require.NoError(t, err)
	return b.Bytes()
}

func TestRestoreRefusesEveryDamage(t *testing.T) {
	s := New(3)
	for i := range 20 {
		s.Set(benchKey(nil, i), make([]byte, 10), int64(i))
	}
	s.Remember(RequestID{1}, Fingerprint{2}, []byte("answer"), 9, 1)
	good := snapshotBytes(t, s)
	target := New(9)
	target.Set([]byte("old"), []byte("v"), 0)
	hash := target.Hash()
	check := func(b []byte, what string) {
		err := target.Restore(bytes.NewReader(b))
		require.Error(t, err, what)
		require.Equal(t, hash, target.Hash(), "%s: the store is as before", what)
	}
	for n := range good {
		check(good[:n], fmt.Sprintf("cut at %d", n))
		flipped := bytes.Clone(good)
		flipped[n] ^= 0x10
		check(flipped, fmt.Sprintf("flipped at %d", n))
	}
	check(append(bytes.Clone(good), 0), "one byte more")

	// Damage under a good checksum.
	seal := func(b []byte) []byte {
		b = b[:len(b)-4]
		return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	}
	answer := len(good) - 4 - len("answer") - answerHeader
	for what, change := range map[string]func(b []byte){
		"huge key":          func(b []byte) { binary.LittleEndian.PutUint32(b[40:], 1<<31-1) },
		"huge value":        func(b []byte) { binary.LittleEndian.PutUint32(b[44:], 1<<32-1) },
		"version 0":         func(b []byte) { binary.LittleEndian.PutUint64(b[48:], 0) },
		"version too new":   func(b []byte) { binary.LittleEndian.PutUint64(b[48:], 1000) },
		"negative expiry":   func(b []byte) { binary.LittleEndian.PutUint64(b[56:], 1<<63) },
		"too many keys":     func(b []byte) { binary.LittleEndian.PutUint64(b[32:], 1<<62) },
		"the same key":      func(b []byte) { copy(b[40+50:], b[40:90]) },
		"an unknown format": func(b []byte) { b[8] = snapshotFormat + 1 },
		"too many answers":  func(b []byte) { binary.LittleEndian.PutUint64(b[answer-8:], 1<<62) },
		"an answer expired": func(b []byte) { binary.LittleEndian.PutUint64(b[answer+32:], 1<<63) },
		"huge answer":       func(b []byte) { binary.LittleEndian.PutUint32(b[answer+40:], 1<<32-1) },
		"odd buckets":       func(b []byte) { b[12] = 1 },
		"missing buckets":   func(b []byte) { binary.LittleEndian.PutUint32(b[12:], goneBuckets) },
	} {
		b := bytes.Clone(good)
		change(b)
		check(seal(b), what)
	}
	require.NoError(t, target.Restore(bytes.NewReader(good)))
	require.Equal(t, s.Hash(), target.Hash())
}

type failingWriter struct{ left int }

var errFull = errors.New("disk full")

func (w *failingWriter) Write(b []byte) (int, error) {
	if len(b) > w.left {
		return 0, errFull
	}
	w.left -= len(b)
	return len(b), nil
}

func TestWritingASnapshotReportsTheWritersError(t *testing.T) {
	p := filled(10_000, 100).Snapshot()
	defer p.Release()
	for _, room := range []int{0, 100_000, 1_400_040} {
		_, err := p.WriteTo(&failingWriter{room})
		require.ErrorIs(t, err, errFull)
	}
}

func FuzzRestore(f *testing.F) {
	s := New(3)
	f.Add(snapshotBytes(f, s))
	s.Set([]byte("k"), []byte("v"), 5)
	f.Add(snapshotBytes(f, s))
	s.Remember(RequestID{1}, Fingerprint{2}, []byte("answer"), 9, 1)
	f.Add(snapshotBytes(f, s))
	f.Fuzz(func(t *testing.T, b []byte) {
		// Most inputs would only test the checksum, so it is made right.
		if len(b) > 4 {
			b = binary.LittleEndian.AppendUint32(b[:len(b)-4:len(b)-4], crc32.Checksum(b[:len(b)-4], castagnoli))
		}
		s := New(1)
		if err := s.Restore(bytes.NewReader(b)); err != nil {
			require.Zero(t, s.Len())
			return
		}
		requireSound(t, s)
		require.Equal(t, s.Hash(), load1(t, snapshotBytes(t, s)).Hash())
	})
}
