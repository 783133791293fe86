package ring

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAKeyBelongsToTheNextVirtualNodeClockwise(t *testing.T) {
	r := New([]Member{{ID: "a"}, {ID: "b", Weight: 2}, {ID: "c"}}, 16)
	require.Len(t, r.Points("a"), 16)
	require.Len(t, r.Points("b"), 32)
	require.Nil(t, r.Points("d"))
	for _, key := range []string{"apple", "pear", "x", "y", "{tag}z"} {
		at, nearest, owner := slotPoint(Slot([]byte(key))), ^uint64(0), ""
		for _, id := range []string{"a", "b", "c"} {
			for _, point := range r.Points(id) {
				if distance := point - at; distance < nearest { // wraps around as the ring does
					nearest, owner = distance, id
				}
			}
		}
		require.Equal(t, owner, r.Node([]byte(key)), key)
	}
}
