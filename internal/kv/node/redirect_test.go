package node

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/ring"
)

// leaderSeat returns the seat whose node leads a partition.
func leaderSeat(t *testing.T, seats []*seat, p uint32) *seat {
	var found *seat
	require.Eventually(t, func() bool {
		for _, s := range seats {
			if s.node != nil && s.node.leads(p) {
				found = s
				return true
			}
		}
		return false
	}, patience, 5*time.Millisecond)
	return found
}

func (n *Node) leads(p uint32) bool { return n.view.Load().routing.leader(p) == n.id }

// keyOf returns a key of a partition.
func keyOf(p uint32, partitions int) string {
	for i := 0; ; i++ {
		if key := fmt.Sprintf("key-%d", i); ring.Partition(ring.Slot([]byte(key)), partitions) == p {
			return key
		}
	}
}

// handOver makes another seat lead a partition and waits until both know.
func handOver(t *testing.T, from, to *seat, p uint32) {
	v := from.node.view.Load()
	var replica uint64
	for _, r := range v.m.Initial[p] {
		if r.Node == to.node.id {
			replica = r.ID
		}
	}
	require.Eventually(t, func() bool {
		if to.node.leads(p) && !from.node.leads(p) {
			return true
		}
		// Refused while the other one is not known to have caught up.
		_ = from.node.TransferLeader(context.Background(), cluster.TransferLeader{ClusterID: v.m.ClusterID, Partition: p, To: replica})
		return false
	}, patience, 20*time.Millisecond)
}

// lead makes a seat lead partitions.
func lead(t *testing.T, seats []*seat, to *seat, partitions ...uint32) {
	for _, p := range partitions {
		if from := leaderSeat(t, seats, p); from != to {
			handOver(t, from, to, p)
		}
	}
}

func TestAClusterClientIsSentToTheLeaderAndNeverInCircles(t *testing.T) {
	seats := startCluster(t, 3, 8, 3)
	moved := regexp.MustCompile(`^-MOVED (\d+) (n\d)\.kv:6380\r\n$`)
	for p := range uint32(8) {
		key := keyOf(p, 8)
		require.Eventually(t, func() bool { // the leader may change meanwhile
			leader := leaderSeat(t, seats, p)
			right := 0
			for _, s := range seats {
				assert.Equal(t, "+OK\r\n", s.do("SET", key, "v"), "a plain client is served")
				reply := s.askedByCluster("SET", key, "v")
				if reply == "+OK\r\n" && s == leader {
					right++
					continue
				}
				m := moved.FindStringSubmatch(reply)
				if assert.NotNil(t, m, reply) && assert.Equal(t, strconv.Itoa(int(ring.Slot([]byte(key)))), m[1]) && m[2] == leader.name {
					right++
				}
			}
			return right == len(seats)
		}, patience, time.Millisecond)
	}
}

func TestKeysOfSeveralSlotsAreRefusedToClusterClients(t *testing.T) {
	seats := startCluster(t, 1, 1, 1)
	for _, args := range [][]string{{"MGET", "a", "b"}, {"DEL", "a", "b"}, {"MSET", "a", "1", "b", "2"}, {"EXISTS", "a", "b"}} {
		require.Equal(t, "-CROSSSLOT Keys in request don't hash to the same slot\r\n", seats[0].askedByCluster(args...))
		require.NotContains(t, seats[0].do(args...), "CROSSSLOT")
	}
	require.Equal(t, "+OK\r\n", seats[0].askedByCluster("MSET", "{t}a", "1", "{t}b", "2"))
	require.Equal(t, ":2\r\n", seats[0].askedByCluster("DEL", "{t}a", "{t}b"))
}

func TestReadonlyLetsAFollowerAnswerClusterClients(t *testing.T) {
	seats := startCluster(t, 3, 1, 3)
	leader := leaderSeat(t, seats, 0)
	require.Equal(t, "+OK\r\n", leader.askedByCluster("SET", "k", "v"))
	for _, s := range seats {
		require.Eventually(t, func() bool {
			c := s.newCall("GET", "k")
			c.Cluster, c.ReadAny = true, true
			return s.submit(c) == bulk("v")
		}, patience, 5*time.Millisecond)
	}
}

// A client that follows what it is told gets its answer, without being sent to a node
// that is gone, in as many redirections as there were changes.
func TestCallsAreHeldWhileThereIsNoLeaderToSendTheClientTo(t *testing.T) {
	seats := startCluster(t, 3, 1, 3)
	gone := leaderSeat(t, seats, 0)
	others := slices.DeleteFunc(slices.Clone(seats), func(s *seat) bool { return s == gone })
	gone.stopNoticed(others...)
	for _, s := range others {
		at, hops := s, 0
		for {
			reply := at.askedByCluster("SET", "k", s.name)
			if reply == "+OK\r\n" {
				break
			}
			require.Regexp(t, `^-MOVED \d+ n\d\.kv:6380\r\n$`, reply)
			i := slices.IndexFunc(seats, func(o *seat) bool { return strings.Contains(reply, o.name+".kv") })
			require.NotSame(t, gone, seats[i], reply)
			at = seats[i]
			hops++
			require.LessOrEqual(t, hops, 2)
		}
	}
}

