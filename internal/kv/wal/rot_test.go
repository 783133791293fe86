package wal_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/vfs/crashfs"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

// image is a log as a crash left it, with the place of its last batch.
type image struct {
	fs       *crashfs.FS
	history  history
	segment  string
	from, to int64                // the last batch
	records  map[int64]wal.Record // all records of that segment, by offset
	before   int                  // writes before the last batch
	refused  int                  // replicas that were refused in all checks
}

// ending brings a log to a certain end, after which the machine stops.
type ending struct {
	name string
	// end appends the last batch, calls written, and does whatever comes after.
	end func(t *testing.T, s *script, batch []*wal.Write, written func())
	// promised: the disk must not be able to hide that the batch was synced.
	promised bool
	// all: every partition has a record behind the batch.
	all bool
	// pledged: something in the batch is promised before it is acknowledged. plain:
	// nothing is.
	pledged, plain bool
}

var endings = []ending{
	{name: "in flight", end: func(t *testing.T, s *script, batch []*wal.Write, written func()) {
		s.fs.StopAfter(1) // the write, but not the sync
		require.False(t, s.append(batch...)())
		written()
	}},
	{name: "synced", plain: true, end: func(t *testing.T, s *script, batch []*wal.Write, written func()) {
		require.True(t, s.append(batch...)())
		written()
	}},
	{name: "pledged", promised: true, pledged: true, end: func(t *testing.T, s *script, batch []*wal.Write, written func()) {
		require.True(t, s.append(batch...)())
		written()
	}},
	// The log was idle for a moment.
	{name: "noted", promised: true, end: func(t *testing.T, s *script, batch []*wal.Write, written func()) {
		before := s.fs.Count(crashfs.OpSync)
		require.True(t, s.append(batch...)())
		written()
		require.Eventually(t, func() bool { return s.fs.Count(crashfs.OpSync) == before+2 }, 10*time.Second, time.Millisecond)
	}},
	{name: "closed", promised: true, end: func(t *testing.T, s *script, batch []*wal.Write, written func()) {
		require.True(t, s.append(batch...)())
		written()
		require.NoError(t, s.log.Close())
	}},
	{name: "followed", promised: true, all: true, end: func(t *testing.T, s *script, batch []*wal.Write, written func()) {
		require.True(t, s.append(batch...)())
		written()
		for p, r := range s.now.replicas {
			h := r.hard
			h.Term++
			require.True(t, s.do(&wal.Write{Partition: p, Replica: r.id, HardState: &h}))
		}
		require.True(t, s.do(&wal.Write{Meta: []byte("newer")}))
	}},
}

// newImage runs a script to an ending. It tries until the last batch and what comes
// after it are in one segment.
func newImage(t *testing.T, seed uint64, e ending) *image {
	for ; ; seed++ {
		s, err := newScript(crashfs.New(), seed, func(o *wal.Options) {
			if e.name == "noted" {
				o.PromiseDelay = time.Millisecond
			}
		})
		require.NoError(t, err)
		s.large = 200
		require.True(t, s.run(20))
		settle(t, s)
		var batch []*wal.Write
		pledged := false
		s.large = 100
		for len(batch) < 6 {
			w, err := s.step()
			require.NoError(t, err)
			if w != nil {
				pledged = pledged || s.pledges(w)
				s.now.apply(w)
				batch = append(batch, w)
			}
		}
		if pledged && e.plain || !pledged && e.pledged {
			require.NoError(t, s.log.Close())
			continue
		}
		segment, from, _ := layout(t, s.fs)
		before := len(s.writes)
		var to int64
		e.end(t, s, batch, func() { _, to, _ = layout(t, s.fs.Crash(1, 0)) })
		s.fs.StopAfter(0)
		_ = s.log.Close() // the machine is gone; this ends the goroutines
		img := &image{fs: s.fs.Crash(1, 0), history: s.history, from: from, to: to, before: before}
		img.segment, _, img.records = layout(t, img.fs)
		if img.segment == segment {
			return img
		}
	}
}

