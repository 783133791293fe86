package command

import (
	"strconv"
	"time"
)

// A cluster client scans node by node, and puts together what each says. Leaders
// change meanwhile: so that no key is missed, a node scans the partitions that it
// leads and those that it has led since the scan began. Which those are it can tell
// from the cursor:
//
//	52        46 45                32 31                       0
//	+-----------+--------------------+--------------------------+
//	|   began   |     partition      |  cursor of the partition |
//	+-----------+--------------------+--------------------------+
//
// began counts ScanUnits since 1970, modulo 128: a scan may take 21 hours.

// ScanUnit is how precisely a cursor says when its scan began.
const ScanUnit = 10 * time.Minute

const (
	beganBits     = 7
	partitionBits = 14
	beganMask     = 1<<beganBits - 1
)

// NodeCursor is where the scan of a node is.
type NodeCursor struct {
	// Began is when the scan began, rounded down to ScanUnit, in milliseconds
	// since the Unix epoch.
	Began     int64
	Partition uint32
	Position  uint64 // in the partition; 0 at its beginning
}

// ParseNodeCursor reads the cursor of a scan that goes on at now (milliseconds since
// the Unix epoch). begins tells that it is a new scan.
func ParseNodeCursor(arg []byte, now int64) (c NodeCursor, begins, ok bool) {
	n, ok := parseCursor(arg)
	if !ok || n >= 1<<(cursorBits+partitionBits+beganBits) {
		return c, false, false
	}
	unit := now / ScanUnit.Milliseconds()
	if n == 0 {
		return NodeCursor{Began: unit * ScanUnit.Milliseconds()}, true, true
	}
	age := (unit - int64(n>>(cursorBits+partitionBits))) & beganMask
	return NodeCursor{
		Began:     (unit - age) * ScanUnit.Milliseconds(),
		Partition: uint32(n>>cursorBits) & (1<<partitionBits - 1),
		Position:  n & (1<<cursorBits - 1),
	}, false, true
}

func (c NodeCursor) encode() uint64 {
	began := uint64(c.Began/ScanUnit.Milliseconds()) & beganMask
	return began<<(cursorBits+partitionBits) | uint64(c.Partition)<<cursorBits | c.Position
}

// ScanPart makes the call that scans a partition for c, a SCAN at cursor at. When it
// is complete so is c, with a cursor that goes on in the partition or, after its
// end, in the one that next returns; false ends the scan.
func ScanPart(c *Call, at NodeCursor, next func(after uint32) (uint32, bool)) *Call {
	args := append([][]byte(nil), c.Args...)
	args[1] = strconv.AppendUint(nil, uint64(at.Partition)<<cursorBits|at.Position, 10)
	part := c.part(args)
	part.OnComplete = func(part *Call) {
		c.Out.Reset()
		if part.Out.IsError() {
			c.Out.Buf = append(c.Out.Buf, part.Out.Buf...)
			c.Finish()
			return
		}
		cursor, keys, ok := scanReply(part.Out.Buf)
		if !ok {
			c.Fail("ERR the partition's reply to 'scan' cannot be read")
			return
		}
		to := NodeCursor{Began: at.Began, Partition: at.Partition, Position: cursor & (1<<cursorBits - 1)}
		more := cursor>>cursorBits == uint64(at.Partition) && to.Position != 0
		if !more {
			to.Position = 0
			to.Partition, more = next(at.Partition)
		}
		encoded := uint64(0)
		if more {
			encoded = to.encode()
		}
		c.Out.Array(2)
		c.Out.BulkString(strconv.FormatUint(encoded, 10))
		c.Out.Buf = append(c.Out.Buf, keys...)
		c.Finish()
	}
	return part
}

// EmptyScan completes a SCAN of a node that has no partition to look at.
func EmptyScan(c *Call) {
	c.Out.Array(2)
	c.Out.BulkString("0")
	c.Out.Array(0)
	c.Finish()
}

// scanReply returns the cursor of a reply and its encoded array of keys.
func scanReply(b []byte) (cursor uint64, keys []byte, ok bool) {
	n, rest, ok := header(b, '*')
	if !ok || n != 2 {
		return 0, nil, false
	}
	size, ok := stringSize(rest)
	if !ok {
		return 0, nil, false
	}
	_, digits, _ := header(rest[:size], '$')
	cursor, err := strconv.ParseUint(string(digits[:len(digits)-2]), 10, 64)
	return cursor, rest[size:], err == nil
}
