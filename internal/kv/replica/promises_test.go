package replica

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/command"
)

func vote(term uint64) *raftpb.Message {
	return &raftpb.Message{Type: raftpb.MsgVote.Enum(), Term: new(term), Index: new(uint64(100)), LogTerm: new(term - 1)}
}

// entriesOf is a MsgApp of a leader of that term whose entries follow the given one.
func entriesOf(term, index, before uint64, payloads ...[]byte) *raftpb.Message {
	m := &raftpb.Message{Type: raftpb.MsgApp.Enum(), Term: new(term), Index: new(index), LogTerm: new(before), Commit: new(index + uint64(len(payloads)))}
	for i, p := range payloads {
		m.Entries = append(m.Entries, &raftpb.Entry{Term: new(term), Index: new(index + uint64(i) + 1), Type: raftpb.EntryNormal.Enum(), Data: p})
	}
	return m
}

// batch is the payload of an entry that a replica proposed.
func batch(proposer, seq uint64, now int64, args ...string) []byte {
	raw := make([][]byte, len(args))
	for i, a := range args {
		raw[i] = []byte(a)
	}
	return command.AppendCommand(command.AppendBatchHeader(nil, proposer, seq, now), raw)
}

func TestAVoteLeavesWhenItIsOnStableStorage(t *testing.T) {
	s := newStand(t)
	s.step(2, vote(5))
	require.Empty(t, s.take(raftpb.MsgVoteResp))
	s.sync()
	require.Len(t, s.take(raftpb.MsgVoteResp), 1)

	// Whatever comes now, it has voted in this term.
	s.crash()
	s.clock.advance(time.Minute)
	s.step(3, vote(5))
	s.sync()
	for _, m := range s.take(raftpb.MsgVoteResp) {
		require.True(t, m.GetReject(), "a second vote in term 5")
	}
}

func TestEntriesAreConfirmedWhenTheyAreOnStableStorage(t *testing.T) {
	s := newStand(t)
	s.step(2, entriesOf(5, initialIndex, initialTerm, batch(2, 1, 1000, "SET", "k", "v")))
	require.Empty(t, s.take(raftpb.MsgAppResp))
	s.sync()
	confirmed := s.take(raftpb.MsgAppResp)
	require.Len(t, confirmed, 1)
	require.EqualValues(t, initialIndex+1, confirmed[0].GetIndex())
	s.crash()
	require.EqualValues(t, initialIndex+1, s.r.log.LastIndex())
}

func TestAWriteIsAcknowledgedWhenAMajorityHasIt(t *testing.T) {
	s := newStand(t)
	s.lead()
	c := s.submit("SET", "k", "v")
	s.sync()
	s.requireOpen(c)
	s.confirm(3)
	s.requireOutcome(Done, c)
	require.Equal(t, "+OK\r\n", string(c.Call.Out.Buf))
}

func TestAProposedWriteThatRunsOutOfTimeHasAnUnknownOutcome(t *testing.T) {
	s := newStand(t)
	s.lead()
	proposed := s.submit("SET", "k", "v")
	queued := s.submit("SET", "k", "w") // while the first is on its way into the log
	s.clock.advance(2 * time.Second)
	s.r.Tick()
	s.round()
	s.requireOutcome(Unknown, proposed)
	s.requireOutcome(NotExecuted, queued)
}

func TestAWriteIsGivenBackWhenALaterTermShowsThatItIsLost(t *testing.T) {
	s := newStand(t)
	term := s.lead()
	c := s.submit("SET", "k", "v")
	s.sync()
	lost := s.r.log.LastIndex()
	s.step(2, entriesOf(term+1, lost-1, term))
	s.sync()
	s.requireOpen(c)
	s.step(2, entriesOf(term+1, lost-1, term, nil))
	s.sync()
	s.requireOutcome(NotExecuted, c)
}

// TestAWriteIsNotGivenBackByAnEntryOfItsOwnTerm: the entry that a leader begins its
// term with is applied while writes of that term wait.
func TestAWriteIsNotGivenBackByAnEntryOfItsOwnTerm(t *testing.T) {
	s := newStand(t)
	term := s.lead()
	c := s.submit("SET", "k", "v")
	s.sync()
	s.r.settleBefore(term)
	s.requireOpen(c)
}

// TestAnEntryOfAnEarlierLifeIsNoAnswer: a replica that restarts counts its batches
// from one again, and an entry of its earlier life may still be applied.
func TestAnEntryOfAnEarlierLifeIsNoAnswer(t *testing.T) {
	s := newStand(t)
	s.step(2, entriesOf(5, initialIndex, initialTerm))
	earlier := batch(1, 1, 1000, "SET", "old", "reply")
	s.lead()
	c := s.submit("APPEND", "k", "v") // the first batch of this life as well
	s.sync()
	s.r.apply([]*raftpb.Entry{{Term: new(s.r.raftTerm - 1), Index: new(s.r.applied + 1), Type: raftpb.EntryNormal.Enum(), Data: earlier}})
	s.requireOpen(c)
}

