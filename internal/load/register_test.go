package load

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRegisterJudgements(t *testing.T) {
	type step func(r *register) judgement
	ack := func(seq uint64) step {
		return func(r *register) judgement { r.acknowledged(seq); return asExpected }
	}
	open := func(seq uint64) step {
		return func(r *register) judgement { r.unknown(seq); return asExpected }
	}
	see := func(seq uint64) step { return func(r *register) judgement { return r.observe(seq) } }

	for _, test := range []struct {
		name      string
		attempted uint64
		steps     []step
		want      judgement // of the last step; the ones before must be as expected
	}{
		{"nothing written, nothing found", 0, []step{see(0)}, asExpected},
		{"last acknowledged", 2, []step{ack(1), ack(2), see(2)}, asExpected},
		{"missing after an acknowledgement", 1, []step{ack(1), see(0)}, older},
		{"one before the last acknowledged", 2, []step{ack(1), ack(2), see(1)}, older},
		{"unknown write happened", 2, []step{ack(1), open(2), see(2)}, asExpected},
		{"unknown write did not happen", 2, []step{ack(1), open(2), see(1)}, asExpected},
		{"unknown write undone after it was seen", 2, []step{ack(1), open(2), see(2), see(1)}, older},
		{"unknown write of an empty register undone", 1, []step{open(1), see(1), see(0)}, older},
		{"unknown write seen late", 2, []step{open(1), ack(2), see(1)}, lateArrival},
		{"the first of two unknown writes seen second", 2, []step{open(1), open(2), see(2), see(1)}, lateArrival},
		{"refused write seen", 2, []step{ack(1), see(2)}, refusedSeen},
		{"never sent", 2, []step{ack(2), see(3)}, neverSent},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := register{attempted: test.attempted}
			for _, s := range test.steps[:len(test.steps)-1] {
				require.Equal(t, asExpected, s(&r))
			}
			require.Equal(t, test.want, test.steps[len(test.steps)-1](&r))
		})
	}
}

func TestUnknownWriteSeenTwiceIsAFault(t *testing.T) {
	// Seen, replaced, and seen again: it was executed twice.
	var r register
	first := r.attempt()
	r.unknown(first)
	require.Equal(t, asExpected, r.observe(first))
	r.acknowledged(r.attempt())
	require.Equal(t, older, r.observe(first))
}

func TestParseValueTakesOnlyWhatWasWritten(t *testing.T) {
	const key, size = "load:00000001", 48
	good := appendValue(nil, key, 1234567890123, size)
	require.Len(t, good, size)
	seq, ok, _ := parseValue(good, key, size, nil)
	require.True(t, ok)
	require.EqualValues(t, 1234567890123, seq)

	for i := range good {
		bad := append([]byte(nil), good...)
		bad[i] ^= 1
		_, ok, _ := parseValue(bad, key, size, nil)
		require.False(t, ok, "a flipped bit in byte %d", i)
		_, ok, _ = parseValue(good[:i], key, size, nil)
		require.False(t, ok, "cut at byte %d", i)
	}
	_, ok, _ = parseValue(append(good, 'x'), key, size, nil)
	require.False(t, ok)
}
