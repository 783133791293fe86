package coordinator_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/coordinator"
	"github.com/ringkv/ringkv/internal/kv/ring"
)

func TestAPreviewForetellsHowManyCopiesMoveAndWhatEveryNodeHolds(t *testing.T) {
	for name, wish := range map[string]func(*world){
		"fewer nodes":  func(w *world) { w.want(3, seats(4)...) },
		"fewer copies": func(w *world) { w.want(2, seats(5)...) },
		"more copies":  func(w *world) { w.want(4, seats(5)...) },
		"more nodes":   func(w *world) { w.want(3, seats(7)...) },
		"nothing new":  func(*world) {},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, coordinator.Spec{Partitions: 32, VirtualNodes: 64})
			w.want(3, seats(5)...)
			w.settle(500)
			wish(w)
			record := w.input().Record.Clone()
			foretold, err := coordinator.Preview(w.input())
			require.NoError(t, err)
			require.Empty(t, foretold.Decision.Blocked)
			require.Equal(t, record, w.input().Record, "a preview changes nothing")

			w.settle(2000)
			after, err := coordinator.Preview(w.input())
			require.NoError(t, err)
			require.Zero(t, after.Decision.Remaining.Moves)
			moved := 0
			for p := range after.Before {
				for _, id := range after.Before[p] {
					if !slices.Contains(foretold.Before[p], id) {
						moved++
					}
				}
			}
			require.Equal(t, foretold.Decision.Remaining.Moves, moved)
			holds := copiesByNode(after.Before)
			for id, copies := range copiesByNode(foretold.After) {
				require.InDelta(t, copies, holds[id], 1, "who leads on the way decides about the odd one")
			}
		})
	}
}

func TestAPreviewOfWhatIsRefusedMovesNothing(t *testing.T) {
	w := newWorld(t, coordinator.Spec{Partitions: 8, VirtualNodes: 64})
	_, err := coordinator.Preview(w.input())
	require.ErrorContains(t, err, "no map yet")
	w.want(3, seats(4)...)
	w.settle(500)
	w.want(3, seats(2)...)
	f, err := coordinator.Preview(w.input())
	require.NoError(t, err)
	require.Equal(t, coordinator.ReasonTooFewNodes, f.Decision.Blocked[0].Reason)
	require.Zero(t, f.Decision.Remaining.Moves)
	for p := range f.Before { // who would lead is another matter
		require.ElementsMatch(t, f.Before[p], f.After[p])
	}
}

func copiesByNode(assignment ring.Assignment) map[string]int {
	out := map[string]int{}
	for _, nodes := range assignment {
		for _, id := range nodes {
			out[id]++
		}
	}
	return out
}
