package command

import (
	"bytes"
	"math"
	"strconv"

	"github.com/ringkv/ringkv/internal/kv/store"
)

// ScanArgs makes the arguments of a scan of the keys that begin with prefix. It goes
// on at cursor (0: the beginning), looks at about count keys and gives values of up
// to so many bytes together.
func ScanArgs(cursor uint64, prefix []byte, count, valueBytes int) (*Spec, [][]byte) {
	const name = "ringkv.scan"
	return byName[name], [][]byte{[]byte(name), strconv.AppendUint(nil, cursor, 10), prefix,
		strconv.AppendInt(nil, int64(count), 10), strconv.AppendInt(nil, int64(valueBytes), 10)}
}

// ReadArgs makes the arguments of a read of keys.
func ReadArgs(keys ...[]byte) (*Spec, [][]byte) {
	const name = "ringkv.read"
	return byName[name], append([][]byte{[]byte(name)}, keys...)
}

// ScannedKey is a key that a scan found.
type ScannedKey struct {
	Key []byte
	// Item is what the key holds. Its value is missing when the bytes were used up.
	Item OpResult
	// Whole tells whether the value is there.
	Whole bool
}

// RINGKV.SCAN cursor prefix count bytes: the next cursor as SCAN gives it, then for
// each key the key, an OpResult, and whether the value is in it (1) or not (0).
func kvScan(c *Context, args [][]byte, r *Reply) {
	cursor, ok := parseCursor(args[1])
	if !ok || cursor>>cursorBits != uint64(c.Partition) {
		r.Error(ErrCursor)
		return
	}
	prefix := args[2]
	count, ok := intArg(args[3], r)
	if !ok {
		return
	}
	left, ok := intArg(args[4], r)
	if !ok {
		return
	}
	if count < 1 || left < 0 {
		r.Error(ErrSyntax)
		return
	}
	found := 0
	items := Reply{Buf: c.scratch[:0]}
	next := c.Store.Scan(cursor&(1<<cursorBits-1), int(min(count, math.MaxInt32)), func(key []byte, it store.Item) bool {
		if it.Expired(c.Now) || !bytes.HasPrefix(key, prefix) {
			return true
		}
		found++
		whole := "0"
		if int64(len(it.Value)) <= left {
			whole, left = "1", left-int64(len(it.Value))
		} else {
			it.Value = nil
		}
		items.Bulk(key)
		result := resultOf(it, true)
		result.append(&items)
		items.BulkString(whole)
		return true
	})
	c.keep(items.Buf)
	r.Array(1 + 3*found)
	var digits [20]byte
	r.Bulk(strconv.AppendUint(digits[:0], c.cursorAfter(next), 10))
	r.Buf = append(r.Buf, items.Buf...)
}

// DecodeScan reads the reply of RINGKV.SCAN, which is no error: the cursor to go on
// with, 0 at the end of the cluster, and the keys. They alias the reply.
func DecodeScan(reply []byte) (next uint64, keys []ScannedKey, err error) {
	elements, err := decodeStrings(reply)
	if err != nil {
		return 0, nil, err
	}
	if len(elements)%3 != 1 {
		return 0, nil, errBadResult
	}
	if next, err = strconv.ParseUint(string(elements[0]), 10, 64); err != nil {
		return 0, nil, errBadResult
	}
	for e := elements[1:]; len(e) > 0; e = e[3:] {
		item, err := decodeResult(e[1])
		if err != nil {
			return 0, nil, err
		}
		keys = append(keys, ScannedKey{Key: e[0], Item: item, Whole: string(e[2]) == "1"})
	}
	return next, keys, nil
}
