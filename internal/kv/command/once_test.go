package command

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ringkv/ringkv/internal/kv/store"
)

// runOnce executes a write of ops with an idempotency key and returns the reply.
func runOnce(t require.TestingT, c *Context, key string, ops []Op, atomic bool) string {
	spec, args := WriteArgs(ops, atomic, NewOnce(key, ops, atomic))
	require.NotNil(t, spec)
	var r Reply
	require.NoError(t, Apply(c, args, &r))
	return string(r.Buf)
}

// TestAWriteWithAnIdempotencyKeyIsExecutedOnce: sent again it gives the same answer and
// changes nothing, refusals included, also on a store that came from a snapshot. What it
// does the first time is what it does without a key.
func TestAWriteWithAnIdempotencyKeyIsExecutedOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &Context{Store: store.New(1), Now: testNow, Partitions: 1}
		plain := &Context{Store: store.New(1), Now: testNow, Partitions: 1}
		type sent struct {
			ops    []Op
			atomic bool
			reply  string
		}
		var all []sent
		for n := range rapid.IntRange(1, 30).Draw(t, "writes") {
			if len(all) > 0 && rapid.Bool().Draw(t, "again") {
				k := rapid.IntRange(0, len(all)-1).Draw(t, "which")
				before := c.Store.Hash()
				require.Equal(t, all[k].reply, runOnce(t, c, fmt.Sprint("key-", k), all[k].ops, all[k].atomic))
				require.Equal(t, before, c.Store.Hash(), "nothing has changed")
				if rapid.Bool().Draw(t, "restored") {
					p := c.Store.Snapshot()
					var b bytes.Buffer
					_, err := p.WriteTo(&b)
					require.NoError(t, err)
					p.Release()
					c.Store = store.New(2)
					require.NoError(t, c.Store.Restore(&b))
					require.Equal(t, before, c.Store.Hash())
				}
			}
			s := sent{ops: make([]Op, rapid.IntRange(1, 4).Draw(t, "operations")), atomic: rapid.Bool().Draw(t, "atomic")}
			newest := c.Store.Revision()
			for i := range s.ops {
				s.ops[i] = drawOp(t, newest)
			}
			s.reply = runOnce(t, c, fmt.Sprint("key-", n), s.ops, s.atomic)
			spec, args := WriteArgs(s.ops, s.atomic, nil)
			var r Reply
			spec.Run(plain, args, &r)
			require.Equal(t, string(r.Buf), s.reply)
			require.Equal(t, plain.Store.Revision(), c.Store.Revision())
			all = append(all, s)
		}
		require.Equal(t, plain.Store.Len(), c.Store.Len())
		require.Equal(t, plain.Store.Bytes(), c.Store.Bytes())
	})
}

func TestAnIdempotencyKeyWithAnotherWriteIsRefused(t *testing.T) {
	c := &Context{Store: store.New(1), Now: testNow, Partitions: 1}
	put := Op{Kind: OpPut, Key: []byte("k"), Value: []byte("v")}
	first := runOnce(t, c, "key", []Op{put}, false)
	before := c.Store.Hash()
	for what, change := range map[string]func(*Op){
		"key":       func(o *Op) { o.Key = []byte("l") },
		"value":     func(o *Op) { o.Value = []byte("w") },
		"condition": func(o *Op) { o.HasVersion, o.IfVersion = true, 1 },
		"ttl":       func(o *Op) { o.TTL = 5 },
		"kind":      func(o *Op) { *o = Op{Kind: OpDelete, Key: o.Key} },
		"previous":  func(o *Op) { o.Previous = true },
	} {
		other := put
		change(&other)
		reply := runOnce(t, c, "key", []Op{other}, false)
		require.Equal(t, "-"+errKeyReused+"\r\n", reply, what)
	}
	require.Equal(t, "-"+errKeyReused+"\r\n", runOnce(t, c, "key", []Op{put}, true), "atomic")
	require.Equal(t, "-"+errKeyReused+"\r\n", runOnce(t, c, "key", []Op{put, put}, false), "two operations")
	require.Equal(t, before, c.Store.Hash())
	require.Equal(t, first, runOnce(t, c, "key", []Op{put}, false))
}

