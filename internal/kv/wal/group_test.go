package wal

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/vfs/crashfs"
)

func newTestGroup() *Group {
	g := newLog(forgedOptions(crashfs.New())).Group(1)
	g.log.newest.Store(7)
	g.begin(1)
	return g
}

// TestTheSegmentOfDroppedEntriesIsNeededUntilTheDropIsDurable: until then, a replay
// has to find them.
func TestTheSegmentOfDroppedEntriesIsNeededUntilTheDropIsDurable(t *testing.T) {
	for name, drop := range map[string]Write{
		"overwritten":       {Entries: []Entry{{Term: 2, Index: 1}}},
		"received snapshot": {Snapshot: &SnapshotRef{Term: 2, Index: 9, Received: true}},
		"tombstone":         {Tombstone: 2},
		"new life":          {Create: []byte{}},
	} {
		for _, written := range []bool{true, false} {
			g := newTestGroup()
			es := []Entry{{Term: 1, Index: 1}, {Term: 1, Index: 2}}
			g.append(es)
			want := uint32(7) // where it will be written at the earliest
			if written {
				g.written(g.life, es, []location{{5, 100, 0}, {6, 100, 0}})
				want = 5
			}
			drop.Replica = 1
			require.True(t, g.admit(&drop), name)
			g.append(drop.Entries)
			segment, _, ok := g.needs()
			require.True(t, ok, "%s %v", name, written)
			require.Equal(t, want, segment, "%s %v", name, written)
			edit := g.edits
			g.drops() // another one, before this one is durable
			g.settled(edit, 0, 0)
			segment, _, ok = g.needs()
			require.True(t, ok, "%s %v", name, written)
			require.Equal(t, want, segment, "%s %v", name, written)
			g.settled(g.edits, 0, 0)
			_, _, ok = g.needs()
			require.False(t, ok, "%s %v", name, written)
		}
	}
}

// TestAnEntryIsNotSoughtWhereAnOverwrittenOneIs: the place of an entry that was
// overwritten before it was written is of no interest.
func TestAnEntryIsNotSoughtWhereAnOverwrittenOneIs(t *testing.T) {
	g := newTestGroup()
	old, young := []Entry{{Term: 1, Index: 1}, {Term: 1, Index: 2}}, []Entry{{Term: 2, Index: 2}}
	g.append(old)
	g.append(young)
	g.written(g.life, old, []location{{5, 100, 0}, {5, 200, 0}})
	g.evict()
	g.evict()
	require.EqualValues(t, 2, g.tailFirst, "the second entry is still only in memory")
	g.written(g.life, young, []location{{6, 300, 0}})
	g.evict()
	require.Equal(t, location{6, 300, 0}, *g.filed.at(1))
}

func TestTerms(t *testing.T) {
	g := newTestGroup()
	g.restart(11, 3)
	g.append([]Entry{{Term: 3, Index: 11}, {Term: 4, Index: 12}, {Term: 4, Index: 13}, {Term: 6, Index: 14}})
	terms := func() (ts []uint64) {
		for i := g.FirstIndex() - 1; i <= g.LastIndex(); i++ {
			term, err := g.Term(i)
			require.NoError(t, err)
			ts = append(ts, term)
		}
		return ts
	}
	require.Equal(t, []uint64{3, 3, 4, 4, 6}, terms())
	g.append([]Entry{{Term: 7, Index: 13}})
	require.Equal(t, []uint64{3, 3, 4, 7}, terms())
	g.dropThrough(12)
	require.Equal(t, []uint64{4, 7}, terms())
	g.dropThrough(13)
	require.Equal(t, []uint64{7}, terms())
	require.EqualValues(t, 14, g.FirstIndex())
	require.Zero(t, g.log.tailBytes.Load())
}
