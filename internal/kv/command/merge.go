package command

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
)

// combine puts the replies of the parts together, into c.
func combine(c *Call, parts []Part) {
	out := &c.Out
	if combineErrors(c, parts) {
		return
	}
	var ok bool
	switch c.Spec.Merge {
	case MergeSum:
		ok = sum(out, parts)
	case MergeMin:
		ok = smallest(out, parts)
	case MergeRandom:
		ok = random(out, parts)
	case MergeOK:
		out.OK()
		ok = true
	case MergeByKey:
		ok = byKey(out, parts)
	case MergeConcat:
		ok = concat(out, parts)
	}
	if !ok {
		out.Reset()
		out.Error("ERR the partitions' replies to '" + c.Spec.FullName + "' do not fit together")
	}
}

// retriable are the kinds of error on which clients send a command again.
var retriable = []string{"LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "NOREPLICAS", "MOVED", "ASK"}

// combineErrors gives the first error, if there is one. If other parts of a write
// were executed, it must not be one on which clients send the whole again.
func combineErrors(c *Call, parts []Part) bool {
	var first *Call
	failed := 0
	for _, p := range parts {
		if !p.Call.Out.IsError() {
			continue
		}
		failed++
		// An unknown outcome says more than any other error.
		if first == nil || strings.HasPrefix(string(p.Call.Out.Buf[1:]), "UNKNOWNRESULT") {
			first = p.Call
		}
	}
	if first == nil {
		return false
	}
	message := strings.TrimRight(string(first.Out.Buf[1:]), "\r\n")
	kind, _, _ := strings.Cut(message, " ")
	if c.Spec.IsWrite() && failed < len(parts) {
		for _, k := range retriable {
			if kind == k {
				message = "UNKNOWNRESULT some of the keys were written, others were not: " + message
				break
			}
		}
	}
	c.Out.Error(message)
	return true
}

func sum(out *Reply, parts []Part) bool {
	total := int64(0)
	for _, p := range parts {
		n, rest, ok := header(p.Call.Out.Buf, ':')
		if !ok || len(rest) > 0 {
			return false
		}
		total += n
	}
	out.Int(total)
	return true
}

func smallest(out *Reply, parts []Part) bool {
	least := int64(math.MaxInt64)
	for _, p := range parts {
		n, rest, ok := header(p.Call.Out.Buf, ':')
		if !ok || len(rest) > 0 {
			return false
		}
		least = min(least, n)
	}
	out.Int(least)
	return true
}

// random takes the key of one part. Each part has the number of its keys and one of
// them, or null.
func random(out *Reply, parts []Part) bool {
	total := int64(0)
	var chosen []byte
	for _, p := range parts {
		elements, rest, ok := header(p.Call.Out.Buf, '*')
		if !ok || elements != 2 {
			return false
		}
		n, key, ok := header(rest, ':')
		if !ok || n < 0 {
			return false
		}
		if n == 0 || key[0] == '_' || string(key) == "$-1\r\n" {
			continue
		}
		if total += n; rand.Int64N(total) < n {
			chosen = key
		}
	}
	if chosen == nil {
		out.Null()
		return true
	}
	out.Buf = append(out.Buf, chosen...)
	return true
}

// byKey puts the elements of the parts' arrays in the order of the keys.
func byKey(out *Reply, parts []Part) bool {
	n := 0
	for _, p := range parts {
		n += len(p.keys)
	}
	elements := make([][]byte, n)
	for _, p := range parts {
		count, rest, ok := header(p.Call.Out.Buf, '*')
		if !ok || int(count) != len(p.keys) {
			return false
		}
		for _, k := range p.keys {
			size, ok := stringSize(rest)
			if !ok {
				return false
			}
			elements[k], rest = rest[:size], rest[size:]
		}
	}
	out.Array(n)
	for _, e := range elements {
		out.Buf = append(out.Buf, e...)
	}
	return true
}

func concat(out *Reply, parts []Part) bool {
	total := 0
	for _, p := range parts {
		n, _, ok := header(p.Call.Out.Buf, '*')
		if !ok || n < 0 {
			return false
		}
		total += int(n)
	}
	out.Array(total)
	for _, p := range parts {
		_, rest, _ := header(p.Call.Out.Buf, '*')
		out.Buf = append(out.Buf, rest...)
	}
	return true
}

// header reads a line with a number and returns what follows it.
func header(b []byte, kind byte) (n int64, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != kind {
		return 0, nil, false
	}
	for i := 1; i+1 < len(b); i++ {
		if b[i] == '\r' && b[i+1] == '\n' {
			n, err := strconv.ParseInt(string(b[1:i]), 10, 64)
			return n, b[i+2:], err == nil
		}
	}
	return 0, nil, false
}

// stringSize returns the encoded size of the bulk string or null that b begins
// with.
func stringSize(b []byte) (int, bool) {
	if len(b) >= 3 && b[0] == '_' {
		return 3, true
	}
	n, rest, ok := header(b, '$')
	if !ok {
		return 0, false
	}
	if n < 0 {
		return len(b) - len(rest), true
	}
	size := len(b) - len(rest) + int(n) + 2
	return size, size <= len(b)
}
