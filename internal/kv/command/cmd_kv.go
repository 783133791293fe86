package command

import (
	"bytes"
	"math"
	"slices"
	"strconv"

	"github.com/ringkv/ringkv/internal/kv/store"
)

// maxResultBytes bounds the values in the results of one command: they must fit into
// a reply to another node, and many of them into memory.
const maxResultBytes = 64 << 20

// ErrResultTooLong is the error for results beyond that.
const ErrResultTooLong = "TOOLONG the values asked for have more than 64 MiB together"

// RINGKV.READ key [key ...]: an OpResult for each key.
func kvRead(c *Context, args [][]byte, r *Reply) {
	r.Array(len(args) - 1)
	for _, key := range args[1:] {
		it, found := c.get(key)
		if len(args) > 2 && len(r.Buf)+len(it.Value) > maxResultBytes {
			r.Reset()
			r.Error(ErrResultTooLong)
			return
		}
		result := resultOf(it, found)
		result.append(r)
	}
}

// resultOf is the result of a Get.
func resultOf(it store.Item, found bool) OpResult {
	return OpResult{Found: found, Version: it.Version, Value: it.Value, ItemVersion: it.Version, ExpireAt: it.ExpireAt}
}

// RINGKV.WRITE mode (key operation value)...: an OpResult for each operation.
func kvWrite(c *Context, args [][]byte, r *Reply) {
	atomic, ops, ok := decodeWrite(args[1], args[2:])
	if !ok {
		r.Error(ErrSyntax)
		return
	}
	if len(ops) > 1 && wantsValues(ops) && c.resultBytes(ops) > maxResultBytes {
		r.Error(ErrResultTooLong)
		return
	}
	c.write(ops, atomic, r)
}

// write executes operations and adds their results, an array.
func (c *Context) write(ops []Op, atomic bool, r *Reply) {
	r.Array(len(ops))
	if atomic {
		if failed, result := c.firstFailure(ops); failed >= 0 {
			skipped := OpResult{Status: OpSkipped}
			for i := range ops {
				if i == failed {
					result.append(r)
				} else {
					skipped.append(r)
				}
			}
			return
		}
	}
	for i := range ops {
		c.do(&ops[i], r)
	}
}

// wantsValues tells whether a result holds the value of a key.
func wantsValues(ops []Op) bool {
	return slices.ContainsFunc(ops, func(o Op) bool { return o.wantsValue() })
}

// resultBytes returns how long the values are that the results of ops hold, or more
// where an operation before shortens one.
func (c *Context) resultBytes(ops []Op) (sum int) {
	written := map[string]int{} // the longest value that an operation before puts
	for i := range ops {
		o := &ops[i]
		if o.wantsValue() {
			it, _ := c.get(o.Key)
			sum += max(len(it.Value), written[string(o.Key)])
		}
		if o.Kind == OpPut {
			written[string(o.Key)] = max(len(o.Value), written[string(o.Key)])
		}
	}
	return sum
}

// firstFailure returns the first operation that fails if all are executed in order,
// with its result, or -1. What operations of the same batch do to a key before it is
// followed without touching the store.
func (c *Context) firstFailure(ops []Op) (int, OpResult) {
	var pending map[string]state
	if len(ops) > 1 {
		pending = make(map[string]state, len(ops))
	}
	for i := range ops {
		o := &ops[i]
		s, changed := pending[string(o.Key)]
		if !changed {
			it, found := c.get(o.Key)
			s = state{found: found, version: it.Version, value: it.Value}
		}
		next, result := s.after(o)
		if result.Status != OpDone {
			return i, result
		}
		if pending != nil && o.Kind != OpGet {
			pending[string(o.Key)] = next
		}
	}
	return -1, OpResult{}
}

// state is what a condition or an Increment looks at.
type state struct {
	found bool
	// written: an earlier operation of the batch has set the key, so that it has a
	// version that no caller can have named.
	written bool
	version uint64
	value   []byte
}

// after returns what the key is after an operation, or a result that says why it
// fails.
func (s state) after(o *Op) (state, OpResult) {
	if o.HasVersion && (!s.found || s.written || s.version != o.IfVersion) || o.IfAbsent && s.found {
		return s, OpResult{Status: OpConditionNotMet, Found: s.found, Version: s.version}
	}
	switch o.Kind {
	case OpPut:
		return state{found: true, written: true, value: o.Value}, OpResult{}
	case OpDelete:
		return state{}, OpResult{}
	case OpIncrement:
		sum, status := s.increment(o.Delta)
		if status != OpDone {
			return s, OpResult{Status: status, Found: s.found, Version: s.version}
		}
		return state{found: true, written: true, value: strconv.AppendInt(nil, sum, 10)}, OpResult{}
	default:
		return s, OpResult{}
	}
}

// increment returns the sum of the value and delta.
func (s state) increment(delta int64) (int64, OpStatus) {
	n := int64(0)
	if s.found {
		var ok bool
		if n, ok = parseInt(s.value); !ok {
			return 0, OpNotInteger
		}
	}
	if delta > 0 && n > math.MaxInt64-delta || delta < 0 && n < math.MinInt64-delta {
		return 0, OpOverflow
	}
	return n + delta, OpDone
}

// do executes one operation and adds its result.
func (c *Context) do(o *Op, r *Reply) {
	it, found := c.get(o.Key)
	if o.Kind == OpGet {
		result := resultOf(it, found)
		result.append(r)
		return
	}
	before := state{found: found, version: it.Version, value: it.Value}
	if _, failure := before.after(o); failure.Status != OpDone {
		failure.append(r)
		return
	}
	result := OpResult{Found: found}
	if o.Previous && found {
		result.Value, result.ItemVersion, result.ExpireAt = bytes.Clone(it.Value), it.Version, it.ExpireAt
	}
	switch o.Kind {
	case OpPut:
		c.Store.Set(o.Key, o.Value, c.expiryOf(o, it))
		result.Version = c.Store.Revision()
	case OpDelete:
		c.Store.Delete(o.Key)
	case OpIncrement:
		sum, _ := before.increment(o.Delta) // after has checked it
		var digits [20]byte
		result.Value, result.ExpireAt = strconv.AppendInt(digits[:0], sum, 10), it.ExpireAt
		c.Store.Set(o.Key, result.Value, it.ExpireAt)
		result.Version = c.Store.Revision()
	}
	result.append(r)
}

// expiryOf returns when the value of a Put expires. A time that does not fit is as
// good as never, but not the same: it is shown.
func (c *Context) expiryOf(o *Op, before store.Item) int64 {
	switch {
	case o.KeepTTL:
		return before.ExpireAt
	case o.TTL == 0:
		return 0
	case o.TTL > math.MaxInt64-c.Now:
		return math.MaxInt64
	default:
		return c.Now + o.TTL
	}
}
