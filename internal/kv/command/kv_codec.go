package command

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// OpKind is what an operation does.
type OpKind uint8

// The operations.
const (
	OpGet OpKind = iota + 1
	OpPut
	OpDelete
	OpIncrement
)

// Op is one operation of RINGKV.WRITE. Its key and value are arguments of their own;
// the rest is the operation argument:
//
//	+------+-------+-----------+--------+
//	| kind | flags | ifVersion | number |   18 bytes, little endian
//	+------+-------+-----------+--------+
//
// number is the time to live of a Put in milliseconds (0: for ever) or what an
// Increment adds.
type Op struct {
	Kind       OpKind
	Key, Value []byte
	// IfVersion is the version that the key must have, if HasVersion is set.
	IfVersion  uint64
	HasVersion bool
	IfAbsent   bool // the key must not be there
	KeepTTL    bool
	Previous   bool // the result tells what the key held before
	TTL        int64
	Delta      int64
}

// wantsValue tells whether the result holds the key's value.
func (o *Op) wantsValue() bool { return o.Previous || o.Kind == OpGet }

const opBytes = 18

const (
	opHasVersion = 1 << iota
	opIfAbsent
	opKeepTTL
	opPrevious
)

func (o *Op) encode() []byte {
	flags := byte(0)
	for _, f := range []struct {
		set  bool
		flag byte
	}{{o.HasVersion, opHasVersion}, {o.IfAbsent, opIfAbsent}, {o.KeepTTL, opKeepTTL}, {o.Previous, opPrevious}} {
		if f.set {
			flags |= f.flag
		}
	}
	number := o.TTL
	if o.Kind == OpIncrement {
		number = o.Delta
	}
	b := append(make([]byte, 0, opBytes), byte(o.Kind), flags)
	b = binary.LittleEndian.AppendUint64(b, o.IfVersion)
	return binary.LittleEndian.AppendUint64(b, uint64(number))
}

// decodeOp reads the three arguments of an operation. It returns false for what
// encode does not make.
func decodeOp(key, op, value []byte) (o Op, ok bool) {
	if len(op) != opBytes || OpKind(op[0]) < OpGet || OpKind(op[0]) > OpIncrement || op[1] >= opPrevious<<1 {
		return Op{}, false
	}
	flags, number := op[1], int64(binary.LittleEndian.Uint64(op[10:]))
	o = Op{
		Kind: OpKind(op[0]), Key: key, Value: value, IfVersion: binary.LittleEndian.Uint64(op[2:]),
		HasVersion: flags&opHasVersion != 0, IfAbsent: flags&opIfAbsent != 0, KeepTTL: flags&opKeepTTL != 0, Previous: flags&opPrevious != 0,
	}
	if o.Kind == OpIncrement {
		o.Delta = number
	} else {
		o.TTL = number
	}
	return o, o.TTL >= 0
}

// Modes of RINGKV.WRITE.
const (
	modeEach   = 'e' // every operation for itself
	modeAtomic = 'a' // all or none
)

func modeOf(atomic bool) byte {
	if atomic {
		return modeAtomic
	}
	return modeEach
}

// WriteArgs makes the arguments of a write of ops on keys of one partition. If atomic
// is set nothing is written unless every operation can be. If once is not nil nothing is
// written either if the partition remembers that write.
func WriteArgs(ops []Op, atomic bool, once *Once) (*Spec, [][]byte) {
	name := "ringkv.delete"
	args := append(make([][]byte, 0, 4+3*len(ops)), nil, []byte{modeOf(atomic)})
	if once != nil {
		args = append(args, once.id[:], once.asked[:])
	}
	for i := range ops {
		o := &ops[i]
		if o.Kind == OpPut || o.Kind == OpIncrement {
			name = "ringkv.write"
		}
		args = append(args, o.Key, o.encode(), o.Value)
	}
	if once != nil {
		name += "once"
	}
	args[0] = []byte(name)
	return byName[name], args
}

