package wal

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/vfs/crashfs"
)

// FuzzDecodeRecord: any bytes are either no record or the encoding of one.
func FuzzDecodeRecord(f *testing.F) {
	r := Record{Type: TypeEntry, Partition: 3, Term: 4, Index: 5, Last: true, Serial: 6, Sequence: 7, Synced: 8}
	b, _ := endRecord(append(beginRecord(nil), "payload"...), 0, 9, &r)
	f.Add(b, uint32(9))
	f.Add([]byte{}, uint32(0))
	f.Fuzz(func(t *testing.T, p []byte, seed uint32) {
		var r Record
		size, crc, ok := decodeRecord(p, seed, &r)
		if !ok {
			return
		}
		again, crc2 := endRecord(append(beginRecord(nil), r.Payload...), 0, seed, &r)
		require.EqualValues(t, len(again), size)
		require.Equal(t, crc, crc2)
		require.Equal(t, p[:recordHeader+len(r.Payload)], again[:recordHeader+len(r.Payload)])
	})
}

// FuzzPayloads: what is decoded encodes to what it was.
func FuzzPayloads(f *testing.F) {
	ref := SnapshotRef{File: "f", Size: 1, CRC: 2, Meta: []byte("m")}
	f.Add(uint8(TypeSnapshot), appendSnapshotRef(nil, &ref))
	f.Add(uint8(TypeHardState), appendHardState(nil, HardState{Vote: 1, Commit: 2}))
	f.Add(uint8(TypeCheckpoint), appendCheckpoint(nil, &replicaState{replica: 1, create: []byte("c"), snapshot: &ref, refused: &Refusal{Reason: "r"}}))
	f.Fuzz(func(t *testing.T, typ uint8, p []byte) {
		r := Record{Type: RecordType(typ), Payload: p}
		switch r.Type {
		case TypeSnapshot:
			if s, err := decodeSnapshotRef(&r); err == nil {
				require.Equal(t, p[1:], appendSnapshotRef(nil, s)[1:])
			}
		case TypeHardState:
			if h, err := decodeHardState(&r); err == nil {
				require.Equal(t, p, appendHardState(nil, h))
			}
		case TypeCheckpoint:
			if s, err := decodeCheckpoint(&r); err == nil {
				again, err := decodeCheckpoint(&Record{Type: TypeCheckpoint, Payload: appendCheckpoint(nil, s)})
				require.NoError(t, err)
				require.Equal(t, s, again)
			}
		}
	})
}

// FuzzRecoverBytes opens a log of two segments with any bytes changed: it must end
// with an error or a log that can be written and opened again. Four bytes are a
// change: which file and what kind, where, and the new value.
func FuzzRecoverBytes(f *testing.F) {
	g := newForged()
	g.roll(0)
	all(create(1, 1), entries(1, 1, 1, 3), hard(1, 1, 2), roll(checkpoint(1, 1, 3, replicaState{replica: 1, create: []byte{}}), entry(1, 1, 4))).do(g)
	g.write(f)
	f.Add([]byte{0, 0, 5, 255, 1, 0x30, 7, 0})
	f.Add([]byte{1, 0x30, 0, 1, 2, 0x30, 0x40, 0})
	f.Fuzz(func(t *testing.T, p []byte) {
		fs := g.fs.Crash(1, 0)
		for ; len(p) >= 4; p = p[4:] {
			name := "/log/" + segmentName(1+uint64(p[0]&1))
			off := int64(p[1])<<8 | int64(p[2])
			file, err := fs.ReadFile(name)
			require.NoError(t, err)
			switch {
			case off >= int64(len(file)):
			case p[0]&6 == 2:
				require.NoError(t, fs.Truncate(name, off))
			case p[0]&6 == 4:
				require.NoError(t, fs.Zero(name, off, min(int64(p[3]), int64(len(file))-off)))
			default:
				file[off] = p[3]
				require.NoError(t, fs.WriteFile(name, file))
			}
		}
		openTwice(t, fs)
	})
}

