package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/command"
)

// TestACompactedLogIsReadBackAndCatchesAFollowerUp writes enough for several
// snapshots, while one node is away for most of it.
func TestACompactedLogIsReadBackAndCatchesAFollowerUp(t *testing.T) {
	seats := []*seat{newSeat(t, "n1"), newSeat(t, "n2"), newSeat(t, "n3")}
	m := testMap(seats, 2, 3)
	m.Settings.CompactionOperations = 40
	publish(t, m, seats...)
	waitReady(t, seats...)
	write := func(from, to int) {
		for i := from; i < to; i++ {
			require.Equal(t, "+OK\r\n", seats[0].do("SET", fmt.Sprintf("key-%d", i%200), fmt.Sprintf("value-%d", i)))
		}
	}
	write(0, 100)
	seats[2].stopNoticed(seats[:2]...)
	write(100, 600)
	for _, s := range seats[:2] {
		require.Eventually(t, func() bool {
			files, err := os.ReadDir(filepath.Join(s.dir, snapshotDir))
			return err == nil && len(files) == 2 && strings.HasSuffix(files[0].Name(), ".snap")
		}, patience, 20*time.Millisecond, "a snapshot file for each partition, and no other")
		for _, r := range s.node.allReplicas() {
			require.Eventually(t, func() bool { return r.Status().AppliedIndex > 200 }, 10*time.Second, 20*time.Millisecond, "a follower learns of commits a moment later")
		}
	}
	seats[2].start()
	waitReady(t, seats...)
	require.Eventually(t, func() bool {
		for p := range uint32(2) {
			a, b := seats[0].node.replica(p).Status(), seats[2].node.replica(p).Status()
			if a.AppliedIndex != b.AppliedIndex || hash(seats[0], p) != hash(seats[2], p) {
				return false
			}
		}
		return true
	}, patience, 20*time.Millisecond, "the one that was away has caught up, to the same state")

	for _, s := range seats {
		s.stop()
	}
	for _, s := range seats {
		s.start()
	}
	waitReady(t, seats...)
	for i := 400; i < 600; i++ {
		require.Equal(t, bulk(fmt.Sprintf("value-%d", i)), seats[i%3].do("GET", fmt.Sprintf("key-%d", i%200)))
	}
}

func hash(s *seat, p uint32) uint64 {
	st := s.node.replica(p).Store()
	st.RLock()
	defer st.RUnlock()
	return st.Hash()
}

func TestWritesThatNeedMemoryAreRefusedWhenItIsUsedUp(t *testing.T) {
	seats := startCluster(t, 1, 1, 1)
	n := seats[0].node
	n.memory.limit = 4 << 20
	value := strings.Repeat("x", 16<<10)
	written := 0
	require.Eventually(t, func() bool {
		reply := seats[0].do("SET", fmt.Sprintf("key-%d", written), value)
		if strings.HasPrefix(reply, "-OOM ") {
			return true
		}
		require.Equal(t, "+OK\r\n", reply)
		written++
		return false
	}, patience, time.Millisecond)
	require.Greater(t, written, 50)
	require.Equal(t, bulk(value), seats[0].do("GET", "key-0"), "reads go on")
	require.Equal(t, ":1\r\n", seats[0].do("DEL", "key-0"), "deletes go on")
	n.memory.limit = 1 // what the delete has freed is not enough
	require.Equal(t, "-"+command.ErrOOM+"\r\n", seats[0].exec(nil, "DEL key-1", "SET key-1 v"))
	require.Equal(t, "*2\r\n:1\r\n:0\r\n", seats[0].exec(nil, "DEL key-1", "EXISTS key-1"), "a transaction that only deletes goes on")
	n.memory.limit = 4 << 20
	require.Equal(t, "+OK\r\n", seats[0].do("FLUSHALL"))
	require.Eventually(t, func() bool { return seats[0].do("SET", "k", "v") == "+OK\r\n" }, patience, 20*time.Millisecond, "it heals by itself")
}

// A few bytes can ask for megabytes. Many such writes at once must not be let
// through because none of them has been executed yet.
func TestWritesThatMakeLongValuesAreRefusedBeforeTheyDo(t *testing.T) {
	seats := startCluster(t, 1, 1, 1)
	n := seats[0].node
	n.memory.limit = 8 << 20
	setBit := command.Lookup([]byte("SETBIT"))
	var calls []*command.Call
	for i := range 100 {
		calls = append(calls, command.NewCall(setBit, [][]byte{[]byte("SETBIT"), fmt.Appendf(nil, "key-%d", i), []byte("8388607"), []byte("1")}, 2))
	}
	n.Submit(calls)
	made := 0
	for _, c := range calls {
		if reply := string(c.Wait()); reply == ":0\r\n" {
			made++
		} else {
			require.Equal(t, "-"+command.ErrOOM+"\r\n", reply)
		}
	}
	require.Positive(t, made)
	require.LessOrEqual(t, made, 8)
	again := command.NewCall(setBit, calls[0].Args, 2)
	require.Less(t, growth(n.replica(0), again), uint64(1<<10), "what is long enough does not grow")
	require.Equal(t, "+OK\r\n", seats[0].do("FLUSHALL"))
	require.Eventually(t, func() bool { return seats[0].do("SETBIT", "k", "8388607", "1") == ":0\r\n" }, patience, 20*time.Millisecond, "it heals by itself")
}
