package wal_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/vfs/crashfs"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

// wholeLog returns a log of several segments that was closed in order, and the
// names of its files.
func wholeLog(t *testing.T, seed uint64) (*crashfs.FS, *history, []string) {
	s, err := newScript(crashfs.New(), seed, nil)
	require.NoError(t, err)
	require.True(t, s.run(120))
	require.NoError(t, s.log.Close())
	fs := s.fs.Crash(0, 0)
	var files []string
	for _, dir := range []string{"/log/", "/log/snapshots/"} {
		names, err := fs.List(dir)
		require.NoError(t, err)
		for _, n := range names {
			if n != "snapshots" {
				files = append(files, dir+n)
			}
		}
	}
	return fs, &s.history, files
}

// TestDamageAnywhereIsNamedOrHarmless spoils a log that was closed in order, in all
// files and all ways. Whoever is not refused has everything.
func TestDamageAnywhereIsNamedOrHarmless(t *testing.T) {
	seed := testSeed(t)
	rng := rand.New(rand.NewPCG(seed, 3))
	image, h, files := wholeLog(t, seed)
	rounds := 3000
	if testing.Short() {
		rounds = 300
	}
	refused, harmless := 0, 0
	for range rounds {
		fs := image.Crash(0, 0)
		what := []string{spoil(t, fs, files, rng)}
		twice := rng.IntN(4) == 0
		if twice {
			what = append(what, spoil(t, fs, files, rng))
		}
		t.Log(what)
		l, rec, err := wal.Open(options(fs))
		if err != nil {
			require.ErrorIs(t, err, wal.ErrCorrupt)
			continue
		}
		if rec.New {
			require.Contains(t, fmt.Sprint(what), "removed", "the only segment")
			require.NoError(t, l.Close())
			continue
		}
		if len(rec.Refused) > 0 {
			refused++
		} else {
			harmless++
		}
		for p, r := range rec.Refused {
			require.NotEmpty(t, r.Reason, "partition %d", p)
			require.NotZero(t, r.Segment, "partition %d", p)
		}
		if !twice { // otherwise what was lost and what promised it can both be gone
			h.prefix(t, l, rec)
		}
		require.NoError(t, l.Close())
	}
	t.Logf("%d files; somebody refused in %d of %d rounds, nobody in %d", len(files), refused, rounds, harmless)
	require.Positive(t, refused)
	require.Positive(t, harmless)
}

// spoil damages one of the files and says how.
func spoil(t *testing.T, fs *crashfs.FS, files []string, rng *rand.Rand) string {
	name := files[rng.IntN(len(files))]
	p, err := fs.ReadFile(name)
	if err != nil || len(p) == 0 {
		return "nothing"
	}
	used := len(strings.TrimRight(string(p), "\x00")) // not only the zeros at the end
	off := int64(rng.IntN(min(len(p), used+100)))
	switch k := rng.IntN(10); {
	case k < 5:
		require.NoError(t, fs.Flip(name, off, uint(rng.IntN(8))))
		return fmt.Sprintf("a flipped bit at %s:%d", name, off)
	case k < 7:
		off &^= 511
		n := min(512, int64(len(p))-off)
		require.NoError(t, fs.Zero(name, off, n))
		return fmt.Sprintf("a zeroed sector at %s:%d", name, off)
	case k < 8:
		off &^= 4095
		n := min(4096, int64(len(p))-off)
		require.NoError(t, fs.Zero(name, off, n))
		return fmt.Sprintf("a zeroed page at %s:%d", name, off)
	case k < 9:
		require.NoError(t, fs.Truncate(name, off))
		return fmt.Sprintf("%s cut to %d bytes", name, off)
	default:
		require.NoError(t, fs.Remove(name))
		return name + " removed"
	}
}

// TestALostNewestSegmentIsMissed removes the last file of a log: all that was in it
// is lost, and everybody could have lost something.
func TestALostNewestSegmentIsMissed(t *testing.T) {
	fs, h, _ := wholeLog(t, 1)
	newest, _, _ := layout(t, fs)
	require.NoError(t, fs.Remove(newest))
	l, rec, err := wal.Open(options(fs))
	require.NoError(t, err)
	require.Empty(t, rec.Replicas)
	require.NotEmpty(t, rec.Refused)
	require.NotNil(t, rec.MetaStale)
	require.False(t, rec.Clean)
	h.prefix(t, l, rec)
	require.NoError(t, l.Close())
}

func TestAnUnknownFormatIsRefusedClearly(t *testing.T) {
	fs, _, files := wholeLog(t, 1)
	p, err := fs.ReadFile(files[1])
	require.NoError(t, err)
	wal.SetFormatVersion(p, 2)
	require.NoError(t, fs.WriteFile(files[1], p))
	_, _, err = wal.Open(options(fs))
	require.ErrorContains(t, err, "format version 2; this program reads version 1: use the program that wrote it, or a newer one")
	require.ErrorContains(t, err, files[1])
}

func TestALogOfAnotherNodeIsRefused(t *testing.T) {
	fs, _, _ := wholeLog(t, 1)
	o := options(fs)
	o.NodeID = "node-2"
	_, _, err := wal.Open(o)
	require.EqualError(t, err, "the log in /log belongs to node node-1, not to node-2")
	o.NodeID = ""
	l, rec, err := wal.Open(o)
	require.NoError(t, err)
	require.Equal(t, "node-1", rec.NodeID)
	require.NoError(t, l.Close())
}

func TestALogIsOpenOnce(t *testing.T) {
	fs, _, _ := wholeLog(t, 1)
	l, _, err := wal.Open(options(fs))
	require.NoError(t, err)
	_, _, err = wal.Open(options(fs))
	require.Error(t, err)
	_, err = wal.Verify(options(fs))
	require.Error(t, err)
	require.NoError(t, l.Close())
	l, _, err = wal.Open(options(fs))
	require.NoError(t, err)
	require.NoError(t, l.Close())
}

func TestVerifyFindsWhatOpenWouldAndChangesNothing(t *testing.T) {
	fs, _, files := wholeLog(t, 1)
	require.NoError(t, fs.Flip(files[1], 20000, 3))
	before := map[string]string{}
	for _, f := range files {
		p, err := fs.ReadFile(f)
		require.NoError(t, err)
		before[f] = string(p)
	}
	found, err := wal.Verify(options(fs))
	require.NoError(t, err)
	for _, f := range files {
		p, err := fs.ReadFile(f)
		require.NoError(t, err)
		require.Equal(t, before[f], string(p), "file %s", f)
	}
	l, rec, err := wal.Open(options(fs))
	require.NoError(t, err)
	require.NotEmpty(t, rec.Damage)
	require.Equal(t, rec.Damage, found.Damage)
	require.Equal(t, rec.Refused, found.Refused)
	require.Equal(t, rec.Replicas, found.Replicas)
	require.NoError(t, l.Close())
}

func TestAReadErrorIsNoDamage(t *testing.T) {
	fs, h, _ := wholeLog(t, 1)
	fs.Fail(crashfs.OpRead, ".wal", 2, fmt.Errorf("the cable is loose"))
	_, _, err := wal.Open(options(fs))
	require.ErrorContains(t, err, "the cable is loose")
	l := recovered(t, fs, h)
	require.NoError(t, l.Close())
}
