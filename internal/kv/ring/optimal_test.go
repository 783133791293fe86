package ring

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMovementIsThatOfAnOptimalFlow compares Assign with a minimum cost flow
// through partitions, zones and members under the same bounds, for random
// changes of members, zones and replication factor.
func TestMovementIsThatOfAnOptimalFlow(t *testing.T) {
	rnd := random(t)
	moves, least := 0, 0
	for range 300 {
		const partitions = 16
		zones := []string{"a", "b", "c", "d"}[:1+rnd.IntN(4)]
		list := randomMembers(rnd, zones)
		before := assign(nil, list, partitions, 1+rnd.IntN(3))
		for range 2 { // away from what a first placement gives
			list = randomMembers(rnd, zones)
			before = assign(before, list, partitions, 1+rnd.IntN(3))
		}
		list = randomMembers(rnd, zones)
		in := AssignInput{Previous: before, Members: list, VirtualNodes: 32, Partitions: partitions, ReplicationFactor: 1 + rnd.IntN(3)}
		after := Assign(in)
		pl := newPlacer(New(list, 32), in)
		optimum, feasible := optimalMoves(pl)
		if !feasible {
			continue // the spread of zones leaves no way within the load bounds
		}
		load := loads(after)
		for m, member := range pl.ring.members {
			require.GreaterOrEqual(t, load[member.ID], pl.floor[m], "%s has its share", member.ID)
			require.LessOrEqual(t, load[member.ID], pl.bound[m], "%s is within its bound", member.ID)
		}
		got := Moves(before, after)
		require.LessOrEqual(t, got, optimum+max(1, optimum/20), "moves; an optimal flow needs %d", optimum)
		moves, least = moves+got, least+optimum
	}
	t.Logf("%d moves where %d were needed", moves, least)
	require.LessOrEqual(t, moves, least+least/50, "2 %% in all")
}

func randomMembers(rnd *rand.Rand, zones []string) []Member {
	var out []Member
	for i := range 9 {
		if len(out) < 3 || rnd.IntN(3) > 0 {
			out = append(out, Member{ID: fmt.Sprintf("n%d", i), Zone: zones[i%len(zones)]})
		}
	}
	return out
}

// optimalMoves returns the fewest copies to make for a placement within the
// placer's bounds, and whether there is one.
func optimalMoves(pl *placer) (moves int, feasible bool) {
	const must = -1000 // the cost of a unit that a lower bound asks for
	f := &flow{}
	source, sink := f.node(), f.node()
	members := make([]int, len(pl.held))
	musts := 0
	for m := range members {
		members[m] = f.node()
		f.edge(members[m], sink, pl.floor[m], must)
		f.edge(members[m], sink, pl.bound[m]-pl.floor[m], 0)
		musts += pl.floor[m]
	}
	for p := range pl.partitions {
		partition := f.node()
		f.edge(source, partition, pl.rf, 0)
		for z := range pl.ring.zones {
			zone := f.node()
			f.edge(partition, zone, pl.low[z], must)
			f.edge(partition, zone, pl.high[z]-pl.low[z], 0)
			musts += pl.low[z]
			for m := range members {
				if pl.ring.zone[m] != z {
					continue
				}
				cost := 1
				if pl.had[p*len(members)+m] {
					cost = 0
				}
				f.edge(zone, members[m], 1, cost)
			}
		}
	}
	amount, cost := f.cheapest(source, sink, pl.partitions*pl.rf)
	moves = cost - must*musts
	return moves, amount == pl.partitions*pl.rf && moves >= 0 && moves < -must
}

// flow is a graph for minimum cost flows by successive shortest paths.
type flow struct {
	out   [][]int // by node: indexes of edges
	edges []flowEdge
}

// flowEdge i and i^1 are each other's reverse.
type flowEdge struct{ to, room, cost int }

func (f *flow) node() int {
	f.out = append(f.out, nil)
	return len(f.out) - 1
}

func (f *flow) edge(from, to, room, cost int) {
	f.out[from] = append(f.out[from], len(f.edges))
	f.out[to] = append(f.out[to], len(f.edges)+1)
	f.edges = append(f.edges, flowEdge{to, room, cost}, flowEdge{from, 0, -cost})
}

// cheapest sends up to want units and returns how many went, at which cost.
func (f *flow) cheapest(source, sink, want int) (sent, cost int) {
	for ; sent < want; sent++ {
		distance, via := f.shortest(source)
		if via[sink] < 0 {
			return sent, cost
		}
		for n := sink; n != source; n = f.edges[via[n]^1].to {
			f.edges[via[n]].room--
			f.edges[via[n]^1].room++
		}
		cost += distance[sink]
	}
	return sent, cost
}

// shortest is Bellman-Ford with a queue: costs can be negative.
func (f *flow) shortest(source int) (distance, via []int) {
	const far = 1 << 40
	distance, via = slices.Repeat([]int{far}, len(f.out)), slices.Repeat([]int{-1}, len(f.out))
	queued := make([]bool, len(f.out))
	distance[source] = 0
	for queue := []int{source}; len(queue) > 0; queue = queue[1:] {
		n := queue[0]
		queued[n] = false
		for _, e := range f.out[n] {
			if to, d := f.edges[e].to, distance[n]+f.edges[e].cost; f.edges[e].room > 0 && d < distance[to] {
				distance[to], via[to] = d, e
				if !queued[to] {
					queued[to] = true
					queue = append(queue, to)
				}
			}
		}
	}
	return distance, via
}