// pledges tells whether a write, which the model does not contain yet, has what is
// promised before it is acknowledged.
func (s *script) pledges(w *wal.Write) bool {
	r := s.now.replicas[w.Partition]
	return w.Meta != nil || w.Create != nil || w.Tombstone != 0 ||
		w.HardState != nil && (w.HardState.Term != r.hard.Term || w.HardState.Vote != r.hard.Vote)
}

// settle waits until a log with a short PromiseDelay has nothing left to do.
func settle(t *testing.T, s *script) {
	last := -1
	require.Eventually(t, func() bool {
		n := s.fs.Changes()
		defer func() { last = n }()
		return n == last
	}, 10*time.Second, 5*time.Millisecond)
}

// layout returns the newest segment's path, where its records end, and its records.
func layout(t *testing.T, fs *crashfs.FS) (segment string, end int64, records map[int64]wal.Record) {
	names, err := fs.List("/log")
	require.NoError(t, err)
	for _, n := range names {
		if len(n) == len("0000000000000001.wal") {
			segment = "/log/" + n
		}
	}
	end = 12288
	records = map[int64]wal.Record{}
	for item, err := range wal.Dump(fs, "/log") {
		require.NoError(t, err)
		require.Nil(t, item.Damage)
		if fmt.Sprintf("/log/%016x.wal", item.Record.Segment) == segment {
			records[item.Record.Offset] = item.Record
			end = item.Record.Offset + int64(48+(len(item.Record.Payload)+7)&^7)
		}
	}
	return segment, end, records
}

// damage is a way to spoil a file at an offset. It returns the bytes that could
// have changed.
type damage struct {
	name string
	do   func(img *image, fs *crashfs.FS, off int64, rng *rand.Rand) (from, to int64, err error)
}

var damages = []damage{
	{"flipped bit", func(img *image, fs *crashfs.FS, off int64, rng *rand.Rand) (int64, int64, error) {
		return off, off + 1, fs.Flip(img.segment, off, uint(rng.IntN(8)))
	}},
	{"zeroed sector", func(img *image, fs *crashfs.FS, off int64, _ *rand.Rand) (int64, int64, error) {
		off &^= 511
		return off, off + 512, fs.Zero(img.segment, off, 512)
	}},
	{"cut", func(img *image, fs *crashfs.FS, off int64, _ *rand.Rand) (int64, int64, error) {
		return off, 1 << 40, fs.Truncate(img.segment, off)
	}},
}

// touched returns the partitions of the image's records with a byte in a range that
// is not the same any more.
func (img *image) touched(t *testing.T, fs *crashfs.FS, from, to int64) map[uint32]bool {
	before, err := img.fs.ReadFile(img.segment)
	require.NoError(t, err)
	after, err := fs.ReadFile(img.segment)
	require.NoError(t, err)
	ps := map[uint32]bool{}
	for off, r := range img.records {
		end := off + int64(48+len(r.Payload))
		if off < to && end > from && (end > int64(len(after)) || string(before[off:end]) != string(after[off:end])) {
			ps[r.Partition] = true
		}
	}
	return ps
}

// TestTheLastBatchDamagedAnywhere damages every byte of the last batch in every
// way, for every state that a crash can leave it in.
func TestTheLastBatchDamagedAnywhere(t *testing.T) {
	seed := testSeed(t)
	rng := rand.New(rand.NewPCG(seed, 2))
	for _, e := range endings {
		t.Run(e.name, func(t *testing.T) {
			img := newImage(t, seed, e)
			stride := int64(1)
			if testing.Short() {
				stride = 13
			}
			hidden := 0
			for off := img.from; off < img.to; off += stride {
				for _, d := range damages {
					fs := img.fs.Crash(1, 0)
					from, to, err := d.do(img, fs, off, rng)
					require.NoError(t, err)
					func() {
						defer func() {
							if t.Failed() {
								t.Logf("%s at offset %d of %s (last batch %d to %d)", d.name, off, img.segment, img.from, img.to)
							}
						}()
						if img.check(t, e, fs, from, to) {
							hidden++
						}
					}()
				}
			}
			t.Logf("%d bytes; %d replicas refused; %d damages hid an acknowledged write", img.to-img.from, img.refused, hidden)
			require.Equal(t, e.promised, img.refused > 0)
			open := e.name == "synced"
			require.Equal(t, open, hidden > 0, "the open hole is where docs/log-format.md says it is")
		})
	}
}

