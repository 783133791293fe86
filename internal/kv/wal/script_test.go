package wal_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/ringkv/ringkv/internal/kv/vfs/crashfs"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the random tests; 0 for a new one (RINGKV_SEED does the same)")

// testSeed returns the seed to use and prints it.
func testSeed(t testing.TB) uint64 {
	seed := *seedFlag
	if s, err := strconv.ParseUint(os.Getenv("RINGKV_SEED"), 10, 64); seed == 0 && err == nil {
		seed = s
	}
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", seed)
	return seed
}

const (
	segmentBytes = 32 << 10
	partitions   = 5
)

func options(fs *crashfs.FS) wal.Options {
	return wal.Options{
		FS: fs, Dir: "/log", NodeID: "node-1", SegmentBytes: segmentBytes, RetainBytes: -1,
		TailBytes: 8 << 10, PromiseDelay: time.Hour,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Fatal: func(error) {},
	}
}

// script is a random life of a log with several partitions. It keeps the rules of
// Raft: what is committed is never overwritten.
type script struct {
	rng   *rand.Rand
	fs    *crashfs.FS
	log   *wal.Log
	fatal chan error
	history
	now   *model // after all that was appended
	files int
	large int // size of the largest entries, in bytes
	ids   map[uint32]uint64
}

// newScript opens a log on fs. It returns an error if that fails.
func newScript(fs *crashfs.FS, seed uint64, change func(*wal.Options)) (*script, error) {
	s := &script{
		rng: rand.New(rand.NewPCG(seed, 1)), fs: fs, fatal: make(chan error, 1),
		now: newModel(), large: 1500, ids: map[uint32]uint64{},
	}
	o := options(fs)
	o.Fatal = func(err error) { s.fatal <- err }
	if change != nil {
		change(&o)
	}
	var err error
	s.log, _, err = wal.Open(o)
	return s, err
}

// do appends writes, and returns false if they are not acknowledged.
func (s *script) do(ws ...*wal.Write) bool {
	for _, w := range ws {
		s.now.apply(w)
	}
	return s.append(ws...)()
}

// append appends writes that the model contains, and returns a function that waits until the last one is
// acknowledged, and returns false if that does not happen.
func (s *script) append(ws ...*wal.Write) (wait func() bool) {
	done := make(chan struct{})
	for i, w := range ws {
		s.writes = append(s.writes, w)
		n, noSync := len(s.writes), w.NoSync
		w.Done = func() {
			if !noSync {
				s.acked = n
			}
			if i == len(ws)-1 {
				close(done)
			}
		}
	}
	s.log.Append(ws...)
	return func() bool {
		select {
		case <-done:
			return true
		case err := <-s.fatal:
			s.fatal <- err
			return false
		}
	}
}

// run does so many steps, and stops early when the log fails.
func (s *script) run(steps int) bool {
	for range steps {
		var ws []*wal.Write
		for range 1 + s.rng.IntN(3) {
			w, err := s.step()
			if err != nil {
				return false
			}
			if w != nil {
				s.now.apply(w) // so that the next one continues from it
				ws = append(ws, w)
			}
		}
		if len(ws) > 0 && !s.append(ws...)() {
			return false
		}
	}
	return true
}

func (s *script) data(max int) []byte {
	s.files++
	return bytes.Repeat([]byte(fmt.Sprintf("<%d>", s.files)), 1+s.rng.IntN(max)/8)
}

// step returns a random write that is allowed now. An error is one of the disk.
func (s *script) step() (*wal.Write, error) {
	p := uint32(s.rng.IntN(partitions))
	r := s.now.replicas[p]
	if r == nil {
		s.ids[p]++
		return &wal.Write{Partition: p, Replica: s.ids[p], Create: s.data(40), HardState: &wal.HardState{Term: 1}}, nil
	}
	w := &wal.Write{Partition: p, Replica: r.id}
	h := r.hard
	switch k := s.rng.IntN(20); {
	case k < 10: // new entries, and a commit of older ones
		w.Entries = s.entries(r.last+1, h.Term, 1+s.rng.IntN(4))
		if k < 5 {
			h.Commit += uint64(s.rng.IntN(int(r.last-h.Commit) + 1))
			w.HardState = &h
		}
	case k < 13: // commit
		h.Commit += uint64(s.rng.IntN(int(r.last-h.Commit) + 1))
		w.HardState, w.NoSync = &h, k == 10
	case k < 15: // a new leader overwrites
		if r.last == h.Commit {
			return nil, nil
		}
		h.Term++
		w.Entries = s.entries(h.Commit+1+uint64(s.rng.IntN(int(r.last-h.Commit))), h.Term, 1+s.rng.IntN(3))
		h.Vote = uint64(s.rng.IntN(3))
		w.HardState = &h
	case k < 17: // compaction
		if h.Commit <= r.snapshotIndex() {
			return nil, nil
		}
		term := r.entries[h.Commit].Term
		return w, s.snapshot(w, h.Commit, term, false)
	case k < 18: // a snapshot from the leader, in the middle of nowhere or below the tail
		index := h.Commit + 1 + uint64(s.rng.IntN(20))
		h.Term += uint64(s.rng.IntN(2))
		h.Commit = index
		w.HardState = &h
		if s.rng.IntN(2) == 0 {
			w.Entries = s.entries(index+1, h.Term, 2)
		}
		return w, s.snapshot(w, index, h.Term, true)
	case k < 19:
		w.Meta = s.data(100)
		if s.rng.IntN(2) == 0 {
			w.Partition, w.Replica = 0, 0
		}
	default:
		s.ids[p]++
		w.Tombstone = s.ids[p]
		if s.rng.IntN(2) == 0 {
			w.Replica, w.Create = s.ids[p], s.data(40)
		}
	}
	return w, nil
}

func (s *script) entries(first, term uint64, n int) []wal.Entry {
	es := make([]wal.Entry, n)
	for i := range es {
		es[i] = wal.Entry{Term: term, Index: first + uint64(i), Kind: uint8(s.rng.IntN(3)), Data: s.data(s.large)}
	}
	return es
}

func (s *script) snapshot(w *wal.Write, index, term uint64, received bool) error {
	s.files++
	ref, err := snapshotFile(s.fs, fmt.Sprintf("p%d-%d-%d", w.Partition, index, s.files), s.data(4000))
	if err != nil {
		return err
	}
	ref.Index, ref.Term, ref.Received, ref.Meta = index, term, received, s.data(30)
	w.Snapshot = ref
	return nil
}
