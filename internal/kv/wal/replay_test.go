package wal

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReplayRules(t *testing.T) {
	for _, c := range []struct {
		name  string
		steps []step
		want  string
	}{
		{"entries follow each other",
			[]step{create(1, 1), entries(1, 1, 1, 3), hard(1, 1, 2)},
			"1: replica 1 term 1 vote 1 commit 2 entries 1-3: 1.1 1.2 1.3"},
		{"an overwriting entry cuts what follows it",
			[]step{create(1, 1), entries(1, 1, 1, 5), entry(1, 2, 3), hard(1, 2, 0)},
			"1: replica 1 term 2 vote 1 commit 0 entries 1-3: 1.1 1.2 2.3"},
		{"an overwriting entry cuts what follows even at the snapshot index",
			[]step{create(1, 1), entries(1, 1, 1, 10), entries(1, 2, 8, 9), snapshot(1, 2, 9, false), hard(1, 2, 9)},
			"1: replica 1 snapshot 2/9 term 2 vote 1 commit 9 entries 1-9: 1.1 1.2 1.3 1.4 1.5 1.6 1.7 2.8 2.9"},
		{"an overwriting entry below the snapshot cuts what follows the snapshot",
			[]step{create(1, 1), entries(1, 1, 1, 5), snapshot(1, 1, 3, false), entry(1, 2, 2), hard(1, 2, 3)},
			"1: replica 1 snapshot 1/3 term 2 vote 1 commit 3 entries 4-3:"},
		{"a log goes on from the snapshot after a cut below it",
			[]step{create(1, 1), entries(1, 1, 1, 5), snapshot(1, 1, 3, false), entry(1, 2, 2), entry(1, 2, 4), hard(1, 2, 3)},
			"1: replica 1 snapshot 1/3 term 2 vote 1 commit 3 entries 4-4: 2.4"},
		{"a replica's own snapshot keeps the tail",
			[]step{create(1, 1), entries(1, 1, 1, 4), snapshot(1, 1, 3, false), hard(1, 1, 3)},
			"1: replica 1 snapshot 1/3 term 1 vote 1 commit 3 entries 1-4: 1.1 1.2 1.3 1.4"},
		{"a received snapshot drops the tail",
			[]step{create(1, 1), entries(1, 1, 1, 5), snapshot(1, 2, 3, true), hard(1, 2, 3)},
			"1: replica 1 snapshot 2/3 term 2 vote 1 commit 3 entries 4-3:"},
		{"entries follow a received snapshot",
			[]step{create(1, 1), entries(1, 1, 1, 5), snapshot(1, 2, 8, true), entry(1, 2, 9), hard(1, 2, 8)},
			"1: replica 1 snapshot 2/8 term 2 vote 1 commit 8 entries 9-9: 2.9"},
		{"a snapshot commits what it contains",
			[]step{create(1, 1), hard(1, 2, 0), snapshot(1, 2, 8, true)},
			"1: replica 1 snapshot 2/8 term 2 vote 1 commit 8 entries 9-8:"},
		{"a term is known from the entries, without a vote",
			[]step{create(1, 1), hard(1, 1, 0), entry(1, 2, 1)},
			"1: replica 1 term 2 vote 0 commit 0 entries 1-1: 2.1"},
		{"a tombstone wins over anything older",
			[]step{create(1, 1), entries(1, 1, 1, 5), hard(1, 1, 3), tombstone(1, 2)},
			"1: tombstone 2"},
		{"what follows a tombstone without a create is ignored",
			[]step{create(1, 1), tombstone(1, 2), entry(1, 1, 1), hard(1, 1, 1), snapshot(1, 1, 1, true)},
			"1: tombstone 2"},
		{"a replica below the tombstone is not created",
			[]step{create(1, 1), tombstone(1, 4), create(1, 3), entry(1, 1, 1)},
			"1: tombstone 4"},
		{"a replica at the tombstone is created, with nothing of the old one",
			[]step{create(1, 1), entries(1, 1, 1, 5), hard(1, 3, 3), tombstone(1, 4), create(1, 4), entry(1, 1, 1)},
			"1: replica 4 term 1 vote 0 commit 0 entries 1-1: 1.1\n1: tombstone 4"},
		{"a new life needs no tombstone",
			[]step{create(1, 1), entries(1, 1, 1, 5), create(1, 2)},
			"1: replica 2 entries 1-0:"},
		{"a hole is refused",
			[]step{create(1, 1), entries(1, 1, 1, 2), entries(1, 1, 4, 5)},
			"1: replica 1 refused: entries 1 to 3 are missing"},
		{"a hole behind a received snapshot does not matter",
			[]step{create(1, 1), entries(1, 1, 1, 2), entries(1, 1, 4, 5), snapshot(1, 1, 5, true), entry(1, 1, 6)},
			"1: replica 1 snapshot 1/5 term 1 vote 0 commit 5 entries 6-6: 1.6"},
		{"a log that ends before the commit is refused",
			[]step{create(1, 1), entries(1, 1, 1, 2), hard(1, 1, 3), create(2, 1)},
			"1: replica 1 refused: entries are committed up to 3, but the log ends at 2\n2: replica 1 entries 1-0:"},
		{"a write without its last record is cut",
			[]step{create(1, 1), entry(1, 1, 1), unfinished(1, 1, 2), unfinished(1, 1, 3)},
			"1: replica 1 term 1 vote 0 commit 0 entries 1-1: 1.1"},
		{"a payload that makes no sense is refused",
			[]step{create(1, 1), entry(1, 1, 1), raw(Record{Type: TypeHardState, Partition: 1, Term: 1}, "short"), create(2, 1)},
			"1: replica 1 refused: wal: damaged at segment 1, offset 12392: hardstate record of partition 1 has a payload of 5 bytes that makes no sense\n" +
				"2: replica 1 entries 1-0:"},
		{"an index that makes no sense is refused",
			[]step{create(1, 1), entry(1, 1, 1<<63)},
			"1: replica 1 refused: wal: damaged at segment 1, offset 12336: an entry with index 9223372036854775808"},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, forge(t, c.steps...)) })
	}
}

