package replica

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestASingleVoterReadsNothingThatIsOlderThanWhatItHasAcknowledged: what its log says to
// be committed is older, since that is written with the next entries.
func TestASingleVoterReadsNothingThatIsOlderThanWhatItHasAcknowledged(t *testing.T) {
	s := newStandOf(t, abc().Voters[:1])
	// elect makes it leader; the entry that its term begins with is on its way into the log.
	elect := func() {
		require.NoError(t, s.r.rn.Campaign())
		for range 3 {
			if s.round(); s.r.leading {
				return
			}
			s.work()
		}
		require.Fail(t, "not elected")
	}
	elect()
	s.sync()
	for _, v := range []string{"old", "new"} {
		c := s.submit("SET", "k", v)
		s.sync()
		s.requireOutcome(Done, c)
	}
	s.crash()
	s.clock.advance(time.Minute)
	require.Less(t, s.r.rn.BasicStatus().GetCommit(), s.r.log.LastIndex(), "nothing is shown otherwise")
	elect()
	read := s.submit("GET", "k")
	s.requireOpen(read)
	s.sync()
	s.round() // what it may read now it reads in the next round
	s.requireOutcome(Done, read)
	require.Equal(t, "$3\r\nnew\r\n", string(read.Call.Out.Buf))
}
