package command

import (
	"math"
	"strconv"

	"github.com/ringkv/ringkv/internal/kv/store"
)

// scanOptions are the options of SCAN.
type scanOptions struct {
	count   int64
	pattern []byte // nil: all keys
	kind    []byte // nil: all types
}

func parseScanOptions(options [][]byte, r *Reply) (o scanOptions, ok bool) {
	o.count = 10
	for i := 0; i < len(options); i += 2 {
		if i+1 == len(options) {
			r.Error(ErrSyntax)
			return o, false
		}
		value := options[i+1]
		switch {
		case is(options[i], "COUNT"):
			if o.count, ok = intArg(value, r); !ok {
				return o, false
			}
			if o.count < 1 {
				r.Error(ErrSyntax)
				return o, false
			}
		case is(options[i], "MATCH"):
			o.pattern = value
			if string(value) == "*" {
				o.pattern = nil
			}
		case is(options[i], "TYPE"):
			o.kind = value
		default:
			r.Error(ErrSyntax)
			return o, false
		}
	}
	return o, true
}

// SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]. One call looks at one
// partition; the cursor leads to the next one at its end.
func scan(c *Context, args [][]byte, r *Reply) {
	cursor, ok := parseCursor(args[1])
	if !ok || cursor>>cursorBits != uint64(c.Partition) {
		r.Error(ErrCursor)
		return
	}
	o, ok := parseScanOptions(args[2:], r)
	if !ok {
		return
	}
	found := 0
	keys := Reply{Buf: c.scratch[:0]}
	next := c.Store.Scan(cursor&(1<<cursorBits-1), int(min(o.count, math.MaxInt32)), func(key []byte, it store.Item) bool {
		if o.pattern != nil && !GlobMatch(o.pattern, key) || it.Expired(c.Now) || o.kind != nil && !is(o.kind, "STRING") {
			return true
		}
		found++
		keys.Bulk(key)
		return true
	})
	c.keep(keys.Buf)
	r.Array(2)
	var digits [20]byte
	r.Bulk(strconv.AppendUint(digits[:0], c.cursorAfter(next), 10))
	r.Array(found)
	r.Buf = append(r.Buf, keys.Buf...)
}

// cursorAfter returns the cluster's cursor for the one that the store's scan gave: at
// the end of a partition that of the next, and 0 at the end of the last.
func (c *Context) cursorAfter(next uint64) uint64 {
	switch {
	case next != 0:
		return next | uint64(c.Partition)<<cursorBits
	case c.Partition+1 < c.Partitions:
		return uint64(c.Partition+1) << cursorBits
	}
	return 0
}

// KEYS pattern
func keys(c *Context, args [][]byte, r *Reply) {
	all := string(args[1]) == "*"
	found := 0
	keys := Reply{Buf: c.scratch[:0]}
	collect := func(key []byte, it store.Item) bool {
		if !it.Expired(c.Now) && (all || GlobMatch(args[1], key)) {
			found++
			keys.Bulk(key)
		}
		return true
	}
	for next := c.Store.Scan(0, 1000, collect); next != 0; {
		next = c.Store.Scan(next, 1000, collect)
	}
	c.keep(keys.Buf)
	r.Array(found)
	r.Buf = append(r.Buf, keys.Buf...)
}

// keep remembers a scratch buffer that has grown.
func (c *Context) keep(b []byte) {
	if cap(b) > cap(c.scratch) && cap(b) <= maxScratch {
		c.scratch = b
	}
}
