package node

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/command"
)

// BenchmarkSubmit measures commands from where a connection gives them to the node
// until their replies are there, on a node that keeps the only copies: routing,
// proposal, log, fdatasync and apply of a SET, lease and lookup of a GET. The batch is
// what a pipeline brings at once.
func BenchmarkSubmit(b *testing.B) {
	seats := startCluster(b, 1, 64, 1)
	for _, name := range []string{"SET", "GET"} {
		for _, batch := range []int{1, 16, 256} {
			b.Run(fmt.Sprintf("%s/batch=%d", name, batch), func(b *testing.B) { benchmarkSubmit(b, seats[0], name, batch) })
		}
	}
}

func benchmarkSubmit(b *testing.B, s *seat, name string, batch int) {
	const keys = 1 << 10
	value := make([]byte, 256)
	args := make([][][]byte, keys)
	for i := range args {
		key := fmt.Appendf(nil, "key:%012d", i)
		if name == "SET" {
			args[i] = [][]byte{[]byte("SET"), key, value}
		} else {
			args[i] = [][]byte{[]byte("GET"), key}
		}
	}
	spec := command.Executable(args[0])
	calls := make([]*command.Call, batch)
	for i := range calls {
		calls[i] = command.NewCall(spec, args[i], 2)
	}
	if name == "GET" {
		for i := range args {
			require.Equal(b, "+OK\r\n", s.do("SET", string(args[i][1]), string(value)))
		}
	}
	b.ReportAllocs()
	next := 0
	for b.Loop() {
		for _, c := range calls {
			c.Reset(spec, args[next%keys], 2)
			next++
		}
		s.node.Submit(calls)
		for _, c := range calls {
			if reply := c.Wait(); reply[0] == '-' {
				b.Fatalf("%s", reply)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/command")
}
