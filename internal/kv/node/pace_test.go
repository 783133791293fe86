package node

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWorkInTheBackgroundRestsAsLongAsItWorked(t *testing.T) {
	now, hurry := int64(0), false
	var rests []time.Duration
	p := &pace{
		now: func() int64 { return now }, hurry: func() bool { return hurry },
		sleep: func(d time.Duration) { now += d.Nanoseconds(); rests = append(rests, d) },
	}
	work := func(d time.Duration) { now += d.Nanoseconds(); p.rest() }
	work(workSlice / 2)
	require.Empty(t, rests, "a slice is not over")
	work(workSlice)
	require.Equal(t, []time.Duration{workSlice * 3 / 2}, rests)
	work(time.Minute)
	require.Equal(t, longestRest, rests[1], "a disk that hangs is no reason to wait as long again")
	hurry = true
	work(time.Second)
	require.Len(t, rests, 2)
}
