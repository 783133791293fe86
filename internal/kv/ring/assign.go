package ring

// DefaultLoadBound is how far above its share of the copies a node may be: 15 %.
const DefaultLoadBound = 0.15

// AssignInput is what a placement depends on.
type AssignInput struct {
	// Previous names, by partition, the nodes that hold a copy now; the first
	// is the leader. Copies beyond ReplicationFactor are fine: Assign keeps
	// those that suit it best, so a copy under way may be named too. May be nil
	// or shorter than Partitions. Names that are no members are copies to be
	// made anew.
	Previous [][]string
	Members  []Member
	// VirtualNodes by member of weight one.
	VirtualNodes int
	// Partitions is a power of two from 1 to Slots.
	Partitions int
	// ReplicationFactor is the wanted number of copies; with fewer members,
	// every member holds one.
	ReplicationFactor int
	// LoadBound is how far a node may be above its share; 0 means
	// DefaultLoadBound.
	LoadBound float64
}

// Assignment names the nodes of each partition, by partition. The first is the
// preferred leader.
type Assignment [][]string

// Assign places ReplicationFactor copies of every partition. It is
// deterministic and does not depend on the order of Members. It returns an
// assignment of empty lists when there are no members.
//
// It keeps what Previous has, as far as zones and load allow, and moves the
// fewest copies that make both right.
func Assign(in AssignInput) Assignment {
	out := make(Assignment, in.Partitions)
	r := New(in.Members, in.VirtualNodes)
	if len(r.members) == 0 || in.ReplicationFactor < 1 {
		return out
	}
	pl := newPlacer(r, in)
	for p := range in.Partitions {
		pl.shrink(p)
	}
	for p := range in.Partitions {
		pl.fill(p)
	}
	pl.level()
	for p := range out {
		out[p] = r.names(pl.ordered(p))
	}
	leaders := Leaders(out, firsts(in.Previous, in.Partitions), nil)
	for p, leader := range leaders {
		toFront(out[p], leader)
	}
	return out
}

// Moves returns how many copies of next are not in previous: how many copies
// have to be made to get from one to the other.
func Moves(previous, next [][]string) int {
	moves := 0
	for p := range next {
		for _, node := range next[p] {
			if p >= len(previous) || !contains(previous[p], node) {
				moves++
			}
		}
	}
	return moves
}

func firsts(lists [][]string, n int) []string {
	out := make([]string, n)
	for p := range min(n, len(lists)) {
		if len(lists[p]) > 0 {
			out[p] = lists[p][0]
		}
	}
	return out
}

func toFront(list []string, name string) {
	for i, s := range list {
		if s == name {
			copy(list[1:i+1], list[:i])
			list[0] = name
			return
		}
	}
}

func contains(list []string, name string) bool {
	for _, s := range list {
		if s == name {
			return true
		}
	}
	return false
}
