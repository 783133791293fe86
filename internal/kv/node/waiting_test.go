package node

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/replica"
)

func TestWritesOfAPartitionAreUnderWayToOneNode(t *testing.T) {
	w := waiting{partitions: map[uint32]*line{}}
	a, b, c, d := &replica.Request{}, &replica.Request{}, &replica.Request{}, &replica.Request{}
	require.True(t, w.enter(a, "x", false))
	require.Equal(t, ownWrite{first: true}, a.Origin)
	require.True(t, w.enter(b, "x", false))
	require.Equal(t, ownWrite{}, b.Origin)
	require.False(t, w.enter(c, "y", false), "two are under way to x")
	require.False(t, w.enter(d, "x", false), "one waits")

	later, due := w.leave(b, false)
	require.False(t, later)
	require.False(t, due)
	require.Empty(t, w.takeAll(0), "one is still under way")
	_, due = w.leave(a, false)
	require.True(t, due)
	require.Equal(t, []*replica.Request{c, d}, w.takeAll(0))
	require.Nil(t, w.gone(0))
	require.Empty(t, w.partitions)
}

func TestWritesThatWereRefusedGoAgainWhenAllHaveComeBack(t *testing.T) {
	w := waiting{partitions: map[uint32]*line{}}
	a, b, c := &replica.Request{Sequence: 1}, &replica.Request{Sequence: 2}, &replica.Request{Sequence: 3}
	require.True(t, w.enter(a, "x", false))
	require.True(t, w.enter(b, "x", false))
	later, due := w.leave(b, true) // the answer to a is still on its way
	require.True(t, later)
	require.False(t, due)
	require.Empty(t, w.takeAll(0), "a is still under way")
	later, due = w.leave(a, true)
	require.False(t, later)
	require.True(t, due)
	require.Equal(t, []*replica.Request{a, b}, w.takeAll(0))

	require.True(t, w.enter(a, "y", true))
	require.True(t, w.joinIfAny(c, false), "b goes first")
	require.Empty(t, w.takeAll(0), "b is still on its way out")
	require.False(t, w.enter(b, "y", true), "c waits already; the order is made when they go")
	require.Nil(t, w.gone(0), "a is under way: its return says when")
	_, due = w.leave(a, false)
	require.True(t, due)
	require.Equal(t, []*replica.Request{b, c}, w.takeAll(0))
	require.True(t, w.enter(b, "y", true))
	require.True(t, w.enter(c, "y", true))
	require.Nil(t, w.gone(0))
}

func TestWhatWaitsAsksForOneTakeAllAtATime(t *testing.T) {
	w := waiting{partitions: map[uint32]*line{}}
	a, b := &replica.Request{Sequence: 1}, &replica.Request{Sequence: 2}
	require.True(t, w.join(a))
	require.False(t, w.join(b))
	for range 3 {
		require.Equal(t, []*replica.Request{a, b}, w.takeAll(0))
		require.True(t, w.join(a), "there is no leader yet")
		require.False(t, w.join(b))
		require.Nil(t, w.gone(0), "asked for already")
	}
	require.Len(t, w.takeAll(0), 2)
	require.True(t, w.joinIfAny(a, false))
	require.Equal(t, a, w.gone(0), "nobody was asked")
	require.Equal(t, []*replica.Request{a}, w.takeAll(0))
	require.Nil(t, w.gone(0))
	require.Empty(t, w.partitions)
}

func TestWhatFollowsARefusedWriteIsRefused(t *testing.T) {
	r := refusals{from: map[refusal]bool{}}
	submitted := 0
	admit := func(first bool) bool { return r.admit("a", 1, first, func() bool { submitted++; return true }) }
	require.True(t, admit(false))
	r.refuse("a", 1)
	require.False(t, admit(false))
	require.True(t, r.admit("b", 1, false, func() bool { return true }), "another node knows nothing of it")
	require.True(t, admit(true), "the sender has seen the refusal")
	require.True(t, admit(false))
	require.Equal(t, 3, submitted)
}
