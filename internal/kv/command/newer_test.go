package command

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ringkv/ringkv/internal/kv/store"
)

// Commands and options that Redis 7.0 does not have, so that the differential test
// cannot compare them.
func TestSetIfEqualIsThatOfValkey(t *testing.T) {
	script(t,
		"SET k v IFEQ v", "$-1",
		"EXISTS k", ":0",
		"SET k v IFEQ v GET", "$-1",
		"SET k v EX 100", "+OK",
		"SET k w IFEQ x", "$-1",
		"SET k w IFEQ x GET", "$1 v",
		"GET k", "$1 v",
		"SET k w IFEQ v KEEPTTL", "+OK",
		"TTL k", ":100",
		"SET k x ifeq w get", "$1 w",
		"GET k", "$1 x",
		"TTL k", ":-1",
		"SET k y IFEQ x EX 10 GET", "$1 x",
		"TTL k", ":10",
		"SET k \"\" IFEQ y", "+OK",
		"SET k z IFEQ \"\"", "+OK",
		"SET k z IFEQ", "-ERR syntax error",
		"SET k z IFEQ z NX", "-ERR syntax error",
		"SET k z XX IFEQ z", "-ERR syntax error",
		"SET k z IFEQ z IFEQ z", "-ERR syntax error",
		"GETEX k IFEQ z", "-ERR syntax error",
	)
}

func TestDelIfEqualIsThatOfValkey(t *testing.T) {
	script(t,
		"DELIFEQ k v", ":0",
		"SET k v", "+OK",
		"DELIFEQ k w", ":0",
		"DELIFEQ k V", ":0",
		"EXISTS k", ":1",
		"DELIFEQ k v", ":1",
		"EXISTS k", ":0",
		"DELIFEQ k", "-ERR wrong number of arguments for 'delifeq' command",
	)
}

func TestMSetExIsThatOfRedis(t *testing.T) {
	script(t,
		"MSETEX 2 a 1 b 2 EX 100", ":1",
		"TTL a", ":100",
		"TTL b", ":100",
		"MSETEX 2 b 3 c 4 NX", ":0",
		"MGET a b c", "*3 $1 1 $1 2 $-1",
		"MSETEX 2 b 3 c 4 xx PX 5", ":0",
		"MSETEX 2 a 5 b 6 XX KEEPTTL", ":1",
		"TTL a", ":100",
		"MSETEX 1 a 7", ":1",
		"TTL a", ":-1",
		"MSETEX 2 c 1 c 2 NX EXAT 1", ":1",
		"EXISTS c", ":0",
		"MSETEX 1 EX 10 EX 10", ":1",
		"TTL EX", ":10",
		"MSETEX 1 a 7 NX XX", "-ERR syntax error",
		"MSETEX 1 a 7 GET", "-ERR syntax error",
		"MSETEX 1 a 7 IFEQ 7", "-ERR syntax error",
		"MSETEX 1 a 7 EX 10 PX 10", "-ERR syntax error",
		"MSETEX 1 a 7 KEEPTTL EX 10", "-ERR syntax error",
		"MSETEX 1 a 7 EX", "-ERR syntax error",
		"MSETEX 1 a 7 EX 0", "-ERR invalid expire time in 'msetex' command",
		"MSETEX 1 a 7 EX x", "-ERR value is not an integer or out of range",
		"MSETEX 2 a 7 b", "-ERR wrong number of key-value pairs",
		"MSETEX 0 a 7", "-ERR invalid numkeys value",
		"MSETEX -1 a 7", "-ERR invalid numkeys value",
		"MSETEX x a 7", "-ERR invalid numkeys value",
		"MSETEX 9223372036854775807 a 7", "-ERR invalid numkeys value",
		"MSETEX 1 a", "-ERR wrong number of arguments for 'msetex' command",
	)
}

// TestAValueMayGrowNoLongerThanAClientCanSend would take gigabytes of a
// redis-server.
func TestAValueMayGrowNoLongerThanAClientCanSend(t *testing.T) {
	script(t,
		"SETBIT k 536870911 1", ":0",
		"STRLEN k", ":67108864",
		"SETBIT k 536870912 1", "-ERR bit offset is not an integer or out of range",
		"GETBIT k 536870911", ":1",
		"BITCOUNT k", ":1",
		"BITPOS k 1", ":536870911",
		"SETRANGE k 67108863 x", ":67108864",
		"APPEND k x", "-ERR string exceeds maximum allowed size (proto-max-bulk-len)",
		"SETRANGE k 67108864 x", "-ERR string exceeds maximum allowed size (proto-max-bulk-len)",
		"LCS k k LEN", "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
	)
}

func TestDumpedValuesComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(
			rapid.SliceOf(rapid.Byte()),
			rapid.Map(rapid.Int64(), func(n int64) []byte { return appendDecimal(n) }),
			rapid.Map(rapid.IntRange(0, 70_000), func(n int) []byte { return []byte(strings.Repeat("x", n)) }),
		).Draw(t, "value")
		payload := appendDump(nil, value)
		require.True(t, dumpIsSound(payload))
		got, ok := parseDump(payload)
		require.True(t, ok)
		require.Equal(t, string(value), string(got))
		payload[rapid.IntRange(0, len(payload)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		require.False(t, dumpIsSound(payload))
	})
}

// Redis 8 and Valkey 9 write higher versions, with the same strings.
func TestPayloadsOfNewerServersAreRestored(t *testing.T) {
	c := &Context{Store: store.New(1), Now: testNow, Partitions: 1}
	for _, version := range []uint16{1, 11, 12, 80} {
		payload := binary.LittleEndian.AppendUint16([]byte("\x00\x05hello"), version)
		payload = binary.LittleEndian.AppendUint64(payload, rdbChecksum(payload))
		var r Reply
		restore(c, [][]byte{nil, []byte("k"), []byte("0"), payload, []byte("REPLACE")}, &r)
		require.Equal(t, "+OK\r\n", string(r.Buf))
		require.Equal(t, "$5 hello", run(t, c, "GET", "k"))
	}
	list := binary.LittleEndian.AppendUint16([]byte("\x01\x01\x01a"), 11)
	list = binary.LittleEndian.AppendUint64(list, rdbChecksum(list))
	var r Reply
	restore(c, [][]byte{nil, []byte("k"), []byte("0"), list, []byte("REPLACE")}, &r)
	require.Equal(t, "-ERR Bad data format\r\n", string(r.Buf))
	require.Equal(t, "$5 hello", run(t, c, "GET", "k"))
}

func TestSubcommandsAreExecutedForOtherNodes(t *testing.T) {
	require.Equal(t, "object|encoding", Executable(argsOf("OBJECT ENCODING k")).FullName)
	require.Nil(t, Executable(argsOf("OBJECT NOPE k")))
	require.Nil(t, Executable(argsOf("OBJECT HELP")))
	require.Nil(t, Executable(argsOf("OBJECT")))
}

func appendDecimal(n int64) []byte {
	var r Reply
	r.Int(n)
	return r.Buf[1 : len(r.Buf)-2]
}

// FuzzRestore gives payloads with a sound checksum and any content.
func FuzzRestore(f *testing.F) {
	for _, s := range []string{"\x00\x05hello", "\x00\xc0\x7f", "\x00\xc1\x00\x80", "\x00\xc2\xff\xff\xff\xff", "\x00\xc3\x04\x08\x01ab\xa0", "\x00\x41\x00", "\x00\x80\x00\x00\x00\x01a", "\x01"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		value, ok := parseDump(body)
		if !ok {
			return
		}
		require.LessOrEqual(t, len(value), MaxValueBytes)
		again, ok := parseDump(appendDump(nil, value))
		require.True(t, ok)
		require.Equal(t, string(value), string(again))
	})
}

func TestBitfieldNumbersAreTakenModuloTheirWidth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := bitfieldOp{kind: bitfieldSet, signed: rapid.Bool().Draw(t, "signed"), offset: rapid.Int64Range(0, 70).Draw(t, "offset")}
		o.width = rapid.Int64Range(1, 63).Draw(t, "width")
		o.operand = rapid.Int64Range(math.MinInt64, math.MaxInt64).Draw(t, "operand")
		value := rapid.SliceOfN(rapid.Byte(), 20, 20).Draw(t, "value")
		before := countBits(value, bitRange{0, o.offset - 1}) + countBits(value, bitRange{o.offset + o.width, 159})
		after, _, ok := o.apply(loadBits(value, o))
		require.True(t, ok)
		storeBits(value, o, after)
		require.Equal(t, o.wrap(o.operand), loadBits(value, o))
		require.Equal(t, before, countBits(value, bitRange{0, o.offset - 1})+countBits(value, bitRange{o.offset + o.width, 159}), "the bits around")
	})
}
