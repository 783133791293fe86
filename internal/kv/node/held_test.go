package node

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ringkv/ringkv/internal/kv/command"
	"github.com/ringkv/ringkv/internal/kv/replica"
	"github.com/ringkv/ringkv/internal/kv/store"
)

// watching returns a held request for the changes of a key, or of all keys with a prefix,
// after a revision.
func watching(key, prefix []byte, after uint64) *replica.Request {
	spec, args := command.ChangesArgs(&command.ChangesRequest{After: after, Wait: time.Minute, Key: key, Prefix: prefix, Bytes: 1 << 20})
	return &replica.Request{Call: command.NewCall(spec, args, 2)}
}

// goesOnAfter returns the revision after which a request goes on.
func goesOnAfter(t require.TestingT, c *replica.Request) uint64 {
	after, err := strconv.ParseUint(string(c.Call.Args[2]), 10, 64)
	require.NoError(t, err)
	return after
}

func TestAChangeWakesOnlyTheWatchesThatItConcerns(t *testing.T) {
	st := store.New(1)
	st.KeepHistory(1 << 20)
	h := newHeldCalls()
	key, other := watching([]byte("p/a"), nil, 0), watching([]byte("p/ab"), nil, 0)
	prefix, otherPrefix := watching(nil, []byte("p/"), 0), watching(nil, []byte("q/"), 0)
	all := watching(nil, nil, 0)
	for _, c := range []*replica.Request{key, other, prefix, otherPrefix, all} {
		h.add(c, 0)
	}
	st.Set([]byte("p/a"), []byte("v"), 0)
	require.Equal(t, []*replica.Request{key, prefix, all}, h.takeConcerned(st))
	st.Set([]byte("p/b"), []byte("v"), 0)
	require.Empty(t, h.takeConcerned(st))
	st.Delete([]byte("p/a"))
	require.Empty(t, h.takeConcerned(st))
	st.Set([]byte("p/ab"), []byte("v"), 0)
	require.Equal(t, []*replica.Request{other}, h.takeConcerned(st))
	require.Equal(t, st.Revision()-1, goesOnAfter(t, other))
	st.Clear()
	require.Equal(t, []*replica.Request{otherPrefix}, h.takeConcerned(st))
	require.Empty(t, h.keys)
	require.Empty(t, h.prefixes)
}

// TestAHeldWatchMissesNothing: whatever happens in whatever order, a call that goes on
// held is concerned by nothing, and one that is woken goes on before the first change that
// concerns it. Some come with an answer that is no longer the newest.
func TestAHeldWatchMissesNothing(t *testing.T) {
	type change struct {
		key   string
		clear bool
	}
	type waiting struct {
		after uint64
		key   string
		isKey bool
	}
	rapid.Check(t, func(t *rapid.T) {
		st := store.New(1)
		st.KeepHistory(rapid.SampledFrom([]int{1 << 12, 1 << 20}).Draw(t, "history"))
		h, held := newHeldCalls(), map[*replica.Request]waiting{}
		var changes []change // by revision, from 1 on
		// firstFor returns the first change after a revision that concerns a call.
		firstFor := func(w waiting, after uint64) uint64 {
			for revision := after + 1; revision <= uint64(len(changes)); revision++ {
				c := changes[revision-1]
				if c.clear || w.isKey && c.key == w.key || !w.isKey && strings.HasPrefix(c.key, w.key) {
					return revision
				}
			}
			return 0
		}
		woken := func(calls []*replica.Request) {
			for _, c := range calls {
				w, there := held[c]
				require.True(t, there, "it was held")
				delete(held, c)
				if first := firstFor(w, w.after); first != 0 {
					require.Less(t, goesOnAfter(t, c), first)
				}
				require.GreaterOrEqual(t, goesOnAfter(t, c), w.after)
			}
		}
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			key := fmt.Sprintf("%d/%d", rapid.IntRange(0, 2).Draw(t, "group"), rapid.IntRange(0, 3).Draw(t, "key"))
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0, 1, 2:
				w := waiting{key: key, isKey: rapid.Bool().Draw(t, "isKey")}
				w.after = st.Revision() - rapid.Uint64Range(0, min(3, st.Revision())).Draw(t, "behind")
				c := watching([]byte(key), nil, w.after)
				if !w.isKey {
					w.key = key[:2]
					c = watching(nil, []byte(w.key), w.after)
				}
				held[c] = w
				h.add(c, w.after)
			case 3, 4:
				st.Set([]byte(key), make([]byte, 100), 0)
				changes = append(changes, change{key: key})
			case 5:
				if st.Delete([]byte(key)) {
					changes = append(changes, change{key: key})
				}
			case 6:
				st.Clear()
				changes = append(changes, change{clear: true})
			case 7:
				now := st.Revision()
				woken(h.take(func(c *replica.Request) bool { return held[c].after+2 < now }))
			default:
				woken(h.takeConcerned(st))
				for c, w := range held {
					require.Zero(t, firstFor(w, w.after), "it should have been woken: %q", c.Call.Args)
				}
			}
			require.Len(t, h.calls, len(held))
		}
		woken(h.take(func(*replica.Request) bool { return true }))
		require.Empty(t, held)
	})
}

// TestAWatchIsNotHeldBehindWhatCameBeforeIt: something happens between its answer and the
// moment from which it is held.
func TestAWatchIsNotHeldBehindWhatCameBeforeIt(t *testing.T) {
	s := startCluster(t, 1, 1, 1)[0]
	require.Equal(t, "+OK\r\n", s.do("SET", "k", "1"))
	c := watching([]byte("k"), nil, 1)
	c.Deadline = s.node.clock.Monotonic() + (2 * patience).Nanoseconds()
	require.True(t, s.node.replica(0).ReadAny(c), "nothing to tell yet")
	require.Equal(t, "+OK\r\n", s.do("SET", "k", "2"))
	s.node.executed(c)
	select {
	case <-c.Call.Done():
		require.Contains(t, string(c.Call.Wait()), "$1\r\n2\r\n")
	case <-time.After(30 * time.Second): // it would be held for a minute
		t.Fatal("it sleeps")
	}
}

// TestAWatchIsHeldByTheLeaderOnly: elsewhere nobody would wake it.
func TestAWatchIsHeldByTheLeaderOnly(t *testing.T) {
	seats := startCluster(t, 3, 1, 3)
	leader := leaderSeat(t, seats, 0)
	follower := seats[0]
	if follower == leader {
		follower = seats[1]
	}
	c := watching([]byte("k"), nil, 0)
	c.Deadline = follower.node.clock.Monotonic() + (2 * patience).Nanoseconds()
	require.Eventually(t, func() bool { return follower.node.replica(0).ReadAny(c) }, patience, time.Millisecond)
	follower.node.executed(c)
	require.Eventually(t, func() bool { return follower.node.held.count.Load() == 0 }, patience, time.Millisecond, "it went to the leader")
	require.Equal(t, "+OK\r\n", follower.do("SET", "k", "v"))
	select {
	case <-c.Call.Done():
		require.Contains(t, string(c.Call.Wait()), "$1\r\nv\r\n")
	case <-time.After(30 * time.Second): // it would be held for a minute
		t.Fatal("it sleeps")
	}
}