// TestACutTailStaysCut: what was behind an unreadable record of a torn tail is still
// a record, and must not come back when something as long is written before it.
func TestACutTailStaysCut(t *testing.T) {
	f := newForged()
	f.roll(0)
	all(create(1, 1), entry(1, 1, 1), entry(1, 1, 2)).do(f)
	torn := len(f.bodies[0])
	all(entry(1, 1, 3), entry(1, 1, 4)).do(f)
	f.bodies[0][torn] ^= 1
	f.write(t)
	l, rec, err := Open(forgedOptions(f.fs))
	require.NoError(t, err)
	require.Equal(t, &Cut{Segment: 1, Offset: recordsStart + int64(torn), Bytes: int64(len(f.bodies[0]) - torn - 6)}, rec.Cut)
	l.Append(&Write{Partition: 1, Replica: 1, Entries: []Entry{{Term: 2, Index: 3, Data: []byte(".X")}}})
	require.NoError(t, l.Close())
	l, rec, err = Open(forgedOptions(f.fs))
	require.NoError(t, err)
	require.Nil(t, rec.Cut)
	require.Equal(t, "1: replica 1 term 2 vote 0 commit 0 entries 1-3: 1.1 1.2 2.X", describe(t, l, rec))
	require.NoError(t, l.Close())
}