// check opens a damaged copy of the image. It returns true if something
// acknowledged is missing and only Recovery.Cut can tell.
func (img *image) check(t *testing.T, e ending, fs *crashfs.FS, from, to int64) (hidden bool) {
	touched := img.touched(t, fs, from, to)
	earlier := img.touched(t, fs, from, img.from)
	l, rec, err := wal.Open(options(fs))
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	for _, r := range rec.Replicas {
		require.Equal(t, rec.Cut != nil, r.Doubtful)
	}
	// Promises that went with what they promised are of no use.
	promised := e.promised && (!e.all || to <= img.to)
	if !promised && len(earlier) > 0 {
		// A sector that the last batch only shares: what was in it before is
		// promised by the batch, or lost with all of it.
		h := img.history
		h.acked = min(h.acked, img.before)
		h.prefix(t, l, rec)
		return false
	}
	if !promised {
		// The batch looks like one that was under way. If it was acknowledged, it
		// is the one thing that can go without being named; unless a file was
		// deleted because of it.
		if img.history.acked == img.before {
			requireWhole(t, rec)
		}
		h := img.history
		h.acked = min(h.acked, img.before)
		n := h.prefix(t, l, rec)
		require.False(t, rec.Clean)
		return n < img.history.acked && len(rec.Refused) == 0
	}
	if len(touched) == 0 {
		requireWhole(t, rec)
		img.history.prefix(t, l, rec)
		return false
	}
	refused := slices.Collect(maps.Keys(rec.Refused))
	for _, p := range refused {
		require.NotZero(t, rec.Refused[p].Segment)
		require.NotEmpty(t, rec.Refused[p].Reason)
	}
	require.NotEmpty(t, rec.Damage)
	img.refused += len(refused)
	if e.all && to-from <= 512 {
		for _, p := range refused {
			require.True(t, touched[p], "partition %d lost nothing: %+v", p, rec.Refused[p])
		}
	}
	img.history.prefix(t, l, rec) // who is not refused has everything
	img.checkRefusalsLast(t, l, fs, rec)
	return false
}

// checkRefusalsLast restarts the log: who was refused stays refused until it is
// removed, and nobody else suffers.
func (img *image) checkRefusalsLast(t *testing.T, l *wal.Log, fs *crashfs.FS, rec *wal.Recovery) {
	require.NoError(t, l.Close())
	l, again, err := wal.Open(options(fs))
	require.NoError(t, err)
	require.Equal(t, rec.Refused, again.Refused)
	require.Equal(t, rec.MetaStale != nil, again.MetaStale != nil)
	again.Unaccounted, again.Damage = rec.Unaccounted, rec.Damage // the damaged segment may be gone by now
	img.history.prefix(t, l, again)
	done := make(chan struct{})
	for p := range rec.Refused {
		_, err := l.Group(p).Entries(1, 2, 1)
		require.Error(t, err, "a refused replica's entries are out of reach")
		l.Append(&wal.Write{Partition: p, Replica: rec.Refused[p].Replica, HardState: &wal.HardState{Term: 9}})
		l.Append(&wal.Write{Partition: p, Tombstone: 1000})
		l.Append(&wal.Write{Partition: p, Replica: 1000, Create: []byte("new"), HardState: &wal.HardState{Term: 1}})
	}
	l.Append(&wal.Write{Meta: []byte("new"), Done: func() { close(done) }})
	<-done
	require.NoError(t, l.Close())
	l, after, err := wal.Open(options(fs))
	require.NoError(t, err)
	require.Empty(t, after.Refused)
	require.Nil(t, after.MetaStale)
	require.Equal(t, "new", string(after.Meta))
	for p := range rec.Refused {
		require.Equal(t, &wal.Replica{Replica: 1000, Create: []byte("new"), HardState: wal.HardState{Term: 1}, First: 1}, after.Replicas[p])
	}
	for p, r := range rec.Replicas {
		require.Equal(t, r.HardState, after.Replicas[p].HardState)
		require.Equal(t, r.Last, after.Replicas[p].Last)
	}
	require.NoError(t, l.Close())
}
