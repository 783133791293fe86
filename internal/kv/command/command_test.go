package command

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/store"
)

const testNow = 1_700_000_000_000

// script runs lines of commands against one store and compares each reply.
func script(t *testing.T, lines ...string) {
	t.Helper()
	c := &Context{Store: store.New(1), Now: testNow, Partitions: 1}
	for i := 0; i < len(lines); i += 2 {
		require.Equal(t, lines[i+1], run(t, c, strings.Fields(lines[i])...), "line %d: %s", i/2, lines[i])
	}
}

// run runs one command and returns its reply with blanks for line ends, the last
// of them cut.
func run(t *testing.T, c *Context, words ...string) string {
	t.Helper()
	args := make([][]byte, len(words))
	for i, w := range words {
		args[i] = []byte(strings.NewReplacer(`""`, "", `\n`, "\n", `\r`, "\r", `\0`, "\x00").Replace(w))
	}
	var r Reply
	if spec := Resolve(args, &r); spec != nil {
		spec.Run(c, args, &r)
	}
	return strings.TrimRight(strings.ReplaceAll(string(r.Buf), "\r\n", " "), " ")
}

func TestSetTakesTheOptionsOfRedis(t *testing.T) {
	script(t,
		"GET k", "$-1",
		"SET k v", "+OK",
		"get k", "$1 v",
		"SET k w NX", "$-1",
		"SET k w NX GET", "$1 v",
		"SET k w XX GET", "$1 v",
		"GET k", "$1 w",
		"SET n v XX", "$-1",
		"SET n v XX GET", "$-1",
		"EXISTS n", ":0",
		"SET k v NX XX", "-ERR syntax error",
		"SET k v EX 10 PX 10", "-ERR syntax error",
		"SET k v EX", "-ERR syntax error",
		"SET k v KEEPTTL EX 10", "-ERR syntax error",
		"SET k v PERSIST", "-ERR syntax error",
		"SET k v EX abc", "-ERR value is not an integer or out of range",
		"SET k v EX 0", "-ERR invalid expire time in 'set' command",
		"SET k v EX -1", "-ERR invalid expire time in 'set' command",
		"SET k v EX 9223372036854775807", "-ERR invalid expire time in 'set' command",
		"SET k v PX 9223372036854775807", "-ERR invalid expire time in 'set' command",
		"SET k v EX 10 EX 20", "+OK",
		"TTL k", ":20",
		"SET k w KEEPTTL", "+OK",
		"TTL k", ":20",
		"SET k w", "+OK",
		"TTL k", ":-1",
		"SET k v PXAT 1700000001500", "+OK",
		"PTTL k", ":1500",
		"PEXPIRETIME k", ":1700000001500",
		"EXPIRETIME k", ":1700000002",
		"SET k v EXAT 1", "+OK",
		"EXISTS k", ":0",
		"SET k", "-ERR wrong number of arguments for 'set' command",
	)
}

func TestGetExAndItsKin(t *testing.T) {
	script(t,
		"SET k v", "+OK",
		"GETEX k", "$1 v",
		"TTL k", ":-1",
		"GETEX k EX 100", "$1 v",
		"TTL k", ":100",
		"GETEX k PERSIST", "$1 v",
		"TTL k", ":-1",
		"GETEX k NX", "-ERR syntax error",
		"GETEX k PERSIST EX 1", "-ERR syntax error",
		"GETEX missing EX 0", "$-1",
		"GETEX k EX 0", "-ERR invalid expire time in 'getex' command",
		"GETEX k PXAT 5", "$1 v",
		"GET k", "$-1",
		"SET k v", "+OK",
		"GETDEL k", "$1 v",
		"GETDEL k", "$-1",
		"SETEX k 10 v", "+OK",
		"GETSET k w", "$1 v",
		"TTL k", ":-1",
		"SETNX k x", ":0",
		"SETNX j x", ":1",
		"PSETEX k 0 v", "-ERR invalid expire time in 'psetex' command",
		"SETEX k x v", "-ERR value is not an integer or out of range",
	)
}

