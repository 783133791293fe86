package command

import "github.com/ringkv/ringkv/internal/kv/store"

const (
	// embeddedBytes is the longest string that Redis keeps in one piece with
	// its object.
	embeddedBytes = 44
	// sharedIntegers are those of which Redis has one object for all keys, which
	// counts as referenced that often.
	sharedIntegers      = 10_000
	sharedIntegerRefers = 1<<31 - 1
)

// OBJECT ENCODING key: how Redis would hold the value if it had been set as a whole.
func objectEncoding(c *Context, args [][]byte, r *Reply) {
	it, found := c.get(args[2])
	if !found {
		r.Null()
		return
	}
	r.BulkString(encoding(it.Value))
}

func encoding(value []byte) string {
	_, integer := parseInt(value)
	switch {
	case integer:
		return "int"
	case len(value) <= embeddedBytes:
		return "embstr"
	}
	return "raw"
}

// OBJECT REFCOUNT key
func objectRefCount(c *Context, args [][]byte, r *Reply) {
	it, found := c.get(args[2])
	n, integer := parseInt(it.Value)
	switch {
	case !found:
		r.Null()
	case integer && n >= 0 && n < sharedIntegers:
		r.Int(sharedIntegerRefers)
	default:
		r.Int(1)
	}
}

// OBJECT IDLETIME key: nobody keeps account of accesses, so it is 0.
func objectIdleTime(c *Context, args [][]byte, r *Reply) {
	if _, found := c.get(args[2]); !found {
		r.Null()
		return
	}
	r.Int(0)
}

// OBJECT FREQ key
func objectFreq(c *Context, args [][]byte, r *Reply) {
	if _, found := c.get(args[2]); !found {
		r.Null()
		return
	}
	r.Error("ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.")
}

// MEMORY USAGE key [SAMPLES count]
func memoryUsage(c *Context, args [][]byte, r *Reply) {
	for i := 3; i < len(args); i += 2 {
		if !is(args[i], "SAMPLES") || i+1 == len(args) {
			r.Error(ErrSyntax)
			return
		}
		n, ok := intArg(args[i+1], r)
		if !ok {
			return
		}
		if n < 0 {
			r.Error(ErrSyntax)
			return
		}
	}
	it, found := c.get(args[2])
	if !found {
		r.Null()
		return
	}
	r.Int(int64(store.ItemBytes(args[2], it)))
}
