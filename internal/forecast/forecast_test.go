package forecast

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/target/targettest"
)

// partitionBytes is what one copy of a partition holds in these tests.
const partitionBytes = 101 * 64

func make4(t *testing.T, copies int, w Wish) *Forecast {
	t.Helper()
	o := targettest.Observe(4, 64, copies)
	f, err := Make(&targettest.Target{Seen: o}, o, w)
	require.NoError(t, err)
	return f
}

// consistent checks what holds for every forecast that is not refused.
func consistent(t *testing.T, f *Forecast) {
	t.Helper()
	require.Empty(t, f.Refused)
	require.Len(t, f.Moved, f.Moves)
	require.EqualValues(t, f.Moves*partitionBytes, f.Bytes)
	var after, incoming int
	var keys uint64
	for _, n := range f.Nodes {
		after += n.CopiesAfter
		incoming += int(n.Incoming)
		keys += n.KeysAfter
		require.EqualValues(t, n.CopiesAfter*partitionBytes, n.BytesAfter)
		if n.Leaves {
			require.Zero(t, n.CopiesAfter, n.Name)
		}
	}
	require.Equal(t, 64*f.CopiesAfter, after)
	require.EqualValues(t, 64*f.CopiesAfter*101, keys)
	require.EqualValues(t, f.Bytes, incoming)
}

func TestGrowingMovesTheShareOfTheNewNodesAndNoMore(t *testing.T) {
	f := make4(t, 3, Wish{Nodes: 6})
	consistent(t, f)
	require.Equal(t, []int{4, 6}, []int{f.NodesBefore, f.NodesAfter})
	require.True(t, f.Example)
	require.Equal(t, "n5", f.Nodes[4].Name)
	require.Equal(t, "n6", f.Nodes[5].Name)
	for _, n := range f.Nodes {
		require.InDelta(t, 64*3/6, n.CopiesAfter, 5, n.Name)
	}
	require.Equal(t, f.Nodes[4].CopiesAfter+f.Nodes[5].CopiesAfter, f.Moves, "what stays, stays where it is")
	require.Equal(t, map[string]int{"Balance": f.Moves}, f.ByCause)
}

func TestShrinkingMovesWhatTheLeavingNodeHolds(t *testing.T) {
	for _, w := range []Wish{{Nodes: 3}, {Remove: []string{"n2"}}} {
		f := make4(t, 2, w)
		consistent(t, f)
		require.Equal(t, 3, f.NodesAfter)
		for _, n := range f.Nodes {
			if n.Leaves {
				require.Equal(t, n.CopiesBefore, f.Moves)
			}
		}
		require.False(t, f.Example)
	}
}

func TestMoreCopiesAreMadeAndFewerDropped(t *testing.T) {
	f := make4(t, 2, Wish{ReplicationFactor: 3})
	consistent(t, f)
	require.Equal(t, 64, f.Moves)
	f = make4(t, 3, Wish{ReplicationFactor: 2})
	consistent(t, f)
	require.Zero(t, f.Moves)
	require.Equal(t, 64, f.Dropped)
}

func TestNothingToWishIsNothingToMove(t *testing.T) {
	f := make4(t, 3, Wish{})
	consistent(t, f)
	require.Zero(t, f.Moves+f.Dropped)
}

func TestWhatTheCoordinatorWouldRefuseIsSaidBeforehand(t *testing.T) {
	f := make4(t, 3, Wish{Nodes: 2})
	require.Len(t, f.Refused, 1)
	require.Contains(t, f.Refused[0], "TooFewNodes")
	require.Zero(t, f.Moves)

	o := targettest.Observe(4, 64, 3)
	for i := range o.Nodes {
		o.Nodes[i].Status.DiskFree = 1000
	}
	f, err := Make(&targettest.Target{Seen: o}, o, Wish{Nodes: 3})
	require.NoError(t, err)
	require.Contains(t, f.Refused[0], "NotEnoughRoom")

	for _, w := range []Wish{{Add: []string{"n2"}}, {Remove: []string{"n9"}}} {
		_, err = Make(&targettest.Target{Seen: o}, o, w)
		require.Error(t, err)
	}
}