// TestAllCopiesExecuteAtTheTimeOfTheBatch: what a command does must not depend on
// whose clock it is looked at with.
func TestAllCopiesExecuteAtTheTimeOfTheBatch(t *testing.T) {
	var hashes []uint64
	for _, ahead := range []time.Duration{0, 48 * time.Hour} {
		s := newStand(t)
		s.clock.advance(ahead)
		now := int64(5_000_000)
		s.step(2, entriesOf(5, initialIndex, initialTerm,
			batch(2, 1, now, "SET", "k", "v", "PX", "1000"), batch(2, 2, now+1001, "APPEND", "k", "w")))
		s.sync()
		require.Equal(t, "$1\r\nw\r\n", s.read(now+1002, "GET", "k"), "k had expired when it was appended to")
		hashes = append(hashes, s.r.store.Load().Hash())
	}
	require.Equal(t, hashes[0], hashes[1])
}

// TestWhatHadExpiredStaysAwayUnderASlowClock: the clock of a new leader may be behind
// the one that a batch was executed by.
func TestWhatHadExpiredStaysAwayUnderASlowClock(t *testing.T) {
	s := newStand(t)
	later := s.clock.WallMillis() + 60_000
	s.step(2, entriesOf(5, initialIndex, initialTerm, batch(2, 1, later, "SET", "k", "v", "PX", "1000"), batch(2, 2, later+5000, "SET", "other", "v")))
	s.sync()
	s.clock.advance(time.Minute) // the voters' promise
	s.lead()
	s.clock.moveTo(time.Hour)
	c := s.submit("GET", "k")
	s.stepStamped(2, Message{Raft: &raftpb.Message{Type: raftpb.MsgHeartbeatResp.Enum(), Term: new(s.r.raftTerm)}, Echo: s.clock.mono})
	require.True(t, s.r.TryRead(c.Call))
	require.Equal(t, "$-1\r\n", string(c.Call.Out.Buf))
}

func TestALeaseRestsOnAnswersOfThisTermFromWhenTheyWereAskedFor(t *testing.T) {
	s := newStand(t)
	term := s.lead()
	s.clock.advance(time.Minute)
	sent := s.clock.mono
	s.clock.advance(200 * time.Millisecond)
	s.stepStamped(2, Message{Raft: &raftpb.Message{Type: raftpb.MsgHeartbeatResp.Enum(), Term: new(term - 1)}, Echo: sent})
	require.False(t, s.clock.holds(s.r), "an answer to a leader of an earlier term")
	s.stepStamped(2, Message{Raft: &raftpb.Message{Type: raftpb.MsgHeartbeatResp.Enum(), Term: new(term)}, Echo: sent})
	require.True(t, s.clock.holds(s.r))
	s.clock.mono = sent + s.r.timing.promise().Nanoseconds()
	require.False(t, s.clock.holds(s.r), "it counts from when the heartbeat was sent")
}

func TestALeaderThatHandsOverTakesNoLeaseInThatTerm(t *testing.T) {
	s := newStand(t)
	term := s.lead()
	answer := func() {
		s.stepStamped(2, Message{Raft: &raftpb.Message{Type: raftpb.MsgHeartbeatResp.Enum(), Term: new(term)}, Echo: s.clock.mono})
	}
	answer()
	require.True(t, s.clock.holds(s.r))
	require.NoError(t, s.r.TransferLeader(2))
	s.sync()
	require.Len(t, s.take(raftpb.MsgTimeoutNow), 1)
	require.False(t, s.clock.holds(s.r))
	s.clock.advance(time.Millisecond)
	answer()
	require.False(t, s.clock.holds(s.r), "the message may arrive at any time")
}

// TestAVoterThatRestartedKeepsThePromiseThatItHasForgotten: it may have heard a leader
// just before, which holds a lease.
func TestAVoterThatRestartedKeepsThePromiseThatItHasForgotten(t *testing.T) {
	s := newStand(t)
	s.step(2, entriesOf(5, initialIndex, initialTerm, batch(2, 1, 1000, "SET", "k", "v")))
	s.sync()
	s.crash()
	s.step(3, vote(6))
	s.sync()
	require.Empty(t, s.take(raftpb.MsgVoteResp))
	s.clock.advance(s.r.timing.promise())
	s.step(3, vote(6))
	s.sync()
	require.Len(t, s.take(raftpb.MsgVoteResp), 1)
}

// TestNothingIsAppliedTwiceAfterASnapshot: entries behind a snapshot may still be in
// the log when a replica starts from it.
func TestNothingIsAppliedTwiceAfterASnapshot(t *testing.T) {
	s := newStand(t)
	s.r.SetSettings(cluster.Settings{CompactionOperations: 5, CompactionBytes: 1 << 20})
	index := uint64(initialIndex)
	for i := range 12 {
		before := uint64(5)
		if i == 0 {
			before = initialTerm
		}
		s.step(2, entriesOf(5, index, before, batch(2, uint64(i+1), 1000, "INCR", "n")))
		index++
		s.sync()
		s.r.Tick()
		s.sync()
	}
	require.NotEmpty(t, s.r.log.Snapshot().File, "there is a snapshot")
	require.LessOrEqual(t, s.r.log.FirstIndex(), s.r.log.Snapshot().Index, "and entries that it contains")
	for range 2 {
		s.crash()
		s.sync()
		s.step(2, &raftpb.Message{Type: raftpb.MsgHeartbeat.Enum(), Term: new(uint64(5)), Commit: new(index)})
		s.sync()
		require.Equal(t, fmt.Sprintf("$2\r\n%d\r\n", 12), s.read(1001, "GET", "n"))
	}
}

