package command

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ringkv/ringkv/internal/kv/store"
)

func argsOf(line string) [][]byte {
	var args [][]byte
	for _, w := range strings.Fields(line) {
		args = append(args, []byte(w))
	}
	return args
}

func callOf(t require.TestingT, line string) *Call {
	var r Reply
	spec := Resolve(argsOf(line), &r)
	require.NotNil(t, spec, "%s: %s", line, r.Buf)
	return NewCall(spec, argsOf(line), 2)
}

// tagOf is the part of a key in braces, if there is one, as for slots.
func tagOf(key []byte) []byte {
	if _, rest, ok := bytes.Cut(key, []byte("{")); ok {
		if tag, _, ok := bytes.Cut(rest, []byte("}")); ok && len(tag) > 0 {
			return tag
		}
	}
	return key
}

func testRouter(partitions uint32) *Router {
	return &Router{
		Partitions: partitions,
		Slot:       func(key []byte) uint16 { return uint16(crc32.ChecksumIEEE(tagOf(key)) & 16383) },
		Partition:  func(slot uint16) uint32 { return uint32(slot) * partitions / 16384 },
	}
}

// cluster runs calls on so many partitions, as a node would.
type testCluster struct {
	router *Router
	stores []*Context
}

func newTestCluster(partitions uint32) *testCluster {
	c := &testCluster{router: testRouter(partitions)}
	for p := range partitions {
		c.stores = append(c.stores, &Context{Store: store.New(1), Now: testNow, Partition: p, Partitions: partitions})
	}
	return c
}

func (c *testCluster) do(call *Call) string {
	parts := c.router.Route(nil, call)
	Gather(call, parts)
	for i := len(parts) - 1; i >= 0; i-- { // out of order on purpose
		parts[i].Call.Run(c.stores[parts[i].Partition])
		parts[i].Call.Finish()
	}
	return string(call.Wait())
}

func TestACallWakesWhoWaits(t *testing.T) {
	c := NewCall(Lookup([]byte("get")), argsOf("GET k"), 2)
	for i := range 1000 {
		c.Reset(c.Spec, c.Args, 2)
		var wg sync.WaitGroup
		wg.Go(func() { c.Complete([]byte("+OK\r\n")) })
		if i%2 == 0 {
			require.Equal(t, "+OK\r\n", string(c.Wait()))
		} else {
			<-c.Done()
		}
		wg.Wait()
		require.True(t, c.IsComplete())
		require.Equal(t, "+OK\r\n", string(c.Wait()))
	}
}

func TestACallIsCompletedOnce(t *testing.T) {
	c := NewCall(Lookup([]byte("get")), argsOf("GET k"), 2)
	c.Fail(ErrOOM)
	require.Panics(t, c.Finish)
}

func TestManyPartitionsAnswerAsOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one, many := newTestCluster(1), newTestCluster(rapid.SampledFrom([]uint32{2, 16}).Draw(t, "partitions"))
		key := rapid.Custom(func(t *rapid.T) string { return fmt.Sprintf("k%d", rapid.IntRange(0, 30).Draw(t, "k")) })
		for range rapid.IntRange(1, 20).Draw(t, "commands") {
			keys := rapid.SliceOfN(key, 1, 10).Draw(t, "keys")
			line := rapid.SampledFrom([]string{"MSET", "MGET", "DEL", "UNLINK", "EXISTS", "TOUCH", "MSETEX", "DBSIZE", "FLUSHALL", "GET"}).Draw(t, "name")
			switch line {
			case "MSET":
				for i, k := range keys {
					line += fmt.Sprintf(" %s v%d", k, i)
				}
			case "MSETEX":
				line += fmt.Sprintf(" %d", len(keys))
				for i, k := range keys {
					line += fmt.Sprintf(" %s w%d", k, i)
				}
				line += rapid.SampledFrom([]string{"", " EX 100", " KEEPTTL", " EX 0", " FOO"}).Draw(t, "options")
			case "GET":
				line += " " + keys[0]
			case "DBSIZE", "FLUSHALL":
			default:
				line += " " + strings.Join(keys, " ")
			}
			proto := rapid.SampledFrom([]uint8{2, 3}).Draw(t, "proto")
			a, b := callOf(t, line), callOf(t, line)
			a.Out.Proto, b.Out.Proto = proto, proto
			require.Equal(t, one.do(a), many.do(b), line)
		}
	})
}