// TestAnIdempotencyKeyIsForgottenAfterADay, counted by the times that leaders gave, so that
// all replicas agree.
func TestAnIdempotencyKeyIsForgottenAfterADay(t *testing.T) {
	c := &Context{Store: store.New(1), Now: testNow, Partitions: 1}
	add := []Op{{Kind: OpIncrement, Key: []byte("n"), Delta: 1}}
	first := runOnce(t, c, "key", add, false)
	c.Now += OnceFor.Milliseconds()
	require.Equal(t, first, runOnce(t, c, "key", add, false))
	c.Now++
	second := runOnce(t, c, "key", add, false)
	require.NotEqual(t, first, second)
	require.Equal(t, second, runOnce(t, c, "key", add, false))
	item, _ := c.Store.Get([]byte("n"))
	require.Equal(t, "2", string(item.Value))
}

func TestAnAnswerTooLongToRememberIsRefusedBeforehand(t *testing.T) {
	c := &Context{Store: store.New(1), Now: testNow, Partitions: 1}
	c.Store.Set([]byte("k"), make([]byte, maxOnceBytes+1), 0)
	before := c.Store.Hash()
	reply := runOnce(t, c, "key", []Op{{Kind: OpDelete, Key: []byte("k"), Previous: true}}, false)
	require.Equal(t, "-"+ErrOnceTooLong+"\r\n", reply)
	require.Equal(t, before, c.Store.Hash())

	// The longest that is not refused can be remembered.
	c.Store.Set([]byte("k"), make([]byte, maxOnceBytes), 0)
	c.Store.Set([]byte("n"), fmt.Append(nil, math.MinInt64+MaxOperations), 0)
	ops := []Op{{Kind: OpGet, Key: []byte("k")}}
	for len(ops) < MaxOperations {
		ops = append(ops, Op{Kind: OpIncrement, Key: []byte("n"), Delta: -1})
	}
	reply = runOnce(t, c, "long", ops, true)
	require.True(t, strings.HasPrefix(reply, "*10000\r\n"))
	require.Equal(t, reply, runOnce(t, c, "long", ops, true))
}

// FuzzWriteOnce applies any command to two stores with the same past, one of which came
// from a snapshot: each gives one well-formed reply, the same, and so does a repetition.
func FuzzWriteOnce(f *testing.F) {
	for _, ops := range [][]Op{
		{{Kind: OpPut, Key: []byte("k"), Value: []byte("v"), TTL: 5}},
		{{Kind: OpIncrement, Key: []byte("n"), Delta: 1}, {Kind: OpDelete, Key: []byte("k"), Previous: true}},
	} {
		_, args := WriteArgs(ops, len(ops) > 1, NewOnce("key", ops, len(ops) > 1))
		require.NotNil(f, Executable(args))
		f.Add(AppendCommand(nil, args))
	}
	f.Fuzz(func(t *testing.T, encoded []byte) {
		batch, err := DecodeBatch(append(AppendBatchHeader(nil, 1, 1, testNow), encoded...))
		if err != nil {
			return
		}
		args, ok := batch.Next(nil)
		if !ok || !strings.EqualFold(string(args[0]), "ringkv.writeonce") || Executable(args) == nil {
			return
		}
		first := &Context{Store: store.New(1), Now: testNow, Partitions: 1}
		first.Store.Set([]byte("k"), []byte("1"), 0)
		var r, again Reply
		require.NoError(t, Apply(first, args, &r))
		rest, ok := oneReply(r.Buf)
		require.True(t, ok && len(rest) == 0, "%q is answered by %q", args, r.Buf)
		hash := first.Store.Hash()
		p := first.Store.Snapshot()
		var b bytes.Buffer
		_, err = p.WriteTo(&b)
		require.NoError(t, err)
		p.Release()
		second := &Context{Store: store.New(2), Now: testNow + 1, Partitions: 1}
		require.NoError(t, second.Store.Restore(&b))
		require.NoError(t, Apply(second, args, &again))
		require.Equal(t, string(r.Buf), string(again.Buf))
		require.Equal(t, hash, second.Store.Hash())
	})
}
