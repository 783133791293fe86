package ring

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the random tests; 0 takes RINGKV_SEED or a new one")

// random returns a generator whose seed is printed, so that a failure can be
// replayed with -seed or RINGKV_SEED.
func random(t testing.TB) *rand.Rand {
	seed := *seedFlag
	if env := os.Getenv("RINGKV_SEED"); seed == 0 && env != "" {
		var err error
		seed, err = strconv.ParseUint(env, 10, 64)
		require.NoError(t, err)
	}
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// members returns n members over the zones, in turn; no zones means one.
func members(n int, zones ...string) []Member {
	out := make([]Member, n)
	for i := range out {
		out[i] = Member{ID: fmt.Sprintf("n%d", i)}
		if len(zones) > 0 {
			out[i].Zone = zones[i%len(zones)]
		}
	}
	return out
}

func TestNodesSpreadsZonesFirst(t *testing.T) {
	r := New(members(9, "a", "b", "c"), 128)
	zoneOf := map[string]string{}
	for _, m := range r.Members() {
		zoneOf[m.ID] = m.Zone
	}
	for i := range 1000 {
		nodes := r.Nodes(fmt.Appendf(nil, "key%d", i), 9)
		require.Len(t, nodes, 9)
		seen := map[string]bool{}
		for i, n := range nodes {
			require.False(t, seen[n], "distinct")
			seen[n] = true
			if i%3 == 2 {
				require.Len(t, map[string]bool{zoneOf[nodes[i]]: true, zoneOf[nodes[i-1]]: true, zoneOf[nodes[i-2]]: true}, 3)
			}
		}
	}
}

func TestNodeIsTheFirstOfNodes(t *testing.T) {
	r := New(members(7, "a", "b"), 128)
	for i := range 1000 {
		key := fmt.Appendf(nil, "key%d", i)
		require.Equal(t, r.Node(key), r.Nodes(key, 1)[0])
		require.Equal(t, r.Nodes(key, 7)[:3], r.Nodes(key, 3))
	}
}

func TestNodeOfAKeyChangesOnlyTowardsANewMember(t *testing.T) {
	before, after := New(members(5), 128), New(members(6), 128)
	moved := 0
	for i := range 10_000 {
		key := fmt.Appendf(nil, "key%d", i)
		if was, is := before.Node(key), after.Node(key); was != is {
			require.Equal(t, "n5", is)
			moved++
		}
	}
	require.InDelta(t, 10_000/6, moved, 500)
}

func TestRingDoesNotDependOnTheOrderOfMembers(t *testing.T) {
	rnd := random(t)
	list := members(8, "a", "b", "c")
	want := New(list, 128)
	for range 20 {
		rnd.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		got := New(list, 128)
		for p := range 64 {
			require.Equal(t, want.Preference(p, 64), got.Preference(p, 64))
		}
	}
}

func TestAnEmptyRingHasNoNodes(t *testing.T) {
	r := New(nil, 128)
	require.Empty(t, r.Node([]byte("k")))
	require.Empty(t, r.Nodes([]byte("k"), 3))
	require.Empty(t, r.Preference(0, 64))
}

func TestWeightScalesTheShareOfTheRing(t *testing.T) {
	r := New([]Member{{ID: "small"}, {ID: "big", Weight: 3}}, 256)
	count := map[string]int{}
	for i := range 20_000 {
		count[r.Node(fmt.Appendf(nil, "key%d", i))]++
	}
	require.InDelta(t, 15_000, count["big"], 2000)
}