// TestAWriteThatASnapshotMayHoldHasAnUnknownOutcome: a leader that was cut off while the
// others had its last entry already gets what they made of it as a snapshot. Whoever is
// told that the write was not executed sends it again.
func TestAWriteThatASnapshotMayHoldHasAnUnknownOutcome(t *testing.T) {
	s := newStand(t)
	term := s.lead()
	c := s.submit("INCR", "n")
	s.sync()
	write := s.r.log.LastIndex()

	other := newStand(t)
	other.step(2, entriesOf(term, initialIndex, initialTerm, nil, batch(1, 1, 1000, "INCR", "n")))
	other.step(2, entriesOf(term+1, write, term, nil))
	other.sync()
	require.Equal(t, "$1\r\n1\r\n", other.read(1001, "GET", "n"))
	require.Equal(t, write+1, other.r.applied)

	h := SnapshotHeader{From: 2, To: 1, RaftTerm: term + 1, Term: term + 1, Index: other.r.applied, Config: other.r.config}
	body := newSnapshotBody(other.r.takeSnapshot())
	require.NoError(t, s.r.ReceiveSnapshot("b", h, body))
	require.NoError(t, body.Close())
	s.sync()
	s.sync()
	require.Equal(t, "$1\r\n1\r\n", s.read(1001, "GET", "n"), "the snapshot is there")
	s.requireOutcome(Unknown, c)
}

// receive hands the replica a snapshot of what another one has, from voter 2.
func (s *stand) receive(from *stand) {
	s.t.Helper()
	h := SnapshotHeader{From: 2, To: 1, RaftTerm: 5, Term: 5, Index: from.r.applied, Config: from.r.config}
	body := newSnapshotBody(from.r.takeSnapshot())
	require.NoError(s.t, s.r.ReceiveSnapshot("b", h, body))
	require.NoError(s.t, body.Close())
	s.sync()
	s.sync()
	require.Equal(s.t, from.r.applied, s.r.log.Snapshot().Index)
}

// TestASnapshotThatComesAgainLeavesTheFirstAlone: the leader may send one again to a
// copy that has it since before it restarted. It is not taken, and its file goes: not
// the file that the log starts with.
func TestASnapshotThatComesAgainLeavesTheFirstAlone(t *testing.T) {
	from := newStand(t)
	from.step(2, entriesOf(5, initialIndex, initialTerm, batch(2, 1, 1000, "SET", "k", "v")))
	from.sync()
	s := newStand(t)
	for range 2 {
		s.receive(from)
		require.NoError(t, s.fs.SyncDir("/log/snapshots"), "as the next snapshot would")
		s.clock.advance(time.Second)
		s.crash()
		s.sync()
		require.Equal(t, "$1\r\nv\r\n", s.read(1001, "GET", "k"))
	}
}

// TestACompactionThatASnapshotOvertookDoesNotComeBackToIt: the log has no entries
// between its own snapshot and the one that came from the leader meanwhile.
func TestACompactionThatASnapshotOvertookDoesNotComeBackToIt(t *testing.T) {
	first := entriesOf(5, initialIndex, initialTerm, batch(2, 1, 1000, "SET", "k", "old"))
	from := newStand(t)
	from.step(2, first)
	from.step(2, entriesOf(5, initialIndex+1, 5, batch(2, 2, 1000, "SET", "k", "new")))
	from.sync()
	s := newStand(t)
	s.step(2, first)
	s.sync()
	s.r.Compact()
	s.r.Tick()
	finished := s.posted
	require.NotEmpty(t, finished, "the file is written")
	s.posted = nil
	s.receive(from)
	s.posted = finished
	s.sync()
	require.Equal(t, from.r.applied, s.r.log.Snapshot().Index)
	s.crash()
	s.sync()
	require.Equal(t, "$3\r\nnew\r\n", s.read(1001, "GET", "k"))
}

func TestACompactionWaitsUntilNoOtherIsUnderWay(t *testing.T) {
	s := newStand(t)
	s.r.SetSettings(cluster.Settings{CompactionOperations: 1, CompactionBytes: 1 << 20})
	s.step(2, entriesOf(5, initialIndex, initialTerm, batch(2, 1, 1000, "INCR", "n")))
	s.step(2, entriesOf(5, initialIndex+1, 5, batch(2, 2, 1000, "INCR", "n")))
	s.sync()
	s.compacting = 1
	for range 3 {
		s.r.Tick()
		s.sync()
	}
	require.Empty(t, s.r.log.Snapshot().File)
	s.compacting = 0
	s.r.Tick()
	s.sync()
	require.NotEmpty(t, s.r.log.Snapshot().File)
	require.Equal(t, 1, s.ended)
}
