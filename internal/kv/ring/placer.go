package ring

import "slices"

// placer is a placement in the making. Members, zones and partitions are
// indexes here.
type placer struct {
	ring       *Ring
	partitions int
	rf         int
	low, high  []int // by zone: copies of one partition that it must and may hold

	share []float64 // by member: copies that it should hold
	floor []int     // by member: fewer than this, and it is given more
	ceil  []int     // by member: new copies fill it up to this
	bound []int     // by member: more than this, and copies leave

	previous [][]int // by partition, members only
	had      []bool  // [partition*members+member]: in previous
	current  [][]int
	has      []bool
	inZone   []int   // [partition*zones+zone]: copies in current
	held     [][]int // by member: partitions in current

	distances [][]uint64 // by member, by partition; nil until one is asked for
}

func newPlacer(r *Ring, in AssignInput) *placer {
	n := len(r.members)
	pl := &placer{
		ring: r, partitions: in.Partitions, rf: min(in.ReplicationFactor, n),
		floor: make([]int, n), ceil: make([]int, n), bound: make([]int, n),
		previous: make([][]int, in.Partitions), current: make([][]int, in.Partitions),
		had: make([]bool, in.Partitions*n), has: make([]bool, in.Partitions*n),
		inZone: make([]int, in.Partitions*r.zones), held: make([][]int, n),
		distances: make([][]uint64, n),
	}
	nodes := make([]int, r.zones)
	for _, z := range r.zone {
		nodes[z]++
	}
	pl.low, pl.high = spread(nodes, pl.rf)
	pl.share = shares(r, pl.low, pl.high, in.Partitions, pl.rf)
	loadBound := in.LoadBound
	if loadBound == 0 {
		loadBound = DefaultLoadBound
	}
	for m, share := range pl.share {
		pl.floor[m], pl.ceil[m], pl.bound[m] = wholeBounds(share, loadBound)
	}
	index := make(map[string]int, n)
	for i, m := range r.members {
		index[m.ID] = i
	}
	for p := range min(in.Partitions, len(in.Previous)) {
		for _, name := range in.Previous[p] {
			if m, ok := index[name]; ok && !pl.had[p*n+m] {
				pl.had[p*n+m] = true
				pl.previous[p] = append(pl.previous[p], m)
			}
		}
		// Added in the order of members, so that who holds what does not depend
		// on who leads: a plan must not change when a leadership does.
		for _, m := range slices.Sorted(slices.Values(pl.previous[p])) {
			pl.add(p, m)
		}
	}
	return pl
}

func (pl *placer) load(m int) int { return len(pl.held[m]) }

// surplus is how many copies m holds beyond its share.
func (pl *placer) surplus(m int) float64 { return float64(pl.load(m)) - pl.share[m] }

func (pl *placer) zoneCount(p, z int) int { return pl.inZone[p*pl.ring.zones+z] }

func (pl *placer) add(p, m int) {
	pl.has[p*len(pl.held)+m] = true
	pl.inZone[p*pl.ring.zones+pl.ring.zone[m]]++
	pl.held[m] = append(pl.held[m], p)
	pl.current[p] = append(pl.current[p], m)
}

func (pl *placer) remove(p, m int) {
	pl.has[p*len(pl.held)+m] = false
	pl.inZone[p*pl.ring.zones+pl.ring.zone[m]]--
	pl.held[m] = without(pl.held[m], p)
	pl.current[p] = without(pl.current[p], m)
}

func without(list []int, v int) []int {
	i := slices.Index(list, v)
	return slices.Delete(list, i, i+1)
}

// shrink drops copies of p that are too many, in all or in a zone, until what
// is missing can be added without breaking the spread of zones.
func (pl *placer) shrink(p int) {
	for {
		crowded, missing := false, 0
		for z := range pl.ring.zones {
			count := pl.zoneCount(p, z)
			crowded = crowded || count > pl.high[z]
			missing += max(0, pl.low[z]-count)
		}
		if !crowded && len(pl.current[p])+missing <= pl.rf {
			return
		}
		worst := -1
		for _, m := range pl.current[p] {
			count, z := pl.zoneCount(p, pl.ring.zone[m]), pl.ring.zone[m]
			if crowded && count <= pl.high[z] || count <= pl.low[z] {
				continue
			}
			if worst < 0 || pl.drops(p, m, worst) {
				worst = m
			}
		}
		pl.remove(p, worst)
	}
}

// drops tells whether p should rather lose its copy on a than that on b: on the
// fuller node, then on the one that p prefers less. Who leads is no reason: a
// coordinator hands the leadership over before it removes a copy and plans again
// in between, and a plan that follows the leader would have it chase its tail.
func (pl *placer) drops(p, a, b int) bool {
	if sa, sb := pl.surplus(a), pl.surplus(b); sa != sb {
		return sa > sb
	}
	return pl.distance(p, a) > pl.distance(p, b)
}

// distance is how far from the point of partition p member m is: see Ring.distances.
func (pl *placer) distance(p, m int) uint64 {
	if pl.distances[m] == nil {
		pl.distances[m] = pl.ring.distances(pl.partitions, m)
	}
	return pl.distances[m][p]
}

// fill adds the copies that p lacks, in its order of preference, and passes over
// members that have their share.
func (pl *placer) fill(p int) {
	for len(pl.current[p]) < pl.rf {
		below, room, least := -1, -1, -1
		pl.ring.walk(partitionPoint(p, pl.partitions), func(m int) bool {
			switch {
			case !pl.fits(p, m):
			case pl.load(m) < pl.floor[m]:
				below = m
				return false
			case room < 0 && pl.load(m) < pl.ceil[m]:
				room = m
			case least < 0 || pl.surplus(m) < pl.surplus(least):
				least = m
			}
			return true
		})
		switch {
		case below >= 0:
			pl.add(p, below)
		case room >= 0:
			pl.add(p, room)
		default:
			pl.add(p, least) // level finds it a better place
		}
	}
}

// fits tells whether p can have a further copy at m: m has none, and the zones
// can still all get what they must.
func (pl *placer) fits(p, m int) bool {
	z := pl.ring.zone[m]
	if pl.has[p*len(pl.held)+m] || pl.zoneCount(p, z) >= pl.high[z] {
		return false
	}
	missing := 0
	for other := range pl.ring.zones {
		count := pl.zoneCount(p, other)
		if other == z {
			count++
		}
		missing += max(0, pl.low[other]-count)
	}
	return len(pl.current[p])+1+missing <= pl.rf
}

// ordered returns the members of p: first those it had, in their order, then
// the new ones in the order of preference.
func (pl *placer) ordered(p int) []int {
	n := len(pl.held)
	out := make([]int, 0, pl.rf)
	for _, m := range pl.previous[p] {
		if pl.has[p*n+m] {
			out = append(out, m)
		}
	}
	kept := len(out)
	for _, m := range pl.current[p] {
		if !pl.had[p*n+m] {
			out = append(out, m)
		}
	}
	slices.SortFunc(out[kept:], func(a, b int) int {
		da, db := pl.distance(p, a), pl.distance(p, b)
		switch {
		case da < db:
			return -1
		case da > db:
			return 1
		}
		return a - b
	})
	return out
}