func TestWhatClusterClientsAskEveryNodeAddsUp(t *testing.T) {
	seats := startCluster(t, 3, 8, 3)
	for i := range 200 {
		require.Equal(t, "+OK\r\n", seats[0].do("SET", fmt.Sprintf("key-%d", i), "v"))
	}
	for i, s := range seats {
		lead(t, seats, s, uint32(i))
	}
	total, keys := 0, 0
	for _, s := range seats {
		n, err := strconv.Atoi(strings.Trim(s.askedByCluster("DBSIZE"), ":\r\n"))
		require.NoError(t, err)
		require.Less(t, n, 200)
		total += n
		keys += strings.Count(s.askedByCluster("KEYS", "*"), "key-")
	}
	require.Equal(t, 200, total)
	require.Equal(t, 200, keys)
	for _, s := range seats {
		require.Equal(t, "+OK\r\n", s.askedByCluster("FLUSHALL"))
	}
	require.Equal(t, ":0\r\n", seats[0].do("DBSIZE"))
}

// scanStep makes one call of a scan and adds the keys to those that were seen.
func (s *seat) scanStep(cursor string, seen map[string]int) (next string) {
	reply := s.askedByCluster("SCAN", cursor, "COUNT", "1000")
	fields := strings.Split(reply, "\r\n")
	require.Equal(s.t, "*2", fields[0], reply)
	for _, f := range fields[4:] {
		if strings.HasPrefix(f, "key-") {
			seen[f]++
		}
	}
	return fields[2]
}

func (s *seat) scan(seen map[string]int) {
	for cursor := s.scanStep("0", seen); cursor != "0"; {
		cursor = s.scanStep(cursor, seen)
	}
}

func TestScansOfAllNodesSeeEveryKeyOnce(t *testing.T) {
	seats := startCluster(t, 3, 8, 3)
	for i := range 200 {
		require.Equal(t, "+OK\r\n", seats[0].do("SET", fmt.Sprintf("key-%d", i), "v"))
	}
	seen := map[string]int{}
	for p := range uint32(8) { // all leaders that there will be are there
		leaderSeat(t, seats, p)
	}
	for _, s := range seats {
		s.scan(seen)
	}
	require.Len(t, seen, 200)
	require.Equal(t, "-ERR invalid cursor\r\n", seats[0].askedByCluster("SCAN", "x"))
	require.Equal(t, "-ERR invalid cursor\r\n", seats[0].askedByCluster("SCAN", strconv.Itoa(99<<32)))
}

// The order of events that would hide keys: the last partition goes from a node whose
// scan has not come to it to one whose scan is over.
func TestAScanMissesNothingWhenALeaderChangesMeanwhile(t *testing.T) {
	const partitions, last = 8, uint32(7)
	seats := startCluster(t, 3, partitions, 3)
	for i := range 200 {
		require.Equal(t, "+OK\r\n", seats[0].do("SET", fmt.Sprintf("key-%d", i), "v"))
	}
	from := leaderSeat(t, seats, last)
	lead(t, seats, from, 0)
	seen := map[string]int{}
	var done *seat
	for _, s := range seats {
		if s != from {
			s.scan(seen)
			done = s
		}
	}
	cursor := from.scanStep("0", seen)
	require.Less(t, len(seen), 200)
	handOver(t, from, done, last)
	for cursor != "0" {
		cursor = from.scanStep(cursor, seen)
	}
	// What from led when its scan began and has lost since counts as well.
	require.Len(t, seen, 200)

	again := map[string]int{}
	for _, s := range seats {
		s.scan(again)
	}
	require.Len(t, again, 200)
}

func TestAScanThatGoesOnAfterARestartMissesNothing(t *testing.T) {
	seats := startCluster(t, 3, 8, 3)
	for i := range 200 {
		require.Equal(t, "+OK\r\n", seats[0].do("SET", fmt.Sprintf("key-%d", i), "v"))
	}
	lead(t, seats, seats[2], 0, 1)
	seen := map[string]int{}
	seats[0].scan(seen)
	seats[1].scan(seen)
	cursor := seats[2].scanStep("0", seen)
	require.NotEqual(t, "0", cursor)
	seats[2].stop()
	seats[2].start()
	waitReady(t, seats[2])
	for cursor != "0" {
		cursor = seats[2].scanStep(cursor, seen)
	}
	require.Len(t, seen, 200)
}