func TestScanLeadsThroughAllPartitions(t *testing.T) {
	c := newTestCluster(16)
	want := map[string]bool{}
	for i := range 1000 {
		c.do(callOf(t, fmt.Sprintf("SET key:%d v", i)))
		want[fmt.Sprintf("key:%d", i)] = true
	}
	got := map[string]bool{}
	for cursor, calls := "0", 0; ; calls++ {
		require.Less(t, calls, 1000)
		lines := strings.Split(c.do(callOf(t, "SCAN "+cursor+" COUNT 50 MATCH key:* TYPE string")), "\r\n")
		for i := 5; i < len(lines); i += 2 {
			require.False(t, got[lines[i]])
			got[lines[i]] = true
		}
		if cursor = lines[2]; cursor == "0" {
			break
		}
	}
	require.Equal(t, want, got)
	require.Equal(t, 1000, strings.Count(c.do(callOf(t, "KEYS key:*")), "key:"))
	require.Equal(t, "-ERR invalid cursor\r\n", c.do(callOf(t, "SCAN 68719476736")), "partition 16 of 16")
	require.Equal(t, "-ERR invalid cursor\r\n", c.do(callOf(t, "SCAN x")))
}

func TestErrorsOfPartsDoNotInviteABlindRetry(t *testing.T) {
	c := newTestCluster(16)
	for _, test := range []struct {
		line string
		fail func(part int) string // "" runs the part
		want string
	}{
		{"MSET a 1 b 2 c 3", func(int) string { return ErrUnavailable }, "-" + ErrUnavailable},
		{"MSET a 1 b 2 c 3", func(i int) string { return []string{"", ErrUnavailable, ""}[i] },
			"-UNKNOWNRESULT some of the keys were written, others were not: " + ErrUnavailable},
		{"MSET a 1 b 2 c 3", func(i int) string { return []string{"", ErrOOM, ""}[i] }, "-" + ErrOOM},
		{"MSET a 1 b 2 c 3", func(i int) string { return []string{ErrUnavailable, ErrUnknownResult, ErrOOM}[i] }, "-" + ErrUnknownResult},
		{"MGET a b c", func(i int) string { return []string{"", ErrUnavailable, ""}[i] }, "-" + ErrUnavailable},
	} {
		call := callOf(t, test.line)
		parts := c.router.Route(nil, call)
		require.Len(t, parts, 3, "the keys were chosen to lie in three partitions")
		Gather(call, parts)
		for i, p := range parts {
			if e := test.fail(i); e != "" {
				p.Call.Fail(e)
				continue
			}
			p.Call.Run(c.stores[p.Partition])
			p.Call.Finish()
		}
		require.Equal(t, test.want+"\r\n", string(call.Wait()), test.line)
	}
}

func TestASplitCallIsRefusedAsAWhole(t *testing.T) {
	c := newTestCluster(16)
	require.Equal(t, "-ERR wrong number of arguments for 'mset' command\r\n", c.do(callOf(t, "MSET a 1 b 2 c")))
	require.Equal(t, ":0\r\n", c.do(callOf(t, "DBSIZE")))
}

