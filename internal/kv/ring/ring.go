// Package ring says which nodes should hold which keys. It is pure: no clock, no
// I/O, no state, and the same answer for the same members in any order.
//
//	key --CRC16--> slot (16384) --run of neighbours--> partition (P) --ring--> nodes
//
// Every node stands at many points of a 64-bit ring (virtual nodes). Walking
// clockwise from a partition's point gives that partition's order of
// preference. Assign turns the preferences into a placement that is balanced,
// spreads zones and moves as little as possible:
//
//   - Zones come first. The copies of a partition are spread over zones as
//     evenly as the number of nodes in each zone allows.
//   - The load is bounded. No node holds more than (1 + LoadBound) times its
//     share of the copies, rounded to whole copies, and none holds less than
//     its share rounded down. (Consistent hashing with bounded loads:
//     Mirrokni, Thorup, Zadimoghaddam, 2016; the lower bound is ours, so that a
//     node that joins gets its share.)
//   - What these two leave open stays where it was; what must move goes to the
//     node that comes first in the partition's order of preference.
//
// When zones hold different numbers of nodes, an even spread of the copies over
// zones and an even load cannot both be had: the spread wins, and a node's share
// is then its part of what its zone must hold.
package ring

import (
	"cmp"
	"hash/fnv"
	"slices"
	"sort"
	"sync"
)

// Member is a node on the ring.
type Member struct {
	ID   string
	Zone string // empty is a zone like any other
	// Weight scales the number of virtual nodes and the share of the copies; 0
	// means 1.
	Weight int
}

// Ring is an unchanging set of members on the ring. It is safe for concurrent
// use.
type Ring struct {
	members []Member // sorted by ID, without duplicates
	zone    []int    // by member: index of its zone in the sorted list of zones
	zones   int
	own     [][]uint64 // by member: the positions of its virtual nodes, sorted

	once   sync.Once // guards points: a placement that changes nothing needs no walk
	points []point   // all virtual nodes, sorted by position
}

type point struct {
	position uint64
	member   int32
}

// New returns the ring of members with virtualNodes points for a weight of one.
// Of members with the same ID the first counts; fewer than one virtual node
// counts as one.
func New(members []Member, virtualNodes int) *Ring {
	virtualNodes = max(virtualNodes, 1)
	r := &Ring{members: distinct(members)}
	r.own = make([][]uint64, len(r.members))
	r.indexZones()
	for i, m := range r.members {
		count := virtualNodes * max(m.Weight, 1)
		positions := make([]uint64, count)
		seed := hashString(m.ID)
		for v := range positions {
			positions[v] = mix(seed + uint64(v)*0x9e3779b97f4a7c15)
		}
		slices.Sort(positions)
		r.own[i] = positions
	}
	return r
}

// sorted returns all virtual nodes in the order of the ring.
func (r *Ring) sorted() []point {
	r.once.Do(func() {
		for i, positions := range r.own {
			for _, position := range positions {
				r.points = append(r.points, point{position, int32(i)})
			}
		}
		slices.SortFunc(r.points, func(a, b point) int {
			if a.position == b.position { // as good as impossible, and ordered all the same
				return cmp.Compare(a.member, b.member)
			}
			return cmp.Compare(a.position, b.position)
		})
	})
	return r.points
}

func distinct(members []Member) []Member {
	sorted := slices.Clone(members)
	slices.SortStableFunc(sorted, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	return slices.CompactFunc(sorted, func(a, b Member) bool { return a.ID == b.ID })
}

func (r *Ring) indexZones() {
	var names []string
	for _, m := range r.members {
		names = append(names, m.Zone)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	r.zones = len(names)
	r.zone = make([]int, len(r.members))
	for i, m := range r.members {
		r.zone[i], _ = slices.BinarySearch(names, m.Zone)
	}
}

// Members returns the members, sorted by ID. The caller must not change it.
func (r *Ring) Members() []Member { return r.members }

// Node returns the node that comes first for key by the ring alone, without
// regard to load; empty if the ring is empty. All keys of a slot have the same
// node.
func (r *Ring) Node(key []byte) string {
	if len(r.members) == 0 {
		return ""
	}
	points := r.sorted()
	return r.members[points[after(points, slotPoint(Slot(key)))].member].ID
}

// Nodes returns the first n distinct nodes for key, zones spread first: no zone
// has a second node before every zone has one. It returns fewer when the ring
// has fewer.
func (r *Ring) Nodes(key []byte, n int) []string {
	return r.names(r.order(slotPoint(Slot(key)), n))
}

// Preference returns all nodes in the order of preference of a partition, zones
// spread first. partitions must be a power of two from 1 to Slots.
func (r *Ring) Preference(partition, partitions int) []string {
	return r.names(r.order(partitionPoint(partition, partitions), len(r.members)))
}

// order returns the first n members clockwise from position, zones spread first.
func (r *Ring) order(position uint64, n int) []int {
	n = min(n, len(r.members))
	if n <= 0 {
		return nil
	}
	queues := make([][]int, r.zones) // by zone: its members in clockwise order
	rank := make([]int, len(r.members))
	met := 0
	r.walk(position, func(member int) bool {
		rank[member] = met
		met++
		queues[r.zone[member]] = append(queues[r.zone[member]], member)
		return true
	})
	// Taken round by round: the i-th of every zone before the (i+1)-th of any.
	out := make([]int, 0, n)
	for round := 0; len(out) < n; round++ {
		start := len(out)
		for _, queue := range queues {
			if round < len(queue) {
				out = append(out, queue[round])
			}
		}
		slices.SortFunc(out[start:], func(a, b int) int { return cmp.Compare(rank[a], rank[b]) })
	}
	return out[:n]
}

// walk calls fn with each member once, clockwise from position, until fn
// returns false.
func (r *Ring) walk(position uint64, fn func(member int) bool) {
	seen := make([]bool, len(r.members))
	left := len(r.members)
	points := r.sorted()
	for i := after(points, position); left > 0; i = (i + 1) % len(points) {
		member := points[i].member
		if seen[member] {
			continue
		}
		seen[member] = true
		left--
		if !fn(int(member)) {
			return
		}
	}
}

// after returns the index of the first point at or after position.
func after(points []point, position uint64) int {
	i := sort.Search(len(points), func(i int) bool { return points[i].position >= position })
	return i % len(points)
}

// distances returns, by partition, how far clockwise from its point the first point of
// member is: the smaller, the more the partition prefers that member.
func (r *Ring) distances(partitions, member int) []uint64 {
	own, next := r.own[member], 0
	out := make([]uint64, partitions)
	for p := range out { // partitions are in the order of the ring, as own is
		position := partitionPoint(p, partitions)
		for next < len(own) && own[next] < position {
			next++
		}
		out[p] = own[next%len(own)] - position // wraps around as the ring does
	}
	return out
}

func (r *Ring) names(members []int) []string {
	names := make([]string, len(members))
	for i, m := range members {
		names[i] = r.members[m].ID
	}
	return names
}

// slotPoint spreads the slots evenly over the ring in their order.
func slotPoint(slot uint16) uint64 { return uint64(slot) << 50 }

// partitionPoint is the point of the partition's first slot.
func partitionPoint(partition, partitions int) uint64 {
	return slotPoint(uint16(partition * (Slots / partitions)))
}

func hashString(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s)) // never fails
	return mix(h.Sum64())
}

// mix is the finalizer of splitmix64 (Steele, Lea, Flood, 2014): every bit of x
// moves half the bits of the result. FNV alone is too regular for short names.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