// FuzzRecoverRecords opens a log of any records with right checksums: five bytes
// make one.
func FuzzRecoverRecords(f *testing.F) {
	f.Add([]byte{4, 1, 0, 1, 0, 1, 1, 1, 1, 2, 1, 1, 1, 2, 2, 2, 1, 3, 1, 0})
	f.Add([]byte{4, 1, 0, 1, 0, 3, 1, 1, 9, 1, 0, 0, 0, 0, 0, 7, 1, 1, 9, 0, 1, 1, 1, 200, 3, 5, 1, 0, 2, 0})
	f.Fuzz(func(t *testing.T, p []byte) {
		g := newForged()
		g.roll(0)
		for ; len(p) >= 5; p = p[5:] {
			r := Record{Type: RecordType(p[0] % 8), Partition: uint32(p[1] % 4), Term: uint64(p[2]), Index: uint64(p[3]), Last: p[4]&1 == 0}
			if p[3] > 250 {
				r.Index = ^uint64(0) - uint64(p[3]-251)
			}
			if p[1] == 255 {
				r.Partition = NodePartition
			}
			if p[4]&2 != 0 {
				g.serial += uint32(p[4] >> 2)
				g.sequence[r.Partition] += uint32(p[4]>>2) & 3
			}
			var payload []byte
			switch r.Type {
			case 0:
				g.roll(int(p[4] >> 6))
				continue
			case TypeHardState:
				payload = appendHardState(nil, HardState{Vote: uint64(p[4]), Commit: uint64(p[3])})
			case TypeSnapshot:
				payload = appendSnapshotRef(nil, &SnapshotRef{Received: p[4]&4 != 0})
			case TypeCheckpoint:
				payload = appendCheckpoint(nil, &replicaState{replica: uint64(p[4] & 3), hard: HardState{Commit: uint64(p[3] & 7)}})
			}
			if p[4]&32 != 0 {
				payload = payload[:len(payload)/2]
			}
			g.put(r, payload)
		}
		g.write(t)
		openTwice(t, g.fs)
	})
}

// openTwice opens a log, writes to everything that can be written, and opens it
// again.
func openTwice(t *testing.T, fs *crashfs.FS) {
	l, rec, err := Open(forgedOptions(fs))
	if err != nil {
		return
	}
	found := describe(t, l, rec)
	for p, r := range rec.Replicas {
		l.Append(&Write{Partition: p, Replica: r.Replica, Entries: []Entry{{Term: r.HardState.Term + 1, Index: r.Last + 1}}})
	}
	require.NoError(t, l.Close())
	l, again, err := Open(forgedOptions(fs))
	require.NoError(t, err, "after %s", found)
	require.Len(t, again.Refused, len(rec.Refused), "%v %v", again, rec)
	for p, r := range rec.Replicas {
		require.Equal(t, r.Last+1, again.Replicas[p].Last)
	}
	require.NoError(t, l.Close())
}

// FuzzSnapshotFile reads any bytes as a snapshot file.
func FuzzSnapshotFile(f *testing.F) {
	fs := crashfs.New()
	w, err := CreateSnapshotFile(fs, "/", "s")
	require.NoError(f, err)
	_, err = w.Write([]byte("content"))
	require.NoError(f, err)
	_, _, err = w.Commit()
	require.NoError(f, err)
	p, err := fs.ReadFile("/s")
	require.NoError(f, err)
	f.Add(p)
	f.Fuzz(func(t *testing.T, p []byte) {
		fs := crashfs.New()
		require.NoError(t, fs.WriteFile("/s", p))
		r, err := OpenSnapshotFile(fs, "/", "s")
		require.NoError(t, err)
		got, err := io.ReadAll(r)
		if err == nil {
			require.True(t, bytes.Contains(p, got) || len(p) > snapshotBlock)
		} else {
			require.True(t, errors.Is(err, ErrCorrupt))
		}
		require.NoError(t, r.Close())
	})
}
