package ring

import "slices"

// Leaders chooses the node that should lead each partition from those that hold
// it, evenly, and leaves a leader where it is (current, by partition; empty for
// none) unless the balance says otherwise: no node leads more than the average
// rounded up, and none less than the average rounded down if it holds enough.
//
// eligible says which nodes may lead; nil means all. A partition without an
// eligible node gets the empty string. The average is taken over the eligible
// nodes that hold anything.
func Leaders(holders [][]string, current []string, eligible func(node string) bool) []string {
	b := newLeaderBalance(holders, eligible)
	for p := range holders {
		if p < len(current) {
			if n := b.index(current[p]); n >= 0 && slices.Contains(b.holders[p], n) {
				b.lead(p, n)
			}
		}
	}
	for p, nodes := range b.holders {
		if b.leader[p] >= 0 || len(nodes) == 0 {
			continue
		}
		least := nodes[0]
		for _, n := range nodes {
			if len(b.leads[n]) < len(b.leads[least]) {
				least = n
			}
		}
		b.lead(p, least)
	}
	b.level()
	out := make([]string, len(holders))
	for p, n := range b.leader {
		if n >= 0 {
			out[p] = b.nodes[n]
		}
	}
	return out
}

type leaderBalance struct {
	nodes   []string       // sorted
	at      map[string]int // their indexes
	holders [][]int        // by partition, eligible ones only
	leader  []int          // by partition; -1 for none
	leads   [][]int        // by node: partitions
	holds   [][]int        // by node: partitions

	parent, via, queue []int // of pass, for their memory
}

func newLeaderBalance(holders [][]string, eligible func(string) bool) *leaderBalance {
	b := &leaderBalance{holders: make([][]int, len(holders)), leader: make([]int, len(holders)), at: map[string]int{}}
	for _, list := range holders {
		for _, node := range list {
			if _, known := b.at[node]; !known && (eligible == nil || eligible(node)) {
				b.at[node] = 0
				b.nodes = append(b.nodes, node)
			}
		}
	}
	slices.Sort(b.nodes)
	for i, node := range b.nodes {
		b.at[node] = i
	}
	b.leads, b.holds = make([][]int, len(b.nodes)), make([][]int, len(b.nodes))
	b.parent, b.via, b.queue = make([]int, len(b.nodes)), make([]int, len(b.nodes)), make([]int, 0, len(b.nodes))
	for p, list := range holders {
		b.leader[p] = -1
		for _, node := range list {
			if n := b.index(node); n >= 0 && !slices.Contains(b.holders[p], n) {
				b.holders[p] = append(b.holders[p], n)
				b.holds[n] = append(b.holds[n], p)
			}
		}
	}
	return b
}

// index returns the index of an eligible node, or -1.
func (b *leaderBalance) index(node string) int {
	if i, ok := b.at[node]; ok {
		return i
	}
	return -1
}

func (b *leaderBalance) lead(p, n int) {
	if old := b.leader[p]; old >= 0 {
		b.leads[old] = without(b.leads[old], p)
	}
	b.leader[p] = n
	b.leads[n] = append(b.leads[n], p)
}

// level passes leaderships along the shortest chains until all are even or no
// chain helps.
func (b *leaderBalance) level() {
	if len(b.nodes) == 0 {
		return
	}
	led := 0
	for _, n := range b.leader {
		if n >= 0 {
			led++
		}
	}
	floor, ceil := led/len(b.nodes), (led+len(b.nodes)-1)/len(b.nodes)
	stuck := make([]bool, len(b.nodes))
	for {
		worst, by := -1, 0
		for n := range b.nodes {
			off := max(len(b.leads[n])-ceil, floor-len(b.leads[n]))
			if !stuck[n] && off > by {
				worst, by = n, off
			}
		}
		if worst < 0 {
			return
		}
		over := len(b.leads[worst]) > ceil
		if !b.pass(worst, over, floor, ceil) {
			stuck[worst] = true
		}
	}
}

// pass takes one leadership from start (over) or brings it one, by a
// breadth-first search for the nearest node that is not made worse by it.
func (b *leaderBalance) pass(start int, over bool, floor, ceil int) bool {
	parent, via := b.parent, b.via
	for n := range parent {
		parent[n] = -1
	}
	parent[start] = start
	queue := append(b.queue[:0], start) // every node comes once at most
	for i := 0; i < len(queue); i++ {
		n := queue[i]
		if n != start && (over && len(b.leads[n]) < ceil || !over && len(b.leads[n]) > floor) {
			for ; n != start; n = parent[n] {
				if over {
					b.lead(via[n], n)
				} else {
					b.lead(via[n], parent[n])
				}
			}
			return true
		}
		b.neighbours(n, over, func(next, p int) {
			if parent[next] < 0 {
				parent[next], via[next] = n, p
				queue = append(queue, next)
			}
		})
	}
	return false
}

// neighbours calls fn with the nodes that could take a leadership from n (over)
// or give one to it, and the partition.
func (b *leaderBalance) neighbours(n int, over bool, fn func(next, partition int)) {
	if over {
		for _, p := range b.leads[n] {
			for _, next := range b.holders[p] {
				fn(next, p)
			}
		}
		return
	}
	for _, p := range b.holds[n] {
		if leader := b.leader[p]; leader >= 0 {
			fn(leader, p)
		}
	}
}