func TestLostRecords(t *testing.T) {
	replica := func(id uint64, commit uint64) replicaState {
		return replicaState{replica: id, create: []byte{}, hard: HardState{Term: 1, Vote: 1, Commit: commit}}
	}
	compacted := func(index uint64) replicaState {
		s := replica(1, index)
		s.snapshot = &SnapshotRef{Term: 1, Index: index}
		return s
	}
	for _, c := range []struct {
		name  string
		steps []step
		want  string
	}{
		{"the next record of a partition says that it lost one",
			[]step{create(1, 1), create(2, 1), lose(entry(1, 1, 1)), hard(2, 1, 0), hard(1, 1, 0)},
			"1: replica 1 refused: 1 records of this partition are lost\n2: replica 1 term 1 vote 1 commit 0 entries 1-0:"},
		{"when it is known whose all lost records were, nobody else is refused",
			[]step{create(1, 1), create(2, 1), create(3, 1), lose(entry(1, 1, 1)), hard(1, 1, 0)},
			"1: replica 1 refused: 1 records of this partition are lost\n2: replica 1 entries 1-0:\n3: replica 1 entries 1-0:"},
		{"when it is not known, all without a later record are",
			[]step{create(1, 1), create(2, 1), create(3, 1), lose(entry(1, 1, 1)), hard(2, 1, 0)},
			"1: replica 1 refused: records are lost there, and some could be this partition's\n" +
				"2: replica 1 term 1 vote 1 commit 0 entries 1-0:\n" +
				"3: replica 1 refused: records are lost there, and some could be this partition's"},
		{"a new life makes up for anything",
			[]step{create(1, 1), lose(entry(1, 1, 1)), tombstone(1, 2), create(1, 2)},
			"1: replica 2 entries 1-0:\n1: tombstone 2"},
		{"a tombstone among what is lost is concluded from the next life",
			[]step{create(1, 1), lose(tombstone(1, 2)), create(1, 2)},
			"1: replica 2 entries 1-0:\n1: tombstone 2"},
		{"the checkpoint of the next segment shows who lost nothing",
			[]step{create(1, 1), create(2, 1), lose(hard(1, 1, 0)),
				roll(checkpoint(1, 0, 0, replica(1, 0)), checkpoint(2, 0, 0, replica(1, 0)))},
			"1: replica 1 term 1 vote 1 commit 0 entries 1-0:\n2: replica 1 term 1 vote 1 commit 0 entries 1-0:"},
		{"a checkpoint does not bring back lost entries",
			[]step{create(1, 1), lose(entry(1, 1, 1)), roll(checkpoint(1, 1, 1, replica(1, 0)))},
			"1: replica 1 refused: 1 records of this partition are lost"},
		{"lost entries behind a snapshot do not matter",
			[]step{create(1, 1), lose(entry(1, 1, 1)), entry(1, 1, 2), roll(checkpoint(1, 1, 2, replica(1, 2))), snapshot(1, 1, 2, false), entry(1, 1, 3)},
			"1: replica 1 snapshot 1/2 term 1 vote 1 commit 2 entries 3-3: 1.3"},
		{"nor if the checkpoint knows the snapshot",
			[]step{create(1, 1), lose(entry(1, 1, 1)), roll(checkpoint(1, 1, 1, compacted(1))), entry(1, 1, 2)},
			"1: replica 1 snapshot 1/1 term 1 vote 1 commit 1 entries 2-2: 1.2"},
		{"a lost checkpoint is not missed when the records before it are there",
			[]step{create(1, 1), create(2, 1), roll(lose(checkpoint(1, 0, 0, replica(1, 0))), checkpoint(2, 0, 0, replica(1, 0)))},
			"1: replica 1 entries 1-0:\n2: replica 1 term 1 vote 1 commit 0 entries 1-0:"},
		{"a checkpoint that contradicts the records is a reason to refuse, if it has entries",
			[]step{create(1, 1), entries(1, 1, 1, 2), roll(checkpoint(1, 1, 3, replica(1, 0)))},
			"1: replica 1 refused: the checkpoint does not agree with the records before it"},
		{"records that are not those that were written last are noticed by the next segment",
			[]step{create(1, 1), roll(checkpoint(1, 0, 0, replicaState{replica: 1, create: []byte{}})), entry(1, 1, 1), create(2, 1),
				{func(f *forged) { f.sums[1]++ }},
				roll(checkpoint(1, 1, 1, replicaState{replica: 1, create: []byte{}}), checkpoint(2, 0, 0, replicaState{replica: 1, create: []byte{}}))},
			"1: replica 1 refused: the segment's records are not those that were written last\n2: replica 1 entries 1-0:"},
		{"the oldest checkpoint is where everything begins",
			[]step{{func(f *forged) { f.headers, f.bodies, f.sums = nil, nil, nil; f.sequence[1] = 7; f.serial = 99 }},
				roll(checkpoint(1, 1, 5, compacted(5))), entry(1, 1, 6)},
			"1: replica 1 snapshot 1/5 term 1 vote 1 commit 5 entries 6-6: 1.6"},
		{"a lost oldest checkpoint is missed",
			[]step{{func(f *forged) { f.headers, f.bodies, f.sums = nil, nil, nil; f.sequence[1] = 7; f.serial = 99 }},
				roll(lose(checkpoint(1, 1, 5, compacted(5))), checkpoint(2, 0, 0, replica(1, 0))), entry(1, 1, 6), hard(2, 1, 0)},
			"1: replica 0 refused: 7 records of this partition are lost\n2: replica 1 term 1 vote 1 commit 0 entries 1-0:"},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, forge(t, c.steps...)) })
	}
}
