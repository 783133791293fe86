package resp

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// generator makes random commands, most of them sensible.
type generator struct {
	*rand.Rand
	base int64 // seconds since the epoch, from which absolute times are made
	// tag is added to every key: where keys that belong together must lie in
	// one slot, it has braces.
	tag string
	// dumps are payloads for RESTORE.
	dumps []string
}

func pick[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

func (g *generator) key() string {
	return g.named(pick(g, "a", "b", "c", "k{x}", "", "\x00\xff\r\n", "key:1", "key:2", "[", "nine"))
}

// named is the key of that name.
func (g *generator) named(name string) string {
	if g.tag == "" {
		return name
	}
	return strings.NewReplacer("{", "(", "}", ")").Replace(name) + g.tag
}

// extra is an argument too many. It may be taken for a key.
func (g *generator) extra() string {
	if g.tag != "" {
		return g.key()
	}
	return g.value()
}

func (g *generator) value() string {
	switch g.IntN(9) {
	case 0:
		return g.integer()
	case 1:
		return g.float()
	case 2:
		b := make([]byte, g.IntN(40))
		for i := range b {
			b[i] = byte(g.Uint32())
		}
		return string(b)
	case 3:
		return strings.Repeat("x", g.IntN(100))
	case 4:
		return strings.Repeat("ab", g.IntN(1+g.IntN(200)))
	}
	return strconv.Itoa(g.IntN(2000) - 1000)
}

func (g *generator) integer() string {
	return pick(g, "0", "1", "-1", "10", "9223372036854775807", "-9223372036854775808", "9223372036854775808",
		"-9223372036854775809", "007", "+5", " 5", "5 ", "-0", "abc", "", "1.5", "5\x00", strconv.Itoa(g.IntN(1000)-500))
}

func (g *generator) float() string {
	return pick(g, "0", "-0", "0.1", "-0.1", "3.14159265358979", "1e10", "1E-10", "1e300", "1e4000", "-1e4932", "1e4933", "1e5000",
		"1e-4950", "1e-5000", "inf", "-inf", "+Infinity", "nan", "1e", ".", ".5", "5.", "0x1p4", "0x.8", "0x", "0X1F", "1_0",
		"1.0000000000000001", "123456789012345678901234567890", "", " 1", "1 ", "0e999999", "1\x00", "--1", "+1",
		fmt.Sprintf("%d.%d", g.IntN(1000)-500, g.IntN(100000)), fmt.Sprintf("%de%d", g.IntN(1000), g.IntN(40)-20))
}

func (g *generator) index() string {
	if g.IntN(10) == 0 {
		return g.integer()
	}
	return strconv.Itoa(g.IntN(60) - 30)
}

// Relative and absolute times are so far apart that the order of any two does not
// depend on when exactly a server looked at its clock.
func (g *generator) seconds() string {
	return pick(g, "100", "1000", "10000", "100", "1000", g.integer())
}

func (g *generator) millis() string {
	return pick(g, "100000", "1000000", "10000000", "0", "-1", "abc", "9223372036854775807", "9223372036854775000")
}

func (g *generator) atSeconds() string {
	return pick(g, strconv.FormatInt(g.base+500, 10), strconv.FormatInt(g.base+5000, 10), strconv.FormatInt(g.base+50_000, 10),
		"1", "0", "-1", "x", "9223372036854775807")
}

func (g *generator) atMillis() string {
	return pick(g, strconv.FormatInt(g.base*1000+500_123, 10), strconv.FormatInt(g.base*1000+5_000_999, 10), "1", "0", "-5", "")
}

func (g *generator) expiry() []string {
	switch g.IntN(5) {
	case 0:
		return []string{"EX", g.seconds()}
	case 1:
		return []string{"px", g.millis()}
	case 2:
		return []string{"EXAT", g.atSeconds()}
	case 3:
		return []string{"PxAt", g.atMillis()}
	}
	return []string{pick(g, "KEEPTTL", "PERSIST", "ex")}
}

func (g *generator) setOptions() (o []string) {
	for range g.IntN(4) {
		if g.IntN(2) == 0 {
			o = append(o, g.expiry()...)
		} else {
			o = append(o, pick(g, "NX", "XX", "GET", "get", "nx", "keepttl", "", "FOO", "NX\x00y"))
		}
	}
	return o
}

func (g *generator) conditions() (o []string) {
	for range g.IntN(3) {
		o = append(o, pick(g, "NX", "XX", "gt", "LT", "NX", "bad", "a\r\nb\r\n"))
	}
	return o
}

func (g *generator) keys() (k []string) {
	for range 1 + g.IntN(5) {
		k = append(k, g.key())
	}
	return k
}

func (g *generator) command() []string {
	k := g.key()
	args := pick(g,
		func() []string { return []string{"GET", k} },
		func() []string { return []string{"SET", k, g.value()} },
		func() []string { return append([]string{"SET", k, g.value()}, g.setOptions()...) },
		func() []string { return append([]string{"GETEX", k}, g.setOptions()...) },
		func() []string { return append([]string{"GETEX", k}, g.expiry()...) },
		func() []string { return []string{pick(g, "GETDEL", "STRLEN", "TYPE", "PERSIST", "INCR", "DECR"), k} },
		func() []string { return []string{pick(g, "TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"), k} },
		func() []string { return []string{pick(g, "GETSET", "SETNX", "APPEND"), k, g.value()} },
		func() []string { return []string{"SETEX", k, g.seconds(), g.value()} },
		func() []string { return []string{"PSETEX", k, g.millis(), g.value()} },
		func() []string {
			return append([]string{pick(g, "DEL", "UNLINK", "EXISTS", "TOUCH", "MGET")}, g.keys()...)
		},
		func() []string { return append([]string{"MSET"}, g.keys()...) },
		func() []string { return []string{"MSET", k, g.value(), g.key(), g.value()} },
		func() []string { return []string{pick(g, "GETRANGE", "SUBSTR"), k, g.index(), g.index()} },
		func() []string { return []string{"SETRANGE", k, g.index(), g.value()} },
		func() []string { return []string{"SETRANGE", k, pick(g, "536870912", "9223372036854775807"), "v"} },
		func() []string { return []string{pick(g, "INCRBY", "DECRBY"), k, g.integer()} },
		func() []string { return []string{"INCRBYFLOAT", k, g.float()} },
		func() []string { return []string{"INCRBYFLOAT", g.named("nine"), g.float()} },
		func() []string { return []string{pick(g, "EXPIRE", "PEXPIRE"), k, g.seconds() + "000000"} },
		func() []string { return []string{"EXPIRE", k, g.seconds(), pick(g, "NX", "XX")} },
		func() []string { return append([]string{"EXPIREAT", k, g.atSeconds()}, g.conditions()...) },
		func() []string { return append([]string{"PEXPIREAT", k, g.atMillis()}, g.conditions()...) },
		func() []string {
			return []string{"KEYS", pick(g, "*", "key:?", "[a-c]", "[^a]", "k[({]*", "", "[", "*[\xfe-\xff]*")}
		},
		func() []string { return []string{"SCAN", pick(g, "x", "1 ", " 1", "1e"), "COUNT", "10"} },
		func() []string { return []string{"SCAN", "0", pick(g, "COUNT", "FOO"), pick(g, "0", "-1", "x", "")} },
		func() []string { return []string{"DBSIZE"} },
		func() []string { return []string{"RANDOMKEY"} },
		func() []string { return append([]string{"MSETNX"}, g.keys()...) },
		func() []string { return []string{"MSETNX", k, g.value(), g.key(), g.value()} },
		func() []string { return append([]string{"LCS", k, g.key()}, g.lcsOptions()...) },
		func() []string {
			return []string{"SETBIT", k, g.bit(), pick(g, "0", "1", "0", "1", "0", "1", "2", "-1", "x")}
		},
		func() []string { return []string{"GETBIT", k, g.bit()} },
		func() []string { return append([]string{"BITCOUNT", k}, g.bitRange()...) },
		func() []string {
			return append([]string{"BITPOS", k, pick(g, "0", "1", "0", "1", "2", "")}, g.bitRange()...)
		},
		func() []string {
			return append([]string{"BITOP", pick(g, "AND", "or", "XOR", "NOT", "not", "NAND"), k}, g.keys()...)
		},
		func() []string { return []string{"BITOP", "NOT", k, g.key()} },
		func() []string { return append([]string{"BITFIELD", k}, g.bitfields()...) },
		func() []string { return append([]string{"BITFIELD", k}, g.bitfields()...) },
		func() []string { return append([]string{"BITFIELD_RO", k}, g.bitfields()...) },
		func() []string { return []string{"BITFIELD_RO", k, "GET", g.encoding(), g.bit()} },
		func() []string { return []string{pick(g, "RENAME", "RENAMENX"), k, g.key()} },
		func() []string { return append([]string{"COPY", k, g.key()}, g.copyOptions()...) },
		func() []string {
			return []string{"OBJECT", pick(g, "ENCODING", "encoding", "REFCOUNT", "IDLETIME", "FREQ", "NOPE"), k}
		},
		func() []string {
			return []string{"MEMORY", "USAGE", k, "SAMPLES", pick(g, "0", "5", "-1", "x")}[:3+2*g.IntN(2)]
		},
		func() []string { return []string{"DUMP", k} },
		func() []string {
			return append([]string{"RESTORE", k, g.restoreTTL(), g.dump()}, g.restoreOptions()...)
		},
		func() []string { return []string{"PING", g.value()} },
		func() []string { return []string{"ECHO", g.value()} },
		func() []string { return []string{"SELECT", pick(g, "0", "1", "x", "-1")} },
		func() []string {
			return []string{"CLIENT", pick(g, "GETNAME", "SETNAME", "FOO\r\n"), pick(g, "me", "a b", "")}
		},
		func() []string {
			return []string{"COMMAND", "GETKEYS", pick(g, "GET", "MSET", "PING", "NOPE"), "a", "b"}
		},
		func() []string { return []string{"HELLO", pick(g, "1", "4", "x"), "SETNAME", "x"} },
		func() []string { return []string{"AUTH", pick(g, "default", "joe"), "x"}[:2+g.IntN(2)] },
		func() []string { return append([]string{pick(g, "NOPE", "", "a\x00b", "x\r\ny")}, g.keys()...) },
	)()
	if g.IntN(400) == 0 {
		args = []string{pick(g, "FLUSHALL", "flushdb"), pick(g, "SYNC", "ASYNC", "BAD")}
	}
	if g.IntN(100) == 0 && g.tag == "" { // a cluster's scan begins with one partition
		args = append([]string{"SCAN", "0", "COUNT", "1000"}, pick(g, nil, []string{"MATCH", "k*"}, []string{"TYPE", "string"}, []string{"TYPE", "list"})...)
	}
	if args[0] != "SCAN" && args[0] != "COMMAND" && args[0] != "HELLO" {
		switch g.IntN(60) { // arguments too many or too few
		case 0:
			args = args[:1+g.IntN(len(args))]
		case 1:
			args = append(args, g.extra())
		}
	}
	if g.IntN(4) == 0 {
		args[0] = strings.ToLower(args[0])
	}
	return args
}

func (g *generator) lcsOptions() (o []string) {
	for range g.IntN(4) {
		o = append(o, pick(g, []string{"LEN"}, []string{"idx"}, []string{"IDX"}, []string{"WITHMATCHLEN"},
			[]string{"MINMATCHLEN", pick(g, "0", "1", "2", "3", "-1", "x")}, []string{"bad"})...)
	}
	return o
}

func (g *generator) bit() string {
	if g.IntN(10) == 0 {
		return pick(g, g.integer(), "4294967296", "536870912", "-1", "#1")
	}
	return strconv.Itoa(g.IntN(300))
}

func (g *generator) bitRange() (o []string) {
	n := g.IntN(4)
	for range min(n, 2) {
		o = append(o, g.index())
	}
	if n == 3 {
		o = append(o, pick(g, "BIT", "BYTE", "bit", "byte", "bad"))
	}
	return o
}

func (g *generator) encoding() string {
	if g.IntN(15) == 0 {
		return pick(g, "u64", "i65", "i0", "u0", "x8", "", "I8", "u", "i-1", "i08", "i8\x00")
	}
	return pick(g, "i", "u") + strconv.Itoa(pick(g, 1, 2, 3, 7, 8, 9, 15, 16, 31, 32, 33, 62, 63, 1+g.IntN(64)))
}

func (g *generator) operand() string {
	switch g.IntN(4) {
	case 0:
		return g.integer()
	case 1:
		return strconv.FormatInt(int64(g.Uint64()), 10)
	case 2:
		return strconv.FormatInt(int64(g.Uint64())>>g.IntN(64), 10)
	}
	return strconv.Itoa(g.IntN(600) - 300)
}

func (g *generator) bitfields() (o []string) {
	for range g.IntN(6) {
		offset := g.bit()
		if g.IntN(3) == 0 {
			offset = "#" + strconv.Itoa(g.IntN(20))
		}
		switch g.IntN(12) {
		case 0, 1, 2:
			o = append(o, pick(g, "GET", "get"), g.encoding(), offset)
		case 3, 4, 5:
			o = append(o, "SET", g.encoding(), offset, g.operand())
		case 6, 7, 8:
			o = append(o, "INCRBY", g.encoding(), offset, g.operand())
		case 9, 10:
			o = append(o, "OVERFLOW", pick(g, "WRAP", "SAT", "FAIL", "sat", "fail", "bad"))
		case 11:
			o = append(o, pick(g, "GET", "bad", "SET"))
		}
	}
	return o
}

func (g *generator) copyOptions() (o []string) {
	for range g.IntN(3) {
		o = append(o, pick(g, []string{"REPLACE"}, []string{"replace"}, []string{"DB", pick(g, "0", "0", "0", "1", "-1", "x", "9999999999")},
			[]string{"DB"}, []string{"bad"})...)
	}
	return o
}

func (g *generator) restoreTTL() string {
	return pick(g, "0", "0", "0", "100000", "-1", "x", strconv.FormatInt(g.base*1000+500_123, 10))
}

func (g *generator) restoreOptions() (o []string) {
	for range g.IntN(4) {
		o = append(o, pick(g, []string{"REPLACE"}, []string{"replace"}, []string{"REPLACE"}, []string{"ABSTTL"},
			[]string{"IDLETIME", pick(g, "0", "10", "-1", "x")}, []string{"FREQ", pick(g, "0", "255", "256", "-1", "x")}, []string{"bad"})...)
	}
	return o
}

// dump is a payload for RESTORE, now and then a damaged one.
func (g *generator) dump() string {
	b := []byte(pick(g, g.dumps...))
	switch g.IntN(8) {
	case 0:
		b[g.IntN(len(b))] ^= byte(1 + g.IntN(255))
	case 1:
		b = b[:g.IntN(len(b))]
	}
	return string(b)
}