func TestStringsAreCutAndJoined(t *testing.T) {
	script(t,
		"APPEND k Hello", ":5",
		"APPEND k World", ":10",
		"STRLEN k", ":10",
		"GETRANGE k 0 4", "$5 Hello",
		"GETRANGE k -5 -1", "$5 World",
		"GETRANGE k 5 100", "$5 World",
		"GETRANGE k -1 -5", "$0",
		"GETRANGE k 7 3", "$0",
		"GETRANGE missing 0 -1", "$0",
		"GETRANGE k -9223372036854775808 9223372036854775807", "$10 HelloWorld",
		"GETRANGE k a 1", "-ERR value is not an integer or out of range",
		"SETRANGE k 5 Redis", ":10",
		"GET k", "$10 HelloRedis",
		"SETRANGE new 3 x", ":4",
		"GET new", "$4 \x00\x00\x00x",
		"SETRANGE none 10 \"\"", ":0",
		"EXISTS none", ":0",
		"SETRANGE k -1 x", "-ERR offset is out of range",
		"SETRANGE k 536870912 x", "-ERR string exceeds maximum allowed size (proto-max-bulk-len)",
		"SETRANGE k 9223372036854775807 x", "-ERR string exceeds maximum allowed size (proto-max-bulk-len)",
		"MSET a 1 b 2", "+OK",
		"MGET a x b", "*3 $1 1 $-1 $1 2",
		"MSET a 1 b", "-ERR wrong number of arguments for 'mset' command",
	)
}

func TestCounters(t *testing.T) {
	script(t,
		"INCR k", ":1",
		"INCRBY k 10", ":11",
		"DECRBY k 20", ":-9",
		"DECR k", ":-10",
		"SET k 9223372036854775807", "+OK",
		"INCR k", "-ERR increment or decrement would overflow",
		"DECRBY k -9223372036854775808", "-ERR decrement would overflow",
		"SET k 010", "+OK",
		"INCR k", "-ERR value is not an integer or out of range",
		"SET k \"\"", "+OK",
		"INCR k", "-ERR value is not an integer or out of range",
		"INCRBY n +1", "-ERR value is not an integer or out of range",
		"SET k 5 EX 100", "+OK",
		"INCR k", ":6",
		"TTL k", ":100",
	)
}

func TestFloatsAreThoseOfRedis(t *testing.T) {
	script(t,
		"SET k 10.50", "+OK",
		"INCRBYFLOAT k 0.1", "$4 10.6",
		"INCRBYFLOAT k -5", "$3 5.6",
		"SET k 5.0e3", "+OK",
		"INCRBYFLOAT k 2.0e2", "$4 5200",
		"SET k 3", "+OK",
		"INCRBYFLOAT k 1.1", "$3 4.1",
		"SET k 0x10p1", "+OK",
		"INCRBYFLOAT k 0", "$2 32",
		"INCRBYFLOAT k inf", "-ERR increment would produce NaN or Infinity",
		"INCRBYFLOAT k nan", "-ERR value is not a valid float",
		"INCRBYFLOAT k 1e999999999999", "-ERR value is not a valid float",
		"INCRBYFLOAT k 1e-999999999999", "-ERR value is not a valid float",
		"INCRBYFLOAT k 0e999999999999", "$2 32",
		"INCRBYFLOAT k 1_0", "-ERR value is not a valid float",
		"INCRBYFLOAT k 1e", "-ERR value is not a valid float",
		"INCRBYFLOAT k .", "-ERR value is not a valid float",
		"INCRBYFLOAT k -32", "$1 0",
		"INCRBYFLOAT k -0.0", "$1 0",
		"INCRBYFLOAT big 1e17", "$18 100000000000000000",
		"INCRBYFLOAT x 0.12345678901234567", "$19 0.12345678901234567",
	)
}

func TestExpiry(t *testing.T) {
	script(t,
		"EXPIRE k 10", ":0",
		"TTL k", ":-2",
		"SET k v", "+OK",
		"EXPIRE k 10 XX", ":0",
		"EXPIRE k 10 GT", ":0",
		"EXPIRE k 10 LT", ":1",
		"EXPIRE k 20 NX", ":0",
		"EXPIRE k 5 GT", ":0",
		"EXPIRE k 20 GT", ":1",
		"PEXPIRE k 1499", ":1",
		"TTL k", ":1",
		"PEXPIRE k 1500", ":1",
		"TTL k", ":2",
		"EXPIRE k 10 NX XX", "-ERR NX and XX, GT or LT options at the same time are not compatible",
		"EXPIRE k 10 GT LT", "-ERR GT and LT options at the same time are not compatible",
		"EXPIRE k 10 foo", "-ERR Unsupported option foo",
		"EXPIRE k 10 a\\nb\\r", "-ERR Unsupported option a b",
		"EXPIRE k 9223372036854775807", "-ERR invalid expire time in 'expire' command",
		"PEXPIRE k 9223372036854775807", "-ERR invalid expire time in 'pexpire' command",
		"PERSIST k", ":1",
		"PERSIST k", ":0",
		"EXPIREAT k 1", ":1",
		"EXISTS k", ":0",
		"SET k v", "+OK",
		"EXPIRE k -1", ":1",
		"EXISTS k", ":0",
	)
}

