package replica

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/command"
	"github.com/ringkv/ringkv/internal/kv/store"
)

// laterEntries are payloads that a later build might write: a command that there is not
// yet, and another form of a batch.
func laterEntries() map[string][]byte {
	form := batch(2, 9, 1000, "SET", "k", "later")
	form[0]++
	return map[string][]byte{"a new command": batch(2, 9, 1000, "FROBNICATE", "k", "later"), "a new format": form}
}

// TestAnEntryOfALaterBuildDamagesNothing: the copy stays at the entry before, is not
// refused, which would have it replaced, and goes on keeping the log and voting.
func TestAnEntryOfALaterBuildDamagesNothing(t *testing.T) {
	for name, later := range laterEntries() {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			s.step(2, entriesOf(5, initialIndex, initialTerm, batch(2, 8, 1000, "SET", "k", "known"), later, batch(2, 10, 1000, "SET", "k", "behind it")))
			s.sync()
			requireOutdated := func() {
				t.Helper()
				status := s.r.Status()
				require.Equal(t, cluster.ReplicaRunning, status.State)
				require.Contains(t, status.Outdated, "apply entry 3: ")
				require.EqualValues(t, initialIndex+1, status.AppliedIndex)
				require.Equal(t, "$5\r\nknown\r\n", s.read(1000, "GET", "k"))
				get := command.NewCall(command.Lookup([]byte("GET")), [][]byte{[]byte("GET"), []byte("k")}, 2)
				require.False(t, s.r.ReadAny(&Request{Call: get}), "what it has is too old to be shown")
			}
			requireOutdated()

			confirmed := s.take(raftpb.MsgAppResp)
			require.EqualValues(t, initialIndex+3, confirmed[len(confirmed)-1].GetIndex())
			s.step(2, entriesOf(5, initialIndex+3, 5, batch(2, 11, 1000, "SET", "k", "more")))
			s.sync()
			confirmed = s.take(raftpb.MsgAppResp)
			require.EqualValues(t, initialIndex+4, confirmed[len(confirmed)-1].GetIndex(), "it keeps the log")

			s.step(3, &raftpb.Message{Type: raftpb.MsgTimeoutNow.Enum(), Term: new(uint64(5))})
			for range 200 {
				s.clock.advance(DefaultTiming().Tick)
				s.r.Tick()
				s.sync()
			}
			require.Empty(t, append(s.take(raftpb.MsgPreVote), s.take(raftpb.MsgVote)...), "it cannot serve")
			s.step(3, vote(9))
			s.sync()
			require.False(t, s.take(raftpb.MsgVoteResp)[0].GetReject())
			requireOutdated()

			s.crash()
			s.sync()
			requireOutdated()
		})
	}
}

// TestALeaderThatIsTooOldForItsLogGivesWay: its term has what a leader of a later build
// left, and another voter can execute it.
func TestALeaderThatIsTooOldForItsLogGivesWay(t *testing.T) {
	s := newStand(t)
	uncommitted := entriesOf(5, initialIndex, initialTerm, laterEntries()["a new command"])
	uncommitted.Commit = new(uint64(initialIndex))
	s.step(2, uncommitted)
	s.sync()
	s.clock.advance(time.Minute)
	require.NoError(t, s.r.rn.Campaign())
	s.sync()
	term := s.r.rn.BasicStatus().GetTerm()
	s.step(2, &raftpb.Message{Type: raftpb.MsgPreVoteResp.Enum(), Term: new(term + 1)})
	s.sync()
	term = s.r.rn.BasicStatus().GetTerm()
	s.step(2, &raftpb.Message{Type: raftpb.MsgVoteResp.Enum(), Term: new(term)})
	s.sync()
	require.True(t, s.r.leading)
	waiting := s.submit("SET", "k", "v")
	s.confirm(2)
	require.NotEmpty(t, s.r.Status().Outdated)
	require.Equal(t, cluster.RoleFollower, s.r.Status().Role)
	require.Zero(t, s.r.Leader())
	require.Equal(t, term+1, s.r.rn.BasicStatus().GetTerm())
	_, leading := s.r.Leadership()
	require.False(t, leading)
	s.clock.advance(2 * time.Second)
	s.r.Tick()
	s.round()
	require.Contains(t, s.finished, waiting)
	s.step(3, vote(term+5))
	s.sync()
	require.False(t, s.take(raftpb.MsgVoteResp)[0].GetReject())
}

// TestASnapshotTakesACopyPastAnEntryOfALaterBuild, and it takes part again.
func TestASnapshotTakesACopyPastAnEntryOfALaterBuild(t *testing.T) {
	s := newStand(t)
	s.step(2, entriesOf(5, initialIndex, initialTerm, laterEntries()["a new command"]))
	s.sync()
	require.NotEmpty(t, s.r.Status().Outdated)

	st := store.New(0)
	st.Lock()
	st.Set([]byte("k"), []byte("from the snapshot"), 0)
	body := newSnapshotBody(st.Snapshot())
	st.Unlock()
	header := SnapshotHeader{From: 2, To: 1, RaftTerm: 5, Term: 5, Index: 40, Config: abc()}
	require.NoError(t, s.r.ReceiveSnapshot("b", header, body))
	require.NoError(t, body.Close())
	s.sync()
	require.Empty(t, s.r.Status().Outdated)
	s.step(2, entriesOf(5, 40, 5, batch(2, 12, 1000, "APPEND", "k", "!")))
	s.sync()
	require.EqualValues(t, 41, s.r.applied)
	require.Equal(t, "$18\r\nfrom the snapshot!\r\n", s.read(1000, "GET", "k"))
}
