package ring

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func assign(previous [][]string, list []Member, partitions, rf int) Assignment {
	return Assign(AssignInput{Previous: previous, Members: list, VirtualNodes: 128, Partitions: partitions, ReplicationFactor: rf})
}

func loads(a Assignment) map[string]int {
	out := map[string]int{}
	for _, nodes := range a {
		for _, n := range nodes {
			out[n]++
		}
	}
	return out
}

// requireValid checks what holds for every assignment: RF distinct members each.
func requireValid(t testing.TB, a Assignment, list []Member, partitions, rf int) {
	t.Helper()
	require.Len(t, a, partitions)
	for p, nodes := range a {
		require.Len(t, nodes, min(rf, len(list)), "copies of partition %d", p)
		for i, n := range nodes {
			require.True(t, slices.ContainsFunc(list, func(m Member) bool { return m.ID == n }), "%s is a member", n)
			require.NotContains(t, nodes[:i], n, "distinct nodes")
		}
	}
}

// requireSpread checks that the copies of each partition are spread over zones
// as evenly as the zones' node counts allow: no copy could go to a zone that
// has two fewer.
func requireSpread(t testing.TB, a Assignment, list []Member) {
	t.Helper()
	zoneOf, size := map[string]string{}, map[string]int{}
	for _, m := range list {
		zoneOf[m.ID] = m.Zone
		size[m.Zone]++
	}
	for p, nodes := range a {
		count := map[string]int{}
		for _, n := range nodes {
			count[zoneOf[n]]++
		}
		for full := range size {
			for free, nodes := range size {
				require.False(t, count[full] >= count[free]+2 && count[free] < nodes, "partition %d: %v", p, count)
			}
		}
	}
}

func requireBalanced(t testing.TB, a Assignment, list []Member, partitions, rf int) {
	t.Helper()
	average := float64(partitions*min(rf, len(list))) / float64(len(list))
	most := max(int(math.Ceil(average)), int(1.15*average))
	for n, load := range loads(a) {
		require.LessOrEqual(t, load, most, "copies on %s of %d nodes, %d partitions, RF %d", n, len(list), partitions, rf)
	}
}

func TestNoNodeHoldsMoreThanItsBoundOfCopies(t *testing.T) {
	for nodes := 3; nodes <= 30; nodes++ {
		for _, partitions := range []int{64, 256, 1024} {
			for rf := 1; rf <= 3; rf++ {
				list := members(nodes)
				a := assign(nil, list, partitions, rf)
				requireValid(t, a, list, partitions, rf)
				requireBalanced(t, a, list, partitions, rf)
				if float64(partitions*rf)/float64(nodes) > 1/0.15 { // below, whole copies are coarser than 15 %
					average := float64(partitions*rf) / float64(nodes)
					for n, load := range loads(a) {
						require.LessOrEqual(t, float64(load), 1.15*average, n)
					}
				}
			}
		}
	}
}

func TestNoNodeHoldsMoreThanItsBoundOfRealKeys(t *testing.T) {
	const partitions, rf, keys = 1024, 3, 400_000
	perPartition := make([]int, partitions)
	for i := range keys {
		perPartition[Partition(Slot(fmt.Appendf(nil, "user:%d:profile", i)), partitions)]++
	}
	worst := 0.0
	for nodes := 3; nodes <= 30; nodes++ {
		a := assign(nil, members(nodes), partitions, rf)
		held := map[string]int{}
		for p, list := range a {
			for _, n := range list {
				held[n] += perPartition[p]
			}
		}
		average := float64(keys*rf) / float64(nodes)
		for n, k := range held {
			require.LessOrEqual(t, float64(k), 1.15*average, "keys on %s of %d", n, nodes)
			worst = max(worst, float64(k)/average)
		}
	}
	t.Logf("fullest node over all sizes: %.3f of the average", worst)
}

func TestZonesAreSpreadAsEvenlyAsTheyCan(t *testing.T) {
	for _, zones := range [][]string{
		{"a", "b", "c"},           // one each
		{"a", "b"},                // fewer zones than copies
		{"a", "a", "b", "c"},      // uneven
		{"a", "a", "a", "b"},      // two, uneven
		{"a", "b", "c", "d", "e"}, // more than copies
	} {
		for nodes := 3; nodes <= 12; nodes++ {
			for rf := 1; rf <= 5; rf++ {
				list := members(nodes, zones...)
				a := assign(nil, list, 64, rf)
				requireValid(t, a, list, 64, rf)
				requireSpread(t, a, list)
			}
		}
	}
}

