package compat

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// commands makes random commands on the keys of one slot. What Redis and ringkv may
// answer differently is not among them; most are such that it shows later if one was
// lost or executed twice. internal/kv/resp compares all commands and their options.
type commands struct {
	*rand.Rand
	tag string // of all keys
}

// expiryBase is far in the future: nothing expires while keys are compared.
const expiryBase = 4_000_000_000

func (c *commands) keys() (all []string) {
	for _, name := range []string{"a", "b", "c", "d"} {
		all = append(all, name+"{"+c.tag+"}")
	}
	return all
}

func (c *commands) key() string { return pick(c, c.keys()...) }

func pick[T any](c *commands, from ...T) T { return from[c.IntN(len(from))] }

func (c *commands) value() string {
	switch c.IntN(4) {
	case 0:
		b := make([]byte, c.IntN(30))
		for i := range b {
			b[i] = byte(c.Uint32())
		}
		return string(b)
	case 1:
		return strings.Repeat("ab", c.IntN(200))
	}
	return c.number()
}

func (c *commands) number() string { return strconv.Itoa(c.IntN(2000) - 1000) }

func (c *commands) small() string { return strconv.Itoa(c.IntN(60) - 20) }

// next is one command, or a transaction.
func (c *commands) next() [][]string {
	if c.IntN(12) > 0 {
		return [][]string{c.one()}
	}
	all := [][]string{{"MULTI"}}
	for range 1 + c.IntN(4) {
		all = append(all, c.one())
	}
	return append(all, []string{"EXEC"})
}

func (c *commands) one() []string {
	k, other := c.key(), c.key()
	expireAt := strconv.Itoa(expiryBase + c.IntN(1000))
	return pick(c,
		func() []string { return []string{pick(c, "INCR", "DECR", "GETDEL", "PERSIST", "STRLEN"), k} },
		func() []string { return []string{pick(c, "INCR", "DECR", "GET", "EXPIRETIME", "TYPE"), k} },
		func() []string { return []string{pick(c, "APPEND", "GETSET", "SETNX", "SET"), k, c.value()} },
		func() []string { return []string{"SET", k, c.value(), pick(c, "NX", "XX"), "GET"} },
		func() []string { return []string{"SET", k, c.value(), pick(c, "KEEPTTL", "GET")} },
		func() []string { return []string{"SET", k, c.number(), "EXAT", expireAt} },
		func() []string { return []string{pick(c, "INCRBY", "DECRBY"), k, c.number()} },
		func() []string {
			return []string{"INCRBYFLOAT", k, fmt.Sprintf("%d.%d", c.IntN(100)-50, c.IntN(1000))}
		},
		func() []string { return []string{"EXPIREAT", k, expireAt, pick(c, "NX", "XX", "GT", "LT")} },
		func() []string { return []string{"GETEX", k, "EXAT", expireAt} },
		func() []string { return []string{"SETRANGE", k, strconv.Itoa(c.IntN(40)), c.value()} },
		func() []string { return []string{"GETRANGE", k, c.small(), c.small()} },
		func() []string { return []string{"SETBIT", k, strconv.Itoa(c.IntN(300)), pick(c, "0", "1")} },
		func() []string { return []string{"BITCOUNT", k} },
		func() []string {
			return []string{"BITFIELD", k, "OVERFLOW", pick(c, "WRAP", "SAT", "FAIL"), "INCRBY", "i13", strconv.Itoa(c.IntN(60)), c.number()}
		},
		func() []string { return []string{"BITOP", pick(c, "AND", "OR", "XOR"), k, other, c.key()} },
		func() []string { return []string{pick(c, "DEL", "UNLINK", "EXISTS", "MGET"), k, other} },
		func() []string { return []string{pick(c, "MSET", "MSETNX"), k, c.value(), other, c.value()} },
		func() []string { return []string{pick(c, "RENAME", "RENAMENX", "COPY"), k, other} },
		func() []string { return []string{"COPY", k, other, "REPLACE"} },
		func() []string { return []string{"LCS", k, other, "LEN"} },
		func() []string { return []string{"SET", k, c.value(), "EX", "none"} },
		func() []string { return []string{"GET"} },
	)()
}

// state reads everything that the commands can have changed, at one moment.
func (c *commands) state() [][]string {
	all := [][]string{{"MULTI"}, append([]string{"MGET"}, c.keys()...)}
	for _, k := range c.keys() {
		all = append(all, []string{"EXPIRETIME", k})
	}
	return append(all, []string{"EXEC"})
}
