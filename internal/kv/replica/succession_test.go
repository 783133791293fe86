package replica

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3/raftpb"
)

// follow lets voter 2 lead in term 5, with one entry, and then its connection break.
func follow(t *testing.T) *stand {
	s := newStand(t)
	s.step(2, entriesOf(5, initialIndex, initialTerm, batch(2, 1, 1000, "SET", "k", "v")))
	s.sync()
	s.take(raftpb.MsgPreVote)
	s.r.PeerUnreachable("b")
	return s
}

// ticks lets time pass and returns in which ticks the voter stood for election.
func (s *stand) ticks(n int) (stood []int) {
	for i := range n {
		s.r.Tick()
		s.sync()
		if len(s.take(raftpb.MsgPreVote)) > 0 {
			stood = append(stood, i+1)
		}
	}
	return stood
}

// promised is for how many ticks nobody stands. In the next one the library may, by
// chance, and in the one after it the replica does.
func promised(s *stand) int { return s.r.timing.ElectionTicks - 1 }

func shorterLog() *raftpb.Message {
	return &raftpb.Message{Type: raftpb.MsgPreVote.Enum(), Term: new(uint64(6)), Index: new(uint64(initialIndex)), LogTerm: new(uint64(initialTerm))}
}

// TestALostLeaderIsReplacedWhenThePromiseToItHasRunOut: voter 1 stands first, and
// again, because voter 3 may have heard the leader a little later.
func TestALostLeaderIsReplacedWhenThePromiseToItHasRunOut(t *testing.T) {
	s := follow(t)
	require.Empty(t, s.ticks(promised(s)))
	require.Subset(t, s.ticks(1+turnTicks), []int{2, 3, 4})
}

// TestWhoseLogIsLongerStandsOutOfTurn: whoever stands with a shorter one cannot win.
func TestWhoseLogIsLongerStandsOutOfTurn(t *testing.T) {
	s := follow(t)
	require.Empty(t, s.ticks(promised(s)), "the promise holds")
	s.step(3, shorterLog())
	require.Empty(t, s.take(raftpb.MsgPreVote), "even then")
	require.Contains(t, s.ticks(2), 2)
	s.step(3, shorterLog())
	s.round()
	require.NotEmpty(t, s.take(raftpb.MsgPreVote), "at once")
}

func TestALeaderThatIsHeardAgainIsNotReplaced(t *testing.T) {
	s := follow(t)
	require.Empty(t, s.ticks(promised(s)))
	s.step(2, &raftpb.Message{Type: raftpb.MsgHeartbeat.Enum(), Term: new(uint64(5))})
	require.Empty(t, s.ticks(promised(s)))
}

// TestVotersTakeTurns: when voter 1 had its turn the next ticks are voter 3's, and the
// library's election timeout does not come between.
func TestVotersTakeTurns(t *testing.T) {
	for range 50 { // the timeout is drawn
		s := follow(t)
		require.Empty(t, s.ticks(promised(s)))
		require.Subset(t, []int{1, 2, 3, 4}, s.ticks(1+2*turnTicks))
	}
}
