package coordinator_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/coordinator"
)

// BenchmarkPlanLargeCluster plans for 300 nodes and 1,024 partitions: at rest,
// and with ten nodes that have just joined.
func BenchmarkPlanLargeCluster(b *testing.B) {
	w := newWorld(b, coordinator.Spec{Partitions: 1024, VirtualNodes: 128, MaxConcurrentMoves: 16})
	w.want(3, seats(300, "a", "b", "c")...)
	for range 4 {
		w.pass()
	}
	resting := w.input()
	require.True(b, coordinator.Plan(resting).Converged)
	w.want(3, seats(310, "a", "b", "c")...)
	w.pass()
	moving := w.input()
	require.NotZero(b, coordinator.Plan(moving).Remaining.Moves)
	for name, in := range map[string]coordinator.Input{"resting": resting, "moving": moving} {
		b.Run(fmt.Sprintf("%s/nodes=%d", name, len(in.Spec.Seats)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				coordinator.Plan(in)
			}
		})
	}
}
