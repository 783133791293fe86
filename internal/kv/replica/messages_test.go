package replica

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// What an entry costs: writes of the log and messages.

// recorded returns the commit index that a replica which starts on what is written now
// would find.
func (s *stand) recorded() uint64 {
	other := &stand{t: s.t, fs: s.fs.Crash(1, 0), clock: s.clock}
	return other.openLog().Replicas[0].HardState.Commit
}

func TestACommitIsWrittenWithTheNextEntryOrTheNextTick(t *testing.T) {
	s := newStand(t)
	s.lead()
	batches := func() uint64 { return s.log.Stats().Batches }
	before := batches()
	s.submit("SET", "k", "v")
	s.sync()
	s.confirm(2)
	first := s.r.applied
	require.EqualValues(t, 1, batches()-before, "one write for an entry and its commit")
	s.submit("SET", "k", "w")
	s.sync()
	require.Equal(t, first, s.recorded(), "the second entry tells of the first")
	s.confirm(2)

	before = batches()
	for range 3 {
		s.r.Tick()
		s.sync()
	}
	require.Equal(t, first+1, s.recorded(), "a tick tells of the last")
	require.EqualValues(t, 1, batches()-before, "once")
}

// commitOf returns what the append messages say that a voter got since the last look,
// and requires that they carry that many entries.
func (s *stand) commitOf(voter uint64, entries int) (commit uint64) {
	got := 0
	for _, m := range s.take(raftpb.MsgApp) {
		if m.GetTo() == voter {
			got += len(m.GetEntries())
			commit = m.GetCommit()
		}
	}
	require.Equal(s.t, entries, got)
	return commit
}

func TestFollowersLearnOfACommitFromTheNextEntryOrTheNextTick(t *testing.T) {
	s := newStand(t)
	s.lead()
	for _, voter := range []uint64{2, 3} {
		s.confirm(voter)
	}
	s.sent = nil
	s.submit("SET", "k", "v")
	s.confirm(2)
	s.confirm(3)
	first := s.r.applied
	require.Less(t, s.commitOf(2, 1), first, "no message for the commit alone")
	s.submit("SET", "k", "w")
	s.sync()
	require.Equal(t, first, s.commitOf(2, 1), "the second entry tells of the first")
	s.confirm(2)
	s.confirm(3)
	require.Zero(t, s.commitOf(2, 0))
	s.r.Tick()
	s.sync()
	require.Equal(t, first+1, s.commitOf(2, 0), "a tick tells of the last")
	s.r.Tick()
	s.sync()
	require.Zero(t, s.commitOf(2, 0), "once")
}

// TestWhoLeavesIsToldBeforeTheChangeIsApplied: afterwards the leader knows it no more.
func TestWhoLeavesIsToldBeforeTheChangeIsApplied(t *testing.T) {
	s := newStand(t)
	s.lead()
	for _, voter := range []uint64{2, 3} {
		s.confirm(voter)
	}
	s.sent = nil
	require.NoError(t, s.r.ChangeConfig(&cluster.ChangeConfig{ExpectedIndex: s.r.config.Index, Remove: []uint64{3}}))
	s.sync()
	s.confirm(3)
	s.confirm(2)
	require.False(t, contains(s.r.config.Voters, 3))
	require.GreaterOrEqual(t, s.commitOf(3, 1), s.r.config.Index)
}

// TestEntriesKeepWhatWasProposed: the room that a batch is built in is used again, so
// the library must have copied it.
func TestEntriesKeepWhatWasProposed(t *testing.T) {
	s := newStand(t)
	s.lead()
	index := s.r.log.LastIndex() + 1
	for _, v := range []string{"one", "two", "six"} {
		s.submit("SET", "k", v)
		s.sync()
	}
	entries, err := s.r.log.Entries(index, index+3, 1<<20)
	require.NoError(t, err)
	for i, v := range []string{"one", "two", "six"} {
		require.Contains(t, string(entries[i].Data), v)
	}
}
