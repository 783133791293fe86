package node

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/command"
)

// call runs a command on the node and returns its reply.
func (s *seat) call(spec *command.Spec, args [][]byte) string {
	c := command.NewCall(spec, args, 2)
	s.node.Submit([]*command.Call{c})
	return string(c.Wait())
}

// watch does what WATCH does. It tries again while there is no leader.
func (s *seat) watch(keys ...string) []command.Watched {
	args := [][]byte{[]byte("ringkv.watch")}
	for _, k := range keys {
		args = append(args, []byte(k))
	}
	reply := s.call(command.Lookup(args[0]), args)
	state, ok := command.Integers([]byte(reply))
	require.True(s.t, ok, "%v: %s", keys, reply)
	var out []command.Watched
	for i, k := range keys {
		out = append(out, command.Watched{Key: []byte(k), Token: uint64(state[0])<<1 | uint64(state[1+i])})
	}
	return out
}

// exec executes lines of words as a transaction.
func (s *seat) exec(watched []command.Watched, lines ...string) string {
	tx := new(command.Transaction)
	for _, line := range lines {
		var args [][]byte
		for _, w := range strings.Fields(line) {
			args = append(args, []byte(w))
		}
		tx.Add(command.Lookup(args[0]), args, 2)
	}
	return s.call(tx.Command(watched))
}

func number(t *testing.T, reply string) int {
	_, value, _ := strings.Cut(strings.TrimSuffix(reply, "\r\n"), "\r\n")
	n, err := strconv.Atoi(value)
	require.NoError(t, err, "%q", reply)
	return n
}

// handOvers make leaders change until they are ended.
type handOvers struct {
	begun time.Time
	n     atomic.Int64 // how often that was tried with success
	end   func()
}

// goOn tells whether there is to be more: for some seconds, and until leaders have
// changed at all.
func (h *handOvers) goOn() bool {
	d := time.Since(h.begun)
	return d < 4*time.Second || h.n.Load() == 0 && d < patience
}

func handOverOften(seats []*seat, partitions uint32) *handOvers {
	end, done := make(chan struct{}), make(chan struct{})
	h := &handOvers{begun: time.Now(), end: func() { close(end); <-done }}
	go func() {
		defer close(done)
		for {
			for _, s := range seats {
				for p := range partitions {
					select {
					case <-end:
						return
					case <-time.After(30 * time.Millisecond):
					}
					r, shard := s.node.replica(p), s.node.shardOf(p)
					shard.do(func() {
						if r.HandOver(func(cluster.NodeID) bool { return false }) {
							h.n.Add(1)
							shard.touch(r)
						}
					})
				}
			}
		}
	}()
	return h
}

