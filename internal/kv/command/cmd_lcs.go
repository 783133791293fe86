package command

// maxLCSCells bounds the product of the lengths of LCS's strings. Redis needs four
// bytes for each and refuses more than proto-max-bulk-len, 512 MiB by default.
const maxLCSCells = 512 << 20 / 4

// lcsOptions are the options of LCS.
type lcsOptions struct {
	length, indexes, withMatchLen bool
	minMatchLen                   int64
}

func parseLCSOptions(options [][]byte, r *Reply) (o lcsOptions, ok bool) {
	for i := 0; i < len(options); i++ {
		switch {
		case is(options[i], "IDX"):
			o.indexes = true
		case is(options[i], "LEN"):
			o.length = true
		case is(options[i], "WITHMATCHLEN"):
			o.withMatchLen = true
		case is(options[i], "MINMATCHLEN") && i+1 < len(options):
			i++
			if o.minMatchLen, ok = intArg(options[i], r); !ok {
				return o, false
			}
		default:
			r.Error(ErrSyntax)
			return o, false
		}
	}
	if o.length && o.indexes {
		r.Error("ERR If you want both the length and indexes, please just use IDX.")
		return o, false
	}
	return o, true
}

// LCS key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]
func lcs(c *Context, args [][]byte, r *Reply) {
	first, _ := c.get(args[1])
	second, _ := c.get(args[2])
	a, b := first.Value, second.Value
	o, ok := parseLCSOptions(args[3:], r)
	if !ok {
		return
	}
	if (len(a)+1)*(len(b)+1) > maxLCSCells {
		r.Error("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len")
		return
	}
	t := newLCSTable(a, b)
	switch {
	case o.length:
		r.Int(int64(t.length))
	case o.indexes:
		ranges := t.ranges(o.minMatchLen)
		r.Map(2)
		r.BulkString("matches")
		r.Array(len(ranges))
		for _, m := range ranges {
			m.reply(o.withMatchLen, r)
		}
		r.BulkString("len")
		r.Int(int64(t.length))
	default:
		r.Bulk(t.sequence())
	}
}

// lcsTable is the longest common subsequence of two strings, by the textbook's
// dynamic programming. Where the strings differ, a bit per pair of positions says
// which way the longer subsequence lies; that is all that the way back needs.
type lcsTable struct {
	a, b   []byte
	length int
	// up has the bit i*len(b)+j set if dropping a[i] leaves more in common than
	// dropping b[j].
	up []uint64
}

func newLCSTable(a, b []byte) *lcsTable {
	t := &lcsTable{a: a, b: b, up: make([]uint64, len(a)*len(b)/64+1)}
	// above[j] is the length for a[:i] and b[:j], before and after its turn.
	above := make([]uint32, len(b)+1)
	for i := range a {
		diagonal := uint32(0)
		for j := range b {
			length := above[j+1]
			switch {
			case a[i] == b[j]:
				length = diagonal + 1
			case above[j+1] > above[j]:
				bit := i*len(b) + j
				t.up[bit/64] |= 1 << (bit % 64)
			default:
				length = above[j]
			}
			diagonal, above[j+1] = above[j+1], length
		}
	}
	t.length = int(above[len(b)])
	return t
}

// walk goes back from the ends of both strings and calls match for each pair of
// positions in the subsequence. Redis's choice is kept where there are several.
func (t *lcsTable) walk(match func(i, j int)) {
	for i, j := len(t.a)-1, len(t.b)-1; i >= 0 && j >= 0; {
		bit := i*len(t.b) + j
		switch {
		case t.a[i] == t.b[j]:
			match(i, j)
			i--
			j--
		case t.up[bit/64]&(1<<(bit%64)) != 0:
			i--
		default:
			j--
		}
	}
}

func (t *lcsTable) sequence() []byte {
	out := make([]byte, t.length)
	left := t.length
	t.walk(func(i, _ int) {
		left--
		out[left] = t.a[i]
	})
	return out
}

// lcsRange is a run of the subsequence that is one piece in both strings.
type lcsRange struct{ a, b, length int }

func (m lcsRange) reply(withMatchLen bool, r *Reply) {
	elements := 2
	if withMatchLen {
		elements++
	}
	r.Array(elements)
	for _, start := range []int{m.a, m.b} {
		r.Array(2)
		r.Int(int64(start))
		r.Int(int64(start + m.length - 1))
	}
	if withMatchLen {
		r.Int(int64(m.length))
	}
}

// ranges returns the runs of at least a length, the last one first.
func (t *lcsTable) ranges(minLength int64) []lcsRange {
	var all, out []lcsRange
	t.walk(func(i, j int) {
		if n := len(all); n > 0 && all[n-1].a == i+1 && all[n-1].b == j+1 {
			all[n-1] = lcsRange{i, j, all[n-1].length + 1}
			return
		}
		all = append(all, lcsRange{i, j, 1})
	})
	for _, m := range all {
		if int64(m.length) >= minLength {
			out = append(out, m)
		}
	}
	return out
}