func TestThreeZonesHoldOneCopyEachAndStayBalanced(t *testing.T) {
	for nodes := 3; nodes <= 30; nodes += 3 {
		list := members(nodes, "a", "b", "c")
		a := assign(nil, list, 256, 3)
		requireSpread(t, a, list)
		requireBalanced(t, a, list, 256, 3)
	}
}

func TestAssignIsStableUnderPermutation(t *testing.T) {
	rnd := random(t)
	list := members(9, "a", "b", "c", "c")
	previous := assign(nil, list[:7], 64, 3)
	want := assign(previous, list, 64, 3)
	for range 20 {
		rnd.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		require.Equal(t, want, assign(previous, list, 64, 3))
	}
}

func TestWhoHoldsWhatDoesNotDependOnWhoLeads(t *testing.T) {
	rnd := random(t)
	list := members(6, "a", "b", "c")
	for range 50 {
		previous := assign(nil, list[:3+rnd.IntN(4)], 32, 3)
		for p := range previous { // some copies under way, at random
			if rnd.IntN(3) == 0 {
				previous[p] = append(previous[p], list[rnd.IntN(6)].ID)
			}
		}
		rf := 1 + rnd.IntN(3)
		want := assign(previous, list, 32, rf)
		for p := range previous {
			rnd.Shuffle(len(previous[p]), func(i, j int) { previous[p][i], previous[p][j] = previous[p][j], previous[p][i] })
		}
		got := assign(previous, list, 32, rf)
		for p := range want {
			require.ElementsMatch(t, want[p], got[p], "partition %d", p)
		}
	}
}

func TestAssignKeepsWhatIsRight(t *testing.T) {
	for nodes := 1; nodes <= 12; nodes++ {
		list := members(nodes, "a", "b", "c")
		a := assign(nil, list, 64, 3)
		require.Equal(t, a, assign(a, list, 64, 3), "%d nodes", nodes)
	}
}

// TestMovementIsMinimal is invariant I5 for single events from a settled ring:
// never more than 5 % above the least that any placement could do.
func TestMovementIsMinimal(t *testing.T) {
	for partitions, stride := range map[int]int{64: 1, 256: 4} {
		for from := 3; from <= 16; from += stride {
			for to := 3; to <= 16; to += stride {
				before := assign(nil, members(from), partitions, 3)
				after := assign(before, members(to), partitions, 3)
				requireBalanced(t, after, members(to), partitions, 3)
				requireMinimal(t, before, after, members(to), partitions, 3)
			}
		}
	}
}

func TestMovementIsMinimalWhenTheReplicationFactorChanges(t *testing.T) {
	for nodes := 3; nodes <= 12; nodes++ {
		list := members(nodes)
		for from := 1; from <= 3; from++ {
			for to := 1; to <= 3; to++ {
				before := assign(nil, list, 64, from)
				after := assign(before, list, 64, to)
				requireBalanced(t, after, list, 64, to)
				require.Equal(t, max(0, to-from)*64, Moves(before, after), "%d nodes, RF %d to %d", nodes, from, to)
			}
		}
	}
}

func TestMovementStaysMinimalOverSequencesOfChanges(t *testing.T) {
	rnd := random(t)
	for range 30 {
		list, next := members(3+rnd.IntN(5)), 100
		rf := 1 + rnd.IntN(3)
		a := assign(nil, list, 64, rf)
		for range 15 {
			switch k := rnd.IntN(4); {
			case k == 0 && len(list) > 3:
				i := rnd.IntN(len(list))
				list = slices.Delete(slices.Clone(list), i, i+1)
			case k == 1:
				rf = 1 + rnd.IntN(3)
			case k == 2: // a member replaced
				list = slices.Clone(list)
				list[rnd.IntN(len(list))].ID = fmt.Sprintf("r%d", next)
				next++
			default:
				list = append(slices.Clone(list), Member{ID: fmt.Sprintf("r%d", next)})
				next++
			}
			after := assign(a, list, 64, rf)
			requireValid(t, after, list, 64, rf)
			requireBalanced(t, after, list, 64, rf)
			requireMinimal(t, a, after, list, 64, rf)
			a = after
		}
	}
}

// requireMinimal compares the moves with a bound that holds for any algorithm:
// copies that are missing must be made, and members that have less than their
// share must get it.
func requireMinimal(t testing.TB, before, after Assignment, list []Member, partitions, rf int) {
	t.Helper()
	isMember := map[string]bool{}
	for _, m := range list {
		isMember[m.ID] = true
	}
	missing, load := 0, map[string]int{}
	for p := range partitions {
		kept := 0
		for _, n := range before[p] {
			if isMember[n] {
				kept++
				load[n]++
			}
		}
		missing += max(0, min(rf, len(list))-kept)
	}
	shares := 0
	for _, m := range list {
		shares += max(0, partitions*min(rf, len(list))/len(list)-load[m.ID])
	}
	least := max(missing, shares)
	require.LessOrEqual(t, Moves(before, after), least+least/20, "moves; the least possible is %d (missing %d, shares %d)", least, missing, shares)
}

