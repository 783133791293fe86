package ring

import "slices"

// level moves copies until no member is above its bound and none below the
// floor of its share, as far as the zones allow it. Each round takes the member
// that is furthest off and passes one copy along a chain of members, the chain
// that makes the fewest new copies: the successive shortest paths of a minimum
// cost flow, found by a breadth-first search with costs 0 and 1.
func (pl *placer) level() {
	stuck := make([]bool, len(pl.held))
	for {
		worst, by, over := -1, 0, false
		for m := range pl.held {
			if stuck[m] {
				continue
			}
			if off := pl.load(m) - pl.bound[m]; off > by {
				worst, by, over = m, off, true
			}
			if off := pl.floor[m] - pl.load(m); off > by {
				worst, by, over = m, off, false
			}
		}
		if worst < 0 {
			return
		}
		if chain := pl.chain(worst, over); chain == nil || !pl.pass(chain) {
			stuck[worst] = true
		}
	}
}

// hop is one copy of a partition going from one member to another.
type hop struct{ partition, from, to int }

// pass does the hops of a chain, all or none: a chain that uses one partition
// twice can forbid its own end.
func (pl *placer) pass(chain []hop) bool {
	for i, h := range chain {
		if !pl.has[h.partition*len(pl.held)+h.from] || !pl.allowed(h) {
			for _, done := range slices.Backward(chain[:i]) {
				pl.remove(done.partition, done.to)
				pl.add(done.partition, done.from)
			}
			return false
		}
		pl.remove(h.partition, h.from)
		pl.add(h.partition, h.to)
	}
	return true
}

// allowed tells whether a copy can go from a member that has it to one that
// has not, without breaking the spread of zones.
func (pl *placer) allowed(h hop) bool {
	if pl.has[h.partition*len(pl.held)+h.to] {
		return false
	}
	from, to := pl.ring.zone[h.from], pl.ring.zone[h.to]
	return from == to || pl.zoneCount(h.partition, from) > pl.low[from] && pl.zoneCount(h.partition, to) < pl.high[to]
}

// cost is 1 for a hop that takes a copy from where it was to where it was not;
// a copy that has to be made anyway is made elsewhere for nothing.
func (pl *placer) cost(h hop) int {
	n := len(pl.held)
	if pl.had[h.partition*n+h.from] && !pl.had[h.partition*n+h.to] {
		return 1
	}
	return 0
}

// chain finds the cheapest chain of hops that takes a copy away from start (out)
// or brings one to it (!out), in an order in which they can be done. The other
// end is a member that gets no worse by it.
func (pl *placer) chain(start int, out bool) []hop {
	s := newSearch(len(pl.held), start)
	end := -1
	for m := s.next(); m >= 0; m = s.next() {
		if end >= 0 && s.distance[m] >= s.distance[end] {
			break
		}
		pl.hops(m, out, func(h hop) {
			next := h.to
			if !out {
				next = h.from
			}
			if !s.reach(m, next, h, pl.cost(h), pl.closer) {
				return
			}
			if pl.ends(next, out) && next != start && (end < 0 || s.distance[next] < s.distance[end] ||
				s.distance[next] == s.distance[end] && pl.betterEnd(next, end, out)) {
				end = next
			}
		})
	}
	if end < 0 {
		return nil
	}
	var chain []hop
	for m := end; m != start; m = s.parent[m] {
		chain = append(chain, s.via[m]) // from the end: the receiver makes room first
	}
	return chain
}

func (pl *placer) ends(m int, out bool) bool {
	if out {
		return pl.load(m) < pl.ceil[m]
	}
	return pl.load(m) > pl.floor[m]
}

func (pl *placer) betterEnd(a, b int, out bool) bool {
	if out {
		return pl.surplus(a) < pl.surplus(b)
	}
	return pl.surplus(a) > pl.surplus(b)
}

// closer tells whether the receiver of a comes earlier in the preference of its
// partition than the receiver of b in that of its own.
func (pl *placer) closer(a, b hop) bool {
	return pl.distance(a.partition, a.to) < pl.distance(b.partition, b.to)
}

// hops calls fn with every allowed hop away from m (out) or to it.
func (pl *placer) hops(m int, out bool, fn func(hop)) {
	if out {
		for _, p := range pl.held[m] {
			for to := range pl.held {
				if h := (hop{p, m, to}); pl.allowed(h) {
					fn(h)
				}
			}
		}
		return
	}
	n := len(pl.held)
	for p := range pl.partitions {
		if pl.has[p*n+m] {
			continue
		}
		for _, from := range pl.current[p] {
			if h := (hop{p, from, m}); pl.allowed(h) {
				fn(h)
			}
		}
	}
}

// search is a breadth-first search over members with edge costs 0 and 1.
type search struct {
	distance []int
	parent   []int
	via      []hop
	done     []bool
	near     []int // reached, at the current distance
	far      []int // reached, one further
}

const unreached = int(^uint(0) >> 1)

func newSearch(n, start int) *search {
	s := &search{distance: make([]int, n), parent: make([]int, n), via: make([]hop, n), done: make([]bool, n)}
	for i := range s.distance {
		s.distance[i] = unreached
	}
	s.distance[start] = 0
	s.near = []int{start}
	return s
}

// next takes the nearest member not yet taken; -1 when there is none.
func (s *search) next() int {
	for {
		if len(s.near) == 0 {
			if len(s.far) == 0 {
				return -1
			}
			s.near, s.far = s.far, nil
		}
		m := s.near[0]
		s.near = s.near[1:]
		if !s.done[m] {
			s.done[m] = true
			return m
		}
	}
}

// reach records that next can be reached from m by h. It returns false when a
// way at least as good is known.
func (s *search) reach(m, next int, h hop, cost int, closer func(a, b hop) bool) bool {
	if s.done[next] {
		return false
	}
	distance := s.distance[m] + cost
	if distance > s.distance[next] {
		return false
	}
	if distance == s.distance[next] && (s.parent[next] != m || !closer(h, s.via[next])) {
		return false
	}
	if distance < s.distance[next] {
		if cost == 0 {
			s.near = append(s.near, next)
		} else {
			s.far = append(s.far, next)
		}
	}
	s.distance[next], s.parent[next], s.via[next] = distance, m, h
	return true
}