func TestKeysThatDependOnEachOtherMustLieInOneSlot(t *testing.T) {
	c := newTestCluster(16)
	for _, line := range []string{
		"MSETNX a 1 b 2", "MSETEX 2 a 1 b 2 NX", "MSETEX 2 a 1 b 2 EX 10 xx", "RENAME a b", "RENAMENX a b", "COPY a b", "LCS a b", "BITOP OR a b", "BITOP OR a a b",
	} {
		require.Equal(t, "-"+ErrCrossSlot+"\r\n", c.do(callOf(t, line)), line)
	}
	require.Equal(t, ":1\r\n", c.do(callOf(t, "MSETEX 3 a 1 b 2 c 3 EX 10")))
	require.Equal(t, "*3\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n", c.do(callOf(t, "MGET a b c")))
	require.Equal(t, ":10\r\n", c.do(callOf(t, "TTL c")))
	require.Equal(t, "-ERR syntax error\r\n", c.do(callOf(t, "MSETEX 2 a 1 b 2 FOO")))
	require.Equal(t, "-ERR wrong number of key-value pairs\r\n", c.do(callOf(t, "MSETEX 3 a 1 b 2")))
}

func TestRoutingOneKeyAllocatesNothing(t *testing.T) {
	r, call := testRouter(16), callOf(t, "GET k")
	parts := make([]Part, 0, 1)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		call.Reset(call.Spec, call.Args, 2)
		parts = r.Route(parts, call)
		Gather(call, parts)
	}))
}

func TestBatchesCarryCommands(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		commands := rapid.SliceOf(rapid.SliceOfN(rapid.SliceOf(rapid.Byte()), 1, 5)).Draw(t, "commands")
		b := AppendBatchHeader(nil, 1, 1<<63, -5)
		for _, args := range commands {
			before := len(b)
			b = AppendCommand(b, args)
			require.LessOrEqual(t, len(b)-before, CommandSize(args))
		}
		batch, err := DecodeBatch(b)
		require.NoError(t, err)
		require.Equal(t, []any{uint64(1), uint64(1 << 63), int64(-5)}, []any{batch.Proposer, batch.Seq, batch.Now})
		var args [][]byte
		for _, want := range commands {
			var ok bool
			args, ok = batch.Next(args)
			require.True(t, ok)
			require.Len(t, args, len(want))
			for i := range want {
				require.Equal(t, string(want[i]), string(args[i]))
			}
		}
		_, ok := batch.Next(args)
		require.False(t, ok)
		for n := range b[:min(len(b), batchHeader)] {
			_, err := DecodeBatch(b[:n])
			require.ErrorIs(t, err, ErrBadBatch)
		}
	})
}

func FuzzDecodeBatch(f *testing.F) {
	f.Add(AppendCommand(AppendBatchHeader(nil, 1, 2, 3), argsOf("SET k v")))
	f.Add(AppendCommand(AppendBatchHeader(nil, 1, 2, 3), [][]byte{nil}))
	f.Fuzz(func(t *testing.T, payload []byte) {
		batch, err := DecodeBatch(payload)
		if err != nil {
			require.True(t, errors.Is(err, ErrBadBatch) || errors.Is(err, ErrLaterFormat), err)
			return
		}
		again := AppendBatchHeader(nil, batch.Proposer, batch.Seq, batch.Now)
		var args [][]byte
		for {
			var ok bool
			if args, ok = batch.Next(args); !ok {
				break
			}
			require.NotEmpty(t, args)
			again = AppendCommand(again, args)
		}
		// A varint can be written longer than needed, never shorter.
		require.LessOrEqual(t, len(again), len(payload))
	})
}

func BenchmarkRead(b *testing.B) {
	var contexts Contexts
	st := store.New(1)
	st.Set([]byte("k"), []byte("value"), 0)
	c := callOf(b, "GET k")
	b.ReportAllocs()
	for b.Loop() {
		c.Reset(c.Spec, c.Args, 2)
		contexts.Read(c, st, testNow, 0, 1)
	}
}

func TestReadsSeeTheStoreAtTheirTime(t *testing.T) {
	var contexts Contexts
	st := store.New(1)
	st.Set([]byte("k"), []byte("value"), testNow+1)
	for now, want := range map[int64]string{testNow: "$5\r\nvalue\r\n", testNow + 2: "$-1\r\n"} {
		c := callOf(t, "GET k")
		contexts.Read(c, st, now, 0, 1)
		require.False(t, c.IsComplete())
		c.Finish()
		require.Equal(t, want, string(c.Wait()))
	}
}