// Clients on all nodes move amounts between two accounts, count by compare and
// swap, and look, while leaders change. A transaction that was not confirmed may
// have happened; nothing else may be off.
func TestTransactionsAreAtomicWhileLeadersChange(t *testing.T) {
	seats := startCluster(t, 3, 2, 3)
	changes := handOverOften(seats, 2)
	const total = 1000
	require.Equal(t, "*2\r\n+OK\r\n+OK\r\n", seats[0].exec(nil, fmt.Sprintf("SET {x}a %d", total), "SET {x}b 0"))

	var counted, unknown, stopped, looks atomic.Int64
	var clients sync.WaitGroup
	goOn := func() bool {
		return changes.goOn() || (counted.Load() == 0 || stopped.Load() == 0) && time.Since(changes.begun) < patience
	}
	for i := range 9 {
		s := seats[i%3]
		rng := rand.New(rand.NewPCG(uint64(i), 7))
		clients.Go(func() {
			for goOn() {
				n := rng.IntN(10)
				reply := s.exec(nil, fmt.Sprintf("DECRBY {x}a %d", n), fmt.Sprintf("INCRBY {x}b %d", n))
				if !strings.HasPrefix(reply, "*2\r\n:") && !strings.HasPrefix(reply, "-UNKNOWNRESULT") {
					t.Errorf("transfer: %q", reply)
				}
			}
		})
		clients.Go(func() {
			for goOn() {
				reply := s.exec(nil, "GET {x}a", "GET {x}b")
				parts, ok := command.Elements([]byte(reply))
				if !ok || len(parts) != 2 {
					t.Errorf("look: %q", reply)
					return
				}
				if sum := number(t, string(parts[0])) + number(t, string(parts[1])); sum != total {
					t.Errorf("the accounts hold %d: %q", sum, reply)
				}
				looks.Add(1)
			}
		})
		clients.Go(func() {
			for goOn() {
				w := s.watch("{x}n")
				next := 1
				if reply := s.do("GET", "{x}n"); reply != "$-1\r\n" {
					next = number(t, reply) + 1
				}
				switch reply := s.exec(w, fmt.Sprintf("SET {x}n %d", next)); {
				case reply == "*1\r\n+OK\r\n":
					counted.Add(1)
				case reply == "*-1\r\n":
					stopped.Add(1)
				case strings.HasPrefix(reply, "-UNKNOWNRESULT"):
					unknown.Add(1)
				default:
					t.Errorf("count: %q", reply)
				}
			}
		})
	}
	clients.Wait()
	changes.end()
	n := int64(number(t, seats[1].do("GET", "{x}n")))
	t.Logf("%d counted, %d stopped by WATCH, %d unknown, %d looks, %d leader changes", counted.Load(), stopped.Load(), unknown.Load(), looks.Load(), changes.n.Load())
	require.GreaterOrEqual(t, n, counted.Load(), "no increment is lost")
	require.LessOrEqual(t, n, counted.Load()+unknown.Load(), "none is made twice")
	require.Positive(t, counted.Load())
	require.Positive(t, stopped.Load(), "clients were in each other's way")
	require.Positive(t, changes.n.Load(), "no leadership was handed over: nothing was shown")
}

func TestATransactionAcrossHashTagsDoesNothing(t *testing.T) {
	seats := startCluster(t, 3, 8, 3)
	require.Equal(t, "-"+command.ErrCrossSlot+"\r\n", seats[0].exec(nil, "SET a 1", "SET b 1"))
	require.Equal(t, "-"+command.ErrCrossSlot+"\r\n", seats[1].exec(seats[1].watch("c"), "SET a 1"))
	require.Equal(t, "*2\r\n$-1\r\n$-1\r\n", seats[2].do("MGET", "a", "b"))
}

// What WATCH has seen holds on a replica that was made from a snapshot, too.
func TestWatchHoldsAcrossASnapshotAndARestart(t *testing.T) {
	seats := []*seat{newSeat(t, "n1"), newSeat(t, "n2"), newSeat(t, "n3")}
	m := testMap(seats, 1, 3)
	m.Settings.CompactionOperations = 40
	publish(t, m, seats...)
	waitReady(t, seats...)
	s := seats[0]
	require.Equal(t, "+OK\r\n", s.do("SET", "k", "v"))
	unchanged, cameAndWent := s.watch("k"), s.watch("{k}gone")
	require.Equal(t, "+OK\r\n", s.do("SET", "{k}gone", "v"))
	require.Equal(t, ":1\r\n", s.do("DEL", "{k}gone"))
	for i := range 100 {
		require.Equal(t, "+OK\r\n", s.do("SET", "other", strconv.Itoa(i)))
	}
	for _, s := range seats {
		require.Eventually(t, func() bool {
			files, err := os.ReadDir(filepath.Join(s.dir, snapshotDir))
			return err == nil && len(files) == 1 && strings.HasSuffix(files[0].Name(), ".snap")
		}, patience, 20*time.Millisecond, "a snapshot on each node")
	}
	for _, s := range seats {
		s.stop()
	}
	for _, s := range seats {
		s.start()
	}
	waitReady(t, seats...)
	require.Equal(t, "*-1\r\n", seats[1].exec(cameAndWent, "SET {k}x y"))
	require.Equal(t, "*1\r\n+OK\r\n", seats[2].exec(unchanged, "SET {k}x y"))
	require.Equal(t, bulk("y"), seats[0].do("GET", "{k}x"))
}