func TestHalfDoneMovesAreFinishedAndNotRedone(t *testing.T) {
	rnd := random(t)
	before := assign(nil, members(3), 64, 3)
	list := members(5)
	total := Moves(before, assign(before, list, 64, 3))
	// Each round does one random move of the newest plan, as a coordinator does
	// that plans again after every step.
	now, done := before, 0
	for {
		want := assign(now, list, 64, 3)
		var open []int
		for p := range want {
			if Moves(now[p:p+1], want[p:p+1]) > 0 {
				open = append(open, p)
			}
		}
		if len(open) == 0 {
			break
		}
		p := open[rnd.IntN(len(open))]
		done += Moves(now[p:p+1], want[p:p+1])
		now = slices.Clone(now)
		now[p] = want[p]
		require.LessOrEqual(t, done, total, "replanning must not add moves")
	}
	require.Equal(t, total, done)
}

func TestACopyUnderWayIsKept(t *testing.T) {
	before := assign(nil, members(3), 64, 3)
	list := members(4)
	want := assign(before, list, 64, 3)
	for p := range want {
		if !slices.Contains(want[p], "n3") {
			continue
		}
		learning := slices.Clone(before)
		learning[p] = append(slices.Clone(before[p]), "n3") // three voters and a learner
		again := assign(learning, list, 64, 3)
		require.Contains(t, again[p], "n3", "partition %d", p)
		require.Equal(t, Moves(before, want)-1, Moves(learning, again))
	}
}

func TestPreferredLeadersAreEven(t *testing.T) {
	for nodes := 1; nodes <= 12; nodes++ {
		for rf := 1; rf <= 3; rf++ {
			a := assign(nil, members(nodes), 64, rf)
			count := map[string]int{}
			for _, list := range a {
				count[list[0]]++
			}
			for n, c := range count {
				require.InDelta(t, 64/float64(nodes), c, 1, "%s of %d nodes, RF %d", n, nodes, rf)
			}
		}
	}
}

func TestLeadersStayUnlessTheBalanceSaysOtherwise(t *testing.T) {
	a := assign(nil, members(3), 64, 3)
	after := assign(a, members(4), 64, 3)
	moved, led := 0, 0
	for p := range a {
		if a[p][0] != after[p][0] {
			moved++
		}
		if after[p][0] == "n3" {
			led++
		}
	}
	require.Equal(t, 16, led)
	require.LessOrEqual(t, moved, 22)
}

func TestLeadersAvoidsThoseThatMayNot(t *testing.T) {
	a := assign(nil, members(4), 64, 3)
	leaders := Leaders(a, firsts(a, 64), func(n string) bool { return n != "n2" })
	for p, n := range leaders {
		require.Contains(t, a[p], n)
		require.NotEqual(t, "n2", n)
	}
	require.Equal(t, make([]string, 64), Leaders(a, nil, func(string) bool { return false }))
}

func TestAssignTakesOddInput(t *testing.T) {
	require.Len(t, assign(nil, nil, 64, 3), 64)
	one := assign([][]string{{"gone", "n0", "n0"}}, members(1), 64, 3)
	requireValid(t, one, members(1), 64, 3)
	heavy := []Member{{ID: "a", Weight: 100}, {ID: "b"}, {ID: "c"}, {ID: "d", Weight: -1}}
	requireValid(t, assign(nil, heavy, 64, 3), heavy, 64, 3)
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		list := members(1+rnd.IntN(9), []string{"a", "b", "c"}[:1+rnd.IntN(3)]...)
		previous := make([][]string, rnd.IntN(40))
		for p := range previous {
			for range rnd.IntN(6) {
				previous[p] = append(previous[p], fmt.Sprintf("n%d", rnd.IntN(12)))
			}
		}
		rf := 1 + rnd.IntN(5)
		a := assign(previous, list, 32, rf)
		requireValid(t, a, list, 32, rf)
		requireSpread(t, a, list)
	}
}

func BenchmarkAssignLargeCluster(b *testing.B) {
	list := members(300, "a", "b", "c")
	settled := assign(nil, list, 1024, 3)
	for name, in := range map[string]struct {
		previous Assignment
		members  []Member
	}{
		"new":       {nil, list},
		"unchanged": {settled, list},
		"add10":     {settled, members(310, "a", "b", "c")},
		"remove10":  {settled, list[10:]},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				assign(in.previous, in.members, 1024, 3)
			}
		})
	}
}
