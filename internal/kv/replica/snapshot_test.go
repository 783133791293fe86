package replica

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/ringkv/ringkv/internal/kv/store"
)

// receive hands the replica a state in which k has a value, as of an index of term 5.
func (s *stand) receive(index uint64, value string) {
	st := store.New(0)
	st.Lock()
	st.Set([]byte("k"), []byte(value), 0)
	body := newSnapshotBody(st.Snapshot())
	st.Unlock()
	header := SnapshotHeader{From: 2, To: 1, RaftTerm: 5, Term: 5, Index: index, Config: abc()}
	require.NoError(s.t, s.r.ReceiveSnapshot("b", header, body))
	s.sync()
}

// TestASnapshotThatComesAgainTakesNothingFromTheOneThatIsThere: a leader that did not hear
// that it arrived sends it again, to the next life of this replica. It is not needed, and
// its file is deleted.
func TestASnapshotThatComesAgainTakesNothingFromTheOneThatIsThere(t *testing.T) {
	s := newStand(t)
	s.step(2, &raftpb.Message{Type: raftpb.MsgHeartbeat.Enum(), Term: new(uint64(5))})
	s.receive(40, "from the snapshot")
	require.EqualValues(t, 40, s.r.Status().AppliedIndex)
	for range 2 {
		s.crash()
		s.clock.advance(time.Minute)
		require.EqualValues(t, 40, s.r.Status().AppliedIndex)
		require.Equal(t, "$17\r\nfrom the snapshot\r\n", s.read(1000, "GET", "k"))
		s.receive(40, "from the snapshot")
	}
}
