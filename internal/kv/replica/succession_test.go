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

func shorterLog() *raftpb.Message {
	return &raftpb.Message{Type: raftpb.MsgPreVote.Enum(), Term: new(uint64(6)), Index: new(uint64(initialIndex)), LogTerm: new(uint64(initialTerm))}
}

// TestALostLeaderIsReplacedWhenThePromiseToItHasRunOut: voter 1 stands first, and
// again, because voter 3 may have heard the leader a little later.
func TestALostLeaderIsReplacedWhenThePromiseToItHasRunOut(t *testing.T) {
	s := follow(t)
	election := s.r.timing.ElectionTicks
	require.Equal(t, []int{election + 1, election + 2, election + 3}, s.ticks(election + 2*turnTicks)[:turnTicks])
}

// TestWhoseLogIsLongerStandsOutOfTurn: whoever stands with a shorter one cannot win.
func TestWhoseLogIsLongerStandsOutOfTurn(t *testing.T) {
	s := follow(t)
	require.Empty(t, s.ticks(s.r.timing.ElectionTicks), "the promise holds")
	s.step(3, shorterLog())
	require.Empty(t, s.take(raftpb.MsgPreVote), "even then")
	require.Equal(t, []int{1}, s.ticks(1))
	s.step(3, shorterLog())
	s.round()
	require.NotEmpty(t, s.take(raftpb.MsgPreVote), "at once")
}

func TestALeaderThatIsHeardAgainIsNotReplaced(t *testing.T) {
	s := follow(t)
	election := s.r.timing.ElectionTicks
	require.Empty(t, s.ticks(election))
	s.step(2, &raftpb.Message{Type: raftpb.MsgHeartbeat.Enum(), Term: new(uint64(5))})
	require.Empty(t, s.ticks(election-1))
}
