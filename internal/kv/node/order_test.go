package node

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/command"
)

// TestPipelinedWritesKeepTheirOrderWhileLeadersChange sends writes of one key as
// one batch, again and again, while leadership goes round. The last must win.
func TestPipelinedWritesKeepTheirOrderWhileLeadersChange(t *testing.T) {
	seats := startCluster(t, 3, 1, 3)
	stop := make(chan struct{})
	moved := make(chan int)
	go func() {
		n := 0
		defer func() { moved <- n }()
		for {
			for _, s := range seats {
				select {
				case <-stop:
					return
				case <-time.After(20 * time.Millisecond):
				}
				r := s.node.replica(0)
				shard := s.node.shardOf(0)
				shard.do(func() {
					if r.HandOver(func(cluster.NodeID) bool { return false }) {
						n++
						shard.touch(r)
					}
				})
			}
		}
	}()
	deadline := time.Now().Add(4 * time.Second)
	for round := 0; time.Now().Before(deadline); round++ {
		s := seats[round%3]
		spec := command.Lookup([]byte("SET"))
		var calls []*command.Call
		for i := range 8 {
			calls = append(calls, command.NewCall(spec, [][]byte{[]byte("SET"), []byte("k"), fmt.Appendf(nil, "%d-%d", round, i)}, 2))
		}
		s.node.Submit(calls)
		for i, c := range calls {
			require.Equal(t, "+OK\r\n", string(c.Wait()), "round %d, write %d", round, i)
		}
		require.Equal(t, bulk(fmt.Sprintf("%d-7", round)), s.do("GET", "k"))
	}
	close(stop)
	require.Positive(t, <-moved, "no leadership was handed over: nothing was shown")
}
