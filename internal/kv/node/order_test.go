package node

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/command"
)

// TestPipelinedWritesKeepTheirOrderWhileLeadersChange sends writes of one key as
// one batch, again and again, while leadership goes round. The last must win.
func TestPipelinedWritesKeepTheirOrderWhileLeadersChange(t *testing.T) {
	seats := startCluster(t, 3, 1, 3)
	changes := handOverOften(seats, 1)
	for round := 0; changes.goOn(); round++ {
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
	changes.end()
	require.Positive(t, changes.n.Load(), "no leadership was handed over: nothing was shown")
}
