package load

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPauseCountsForThePhasesThatHadAGoodPartOfIt(t *testing.T) {
	start := time.Unix(1000, 0)
	at := func(millis int) time.Time { return start.Add(time.Duration(millis) * time.Millisecond) }
	r := newRecorder(start)
	r.mark("kill", at(1000))
	record := func(began, ended int) {
		r.record(round{kind: Write, began: at(began), ended: at(ended), succeeded: 1, key: "k"})
	}
	record(990, 2000) // almost all of it in "kill"
	r.mark("after", at(3000))
	record(2600, 3500) // across the mark
	record(3400, 3450)
	s := r.snapshot(at(4000), []underWay{{Read, at(3700), "k"}})
	pause := func(name string) time.Duration { return s.Phase(name).Writes.Pause.Millis.Duration() }
	require.Zero(t, pause("start"))
	require.Equal(t, 1010*time.Millisecond, pause("kill"))
	require.Equal(t, 900*time.Millisecond, pause("after"), "with its whole length")
	require.Equal(t, 1010*time.Millisecond, s.Total.Writes.Pause.Millis.Duration())
	require.Equal(t, at(990), s.Total.Writes.Pause.At)
	require.Equal(t, Pause{Millis: 300, At: at(3700), Key: "k"}, s.Phase("after").Reads.Pause, "not over yet")
	require.EqualValues(t, 3, s.Total.Writes.Succeeded)
	require.EqualValues(t, 2, s.Phase("after").Writes.Succeeded, "counted where they ended")
}

func TestGapIsTheTimeWithoutASuccessOfAnyWorker(t *testing.T) {
	start := time.Unix(1000, 0)
	at := func(millis int) time.Time { return start.Add(time.Duration(millis) * time.Millisecond) }
	r := newRecorder(start)
	r.begin(at(0), Write)
	r.record(round{kind: Write, began: at(0), ended: at(100), succeeded: 1, key: "a"})
	r.record(round{kind: Write, began: at(0), ended: at(150), refused: 1}) // no success
	r.record(round{kind: Write, began: at(0), ended: at(400), succeeded: 1, key: "b"})
	r.stop(at(600))
	r.begin(at(9000), Write) // what is between two runs is no gap
	r.record(round{kind: Write, began: at(9000), ended: at(9001), succeeded: 1, key: "a"})
	s := r.snapshot(at(9002), nil)
	require.Equal(t, Pause{Millis: 300, At: at(100)}, s.Total.Writes.Gap)
	require.Zero(t, s.Total.Reads.Gap)
}
