package wal

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/vfs/crashfs"
)

// forged is a log made record by record, to be what no run of the program would
// leave.
type forged struct {
	fs       *crashfs.FS
	serial   uint32
	sequence map[uint32]uint32
	headers  []*segmentHeader
	bodies   [][]byte
	sums     []uint32
}

// step is one thing in a forged log.
type step struct {
	do func(f *forged)
}

func newForged() *forged {
	return &forged{fs: crashfs.New(), serial: 1, sequence: map[uint32]uint32{}}
}

func forgedOptions(fs *crashfs.FS) Options {
	return Options{FS: fs, Dir: "/log", SegmentBytes: minSegmentBytes, RetainBytes: 1 << 20,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
}

// put adds a record to the newest segment.
func (f *forged) put(r Record, payload []byte) {
	i := len(f.bodies) - 1
	if r.Type != TypeCheckpoint {
		f.sequence[r.Partition]++
	}
	r.Serial, r.Sequence = f.serial, f.sequence[r.Partition]
	f.serial++
	start := len(f.bodies[i])
	f.bodies[i] = append(beginRecord(f.bodies[i]), payload...)
	c := chain{sum: f.sums[i]}
	var crc uint32
	f.bodies[i], crc = endRecord(f.bodies[i], start, seed(7, f.headers[i].segment), &r)
	c.add(crc)
	f.sums[i] = c.sum
}

// roll begins a segment, whose checkpoint the steps that follow write.
func (f *forged) roll(checkpoints int) {
	h := &segmentHeader{segment: uint64(len(f.headers) + 1), salt: 7, nodeID: "n", firstSerial: f.serial, checkpointEnd: recordsStart,
		checkpointCount: uint32(checkpoints)}
	if i := len(f.headers) - 1; i >= 0 {
		h.previousEnd, h.previousChain = recordsStart+int64(len(f.bodies[i])), f.sums[i]
	}
	f.headers = append(f.headers, h)
	f.bodies = append(f.bodies, nil)
	f.sums = append(f.sums, seed(7, h.segment))
}

func (f *forged) write(t testing.TB) {
	require.NoError(t, f.fs.MkdirAll("/log/snapshots"))
	for i, h := range f.headers {
		file := make([]byte, recordsStart)
		copy(file, h.encode())
		file = append(file, f.bodies[i]...)
		file = append(file, make([]byte, max(0, minSegmentBytes-len(file)))...)
		require.NoError(t, f.fs.WriteFile("/log/"+segmentName(h.segment), file))
	}
}

// open forges a log of steps, opens it and describes what was found.
func forge(t testing.TB, steps ...step) string {
	f := newForged()
	f.roll(0)
	for _, s := range steps {
		s.do(f)
	}
	f.write(t)
	l, rec, err := Open(forgedOptions(f.fs))
	if err != nil {
		return err.Error()
	}
	found := describe(t, l, rec)
	require.NoError(t, l.Close())
	l, rec, err = Open(forgedOptions(f.fs))
	require.NoError(t, err)
	require.Equal(t, found, describe(t, l, rec), "opened again")
	require.NoError(t, l.Close())
	return found
}

// describe tells all about the partitions, one per line.
func describe(t testing.TB, l *Log, rec *Recovery) string {
	var lines []string
	for p, r := range rec.Replicas {
		line := fmt.Sprintf("%d: replica %d", p, r.Replica)
		if r.Snapshot != nil {
			line += fmt.Sprintf(" snapshot %d/%d", r.Snapshot.Term, r.Snapshot.Index)
		}
		if r.HardState != (HardState{}) {
			line += fmt.Sprintf(" term %d vote %d commit %d", r.HardState.Term, r.HardState.Vote, r.HardState.Commit)
		}
		es, err := l.Group(p).Entries(r.First, r.Last+1, 1<<20)
		require.NoError(t, err)
		line += fmt.Sprintf(" entries %d-%d:", r.First, r.Last)
		for _, e := range es {
			term, err := l.Group(p).Term(e.Index)
			require.NoError(t, err)
			require.Equal(t, e.Term, term)
			line += fmt.Sprintf(" %d%s", e.Term, e.Data)
		}
		lines = append(lines, line)
	}
	for p, r := range rec.Refused {
		lines = append(lines, fmt.Sprintf("%d: replica %d refused: %s", p, r.Replica, r.Reason))
	}
	for p, id := range rec.Tombstones {
		lines = append(lines, fmt.Sprintf("%d: tombstone %d", p, id))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// The steps. Partition is the first argument where there can be several.

func create(p uint32, id uint64) step {
	return step{func(f *forged) { f.put(Record{Type: TypeCreate, Last: true, Partition: p, Index: id}, nil) }}
}

func tombstone(p uint32, smallest uint64) step {
	return step{func(f *forged) { f.put(Record{Type: TypeTombstone, Last: true, Partition: p, Index: smallest}, nil) }}
}

// entry is one entry, whose data is its index.
func entry(p uint32, term, index uint64) step {
	return step{func(f *forged) {
		f.put(Record{Type: TypeEntry, Last: true, Partition: p, Term: term, Index: index}, fmt.Appendf(nil, ".%d", index))
	}}
}

func unfinished(p uint32, term, index uint64) step {
	return step{func(f *forged) { f.put(Record{Type: TypeEntry, Partition: p, Term: term, Index: index}, []byte("?")) }}
}

func hard(p uint32, term, commit uint64) step {
	return step{func(f *forged) {
		f.put(Record{Type: TypeHardState, Last: true, Partition: p, Term: term}, appendHardState(nil, HardState{Vote: 1, Commit: commit}))
	}}
}

func snapshot(p uint32, term, index uint64, received bool) step {
	return step{func(f *forged) {
		f.put(Record{Type: TypeSnapshot, Last: true, Partition: p, Term: term, Index: index}, appendSnapshotRef(nil, &SnapshotRef{Received: received}))
	}}
}

func raw(r Record, payload string) step {
	return step{func(f *forged) { r.Last = true; f.put(r, []byte(payload)) }}
}

// lose makes a step happen without leaving its record.
func lose(s step) step {
	return step{func(f *forged) {
		i := len(f.bodies) - 1
		body, sum := f.bodies[i], f.sums[i]
		s.do(f)
		f.bodies[i], f.sums[i] = body, sum
	}}
}

// roll begins a segment with these checkpoints.
func roll(checkpoints ...step) step {
	return step{func(f *forged) {
		f.roll(len(checkpoints))
		for _, c := range checkpoints {
			c.do(f)
		}
		f.headers[len(f.headers)-1].checkpointEnd = recordsStart + int64(len(f.bodies[len(f.bodies)-1]))
	}}
}

func checkpoint(p uint32, lastTerm, last uint64, s replicaState) step {
	return step{func(f *forged) {
		f.put(Record{Type: TypeCheckpoint, Last: true, Partition: p, Term: lastTerm, Index: last}, appendCheckpoint(nil, &s))
	}}
}

func all(steps ...step) step {
	return step{func(f *forged) {
		for _, s := range steps {
			s.do(f)
		}
	}}
}

func entries(p uint32, term, from, to uint64) step {
	var ss []step
	for i := from; i <= to; i++ {
		ss = append(ss, entry(p, term, i))
	}
	return all(ss...)
}