func TestExpiredKeysAreHiddenUntilTheyAreDeleted(t *testing.T) {
	c := &Context{Store: store.New(1), Now: testNow, Partitions: 1}
	require.Equal(t, "+OK", run(t, c, "SET", "k", "v", "PX", "10"))
	c.Now = testNow + 10
	require.Equal(t, "$1 v", run(t, c, "GET", "k"), "a key lives through its last millisecond")
	c.Now = testNow + 11
	require.Equal(t, "$-1", run(t, c, "GET", "k"))
	require.Equal(t, ":0", run(t, c, "EXISTS", "k"))
	require.Equal(t, "+none", run(t, c, "TYPE", "k"))
	require.Equal(t, ":-2", run(t, c, "TTL", "k"))
	require.Equal(t, "*2 $1 0 *0", run(t, c, "SCAN", "0"))
	require.Equal(t, "*0", run(t, c, "KEYS", "*"))
	require.Equal(t, ":1", run(t, c, "DBSIZE"))
	require.Equal(t, ":0", run(t, c, "DEL", "k"))
	require.Equal(t, ":0", run(t, c, "DBSIZE"))
}

func TestInternalCommandsAreRefusedFromClients(t *testing.T) {
	c := &Context{Store: store.New(1), Now: testNow, Partitions: 1}
	require.Equal(t, "-ERR unknown command 'RINGKV.EXPIRE', with args beginning with: 'k'", run(t, c, "RINGKV.EXPIRE", "k"))

	run(t, c, "SET", "k", "v", "PX", "10")
	run(t, c, "SET", "j", "v")
	c.Now += 11
	var r Reply
	require.NoError(t, Apply(c, [][]byte{[]byte("RINGKV.EXPIRE"), []byte("k"), []byte("j"), []byte("x")}, &r))
	require.Equal(t, ":1\r\n", string(r.Buf))
	require.Equal(t, 1, c.Store.Len())
}

func TestUnknownCommandsGetTheErrorOfRedis(t *testing.T) {
	script(t,
		"FOO", "-ERR unknown command 'FOO', with args beginning with:",
		"foo a\\nb c", "-ERR unknown command 'foo', with args beginning with: 'a b' 'c'",
		"CLIENT FOO", "-ERR unknown subcommand 'FOO'. Try CLIENT HELP.",
		"CLIENT", "-ERR wrong number of arguments for 'client' command",
		"CLIENT SETNAME", "-ERR wrong number of arguments for 'client|setname' command",
		"GET", "-ERR wrong number of arguments for 'get' command",
	)
}

func TestApplyRefusesWhatItCannotApply(t *testing.T) {
	c := &Context{Store: store.New(1)}
	var r Reply
	require.ErrorIs(t, Apply(c, [][]byte{[]byte("GET"), []byte("k")}, &r), ErrNotApplicable)
	require.ErrorIs(t, Apply(c, [][]byte{[]byte("NEWER"), []byte("k")}, &r), ErrNotApplicable)
	require.ErrorIs(t, Apply(c, [][]byte{[]byte("SET"), []byte("k")}, &r), ErrNotApplicable)
	require.ErrorIs(t, Apply(c, [][]byte{[]byte("PING")}, &r), ErrNotApplicable)
	require.Empty(t, r.Buf)
}

func TestGlobMatchesAsRedisDoes(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"*", "abc", true}, {"a*c", "abbc", true}, {"a*c", "abb", false}, {"a?c", "abc", true},
		{"a?c", "ac", false}, {"[ab]c", "bc", true}, {"[^ab]c", "bc", false}, {"[^ab]c", "cc", true},
		{"[a-c]x", "bx", true}, {"[c-a]x", "bx", true}, {`\*`, "*", true}, {`\*`, "a", false},
		{"[abc", "a", true}, {"[", "[", false}, {"[^", "z", true}, {`[\]]`, "]", true},
		{"", "", true}, {"*", "", false}, {"a", "", false}, {"", "a", false}, {"a**", "a", true},
		{`\`, `\`, true}, {"***a*b", "xxaxxb", true},
		{strings.Repeat("a*", 40) + "b", strings.Repeat("a", 60), false},
	} {
		require.Equal(t, c.want, GlobMatch([]byte(c.pattern), []byte(c.s)), "%q %q", c.pattern, c.s)
	}
}
