package ring

import "math"

// spread returns, by zone, how many copies of one partition the zone must and
// may hold, so that copies are as even over zones as the zones' node counts
// allow: low differs from high only for the copies that are left over when rf
// is no multiple of the number of zones.
func spread(nodes []int, rf int) (low, high []int) {
	level := 0 // every zone gives min(nodes, level) copies
	for sumMin(nodes, level+1) <= rf && sumMin(nodes, level+1) > sumMin(nodes, level) {
		level++
	}
	top := level
	if sumMin(nodes, level) < rf {
		top++
	}
	low, high = make([]int, len(nodes)), make([]int, len(nodes))
	for z, n := range nodes {
		low[z], high[z] = min(n, level), min(n, top)
	}
	return low, high
}

func sumMin(values []int, level int) (sum int) {
	for _, v := range values {
		sum += min(v, level)
	}
	return sum
}

// shares returns how many copies each member should hold: even by weight, but
// no zone outside of what the spread of zones asks of it, and no member with
// more than one copy of a partition.
func shares(r *Ring, low, high []int, partitions, rf int) []float64 {
	weights := make([]float64, r.zones)
	least, most := make([]float64, r.zones), make([]float64, r.zones)
	for i, m := range r.members {
		weights[r.zone[i]] += float64(max(m.Weight, 1))
	}
	for z := range weights {
		least[z], most[z] = float64(partitions*low[z]), float64(partitions*high[z])
	}
	zoneShare := pour(float64(partitions*rf), weights, least, most)

	out := make([]float64, len(r.members))
	for z := range zoneShare {
		var members []int
		var weights, least, most []float64
		for i, m := range r.members {
			if r.zone[i] == z {
				members = append(members, i)
				weights = append(weights, float64(max(m.Weight, 1)))
				least, most = append(least, 0), append(most, float64(partitions))
			}
		}
		for i, share := range pour(zoneShare[z], weights, least, most) {
			out[members[i]] = share
		}
	}
	return out
}

// pour divides total by weight within limits: it finds the level at which
// clamp(level*weight, least, most) adds up to total.
func pour(total float64, weights, least, most []float64) []float64 {
	at := func(level float64, i int) float64 {
		return math.Min(math.Max(level*weights[i], least[i]), most[i])
	}
	low, high := 0.0, 1.0
	for i := range most {
		high = math.Max(high, most[i]/weights[i])
	}
	for range 64 { // halves until the last bits
		middle, sum := (low+high)/2, 0.0
		for i := range weights {
			sum += at(middle, i)
		}
		if sum < total {
			low = middle
		} else {
			high = middle
		}
	}
	out := make([]float64, len(weights))
	for i := range out {
		out[i] = at(high, i)
	}
	return out
}

// wholeBounds rounds a share to whole copies: the least and the usual most that
// a member should hold, and the bound that it must not exceed. The small number
// hides the noise of floating point, so that a share of 48 is 48 and not 49.
func wholeBounds(share, loadBound float64) (floor, ceil, bound int) {
	const noise = 1e-6
	floor = int(math.Floor(share + noise))
	ceil = int(math.Ceil(share - noise))
	bound = max(ceil, int(math.Floor(share*(1+loadBound)+noise)))
	return floor, ceil, bound
}