// decodeWrite reads the mode and the operations of a write. It returns false for what
// WriteArgs does not make.
func decodeWrite(mode []byte, args [][]byte) (atomic bool, ops []Op, ok bool) {
	if len(mode) != 1 || mode[0] != modeEach && mode[0] != modeAtomic || len(args)%3 != 0 {
		return false, nil, false
	}
	ops = make([]Op, len(args)/3)
	for i := range ops {
		if ops[i], ok = decodeOp(args[3*i], args[3*i+1], args[3*i+2]); !ok {
			return false, nil, false
		}
	}
	return mode[0] == modeAtomic, ops, true
}

// OpStatus says how an operation ended.
type OpStatus uint8

// The statuses.
const (
	OpDone OpStatus = iota
	// OpConditionNotMet: the key has another version, which the result tells.
	OpConditionNotMet
	OpNotInteger
	OpOverflow
	// OpSkipped: another operation of an atomic write failed.
	OpSkipped
)

// OpResult is what an operation gives:
//
//	+--------+-------+---------+-------------+----------+-------+
//	| status | found | version | itemVersion | expireAt | value |
//	+--------+-------+---------+-------------+----------+-------+
//	    1        1        8           8            8        rest
//
// little endian.
type OpResult struct {
	Status OpStatus
	// Found tells whether the key was there: before the operation, for writes.
	Found bool
	// Version is the new version after a Put or an Increment, and the one that the
	// key has, or 0, when a condition was not met.
	Version uint64
	// Value, ItemVersion and ExpireAt are what a Get found, what an Increment made,
	// or what the key held before, if that was asked for.
	Value       []byte
	ItemVersion uint64
	ExpireAt    int64
}

const opResultHeader = 26

var errBadResult = errors.New("malformed result of an operation")

func (o *OpResult) append(r *Reply) {
	r.head('$', opResultHeader+len(o.Value))
	found := byte(0)
	if o.Found {
		found = 1
	}
	r.Buf = append(r.Buf, byte(o.Status), found)
	r.Buf = binary.LittleEndian.AppendUint64(r.Buf, o.Version)
	r.Buf = binary.LittleEndian.AppendUint64(r.Buf, o.ItemVersion)
	r.Buf = binary.LittleEndian.AppendUint64(r.Buf, uint64(o.ExpireAt))
	r.Buf = append(r.Buf, o.Value...)
	r.crlf()
}

func decodeResult(b []byte) (OpResult, error) {
	if len(b) < opResultHeader || b[0] > byte(OpSkipped) || b[1] > 1 {
		return OpResult{}, errBadResult
	}
	return OpResult{
		Status: OpStatus(b[0]), Found: b[1] == 1,
		Version:     binary.LittleEndian.Uint64(b[2:]),
		ItemVersion: binary.LittleEndian.Uint64(b[10:]),
		ExpireAt:    int64(binary.LittleEndian.Uint64(b[18:])),
		Value:       b[opResultHeader:],
	}, nil
}

// DecodeResults reads the reply of RINGKV.READ or RINGKV.WRITE, which is no error.
// The values alias it.
func DecodeResults(reply []byte) ([]OpResult, error) {
	elements, err := decodeStrings(reply)
	if err != nil {
		return nil, err
	}
	out := make([]OpResult, len(elements))
	for i, e := range elements {
		if out[i], err = decodeResult(e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// decodeStrings reads an array of strings, which alias it.
func decodeStrings(reply []byte) ([][]byte, error) {
	n, rest, ok := header(reply, '*')
	if !ok || n < 0 || n > int64(len(rest)) {
		return nil, fmt.Errorf("no array: %w", errBadResult)
	}
	out := make([][]byte, 0, n)
	for range n {
		length, body, ok := header(rest, '$')
		if !ok || length < 0 || length > int64(len(body))-2 {
			return nil, fmt.Errorf("element %d of %d: %w", len(out), n, errBadResult)
		}
		out = append(out, body[:length:length])
		rest = body[length+2:]
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%d bytes follow the array: %w", len(rest), errBadResult)
	}
	return out, nil
}

// DecodeInt reads a reply that is one integer.
func DecodeInt(reply []byte) (int64, error) {
	n, rest, ok := header(reply, ':')
	if !ok || len(rest) > 0 {
		return 0, fmt.Errorf("no integer: %w", errBadResult)
	}
	return n, nil
}
