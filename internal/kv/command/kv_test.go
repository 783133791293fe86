package command

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ringkv/ringkv/internal/kv/store"
)

// drawOp draws an operation whose condition names a version up to newest.
func drawOp(t *rapid.T, newest uint64) Op {
	o := Op{
		Kind: OpKind(rapid.IntRange(int(OpGet), int(OpIncrement)).Draw(t, "kind")),
		Key:  []byte(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "key")), Value: []byte{},
	}
	if o.Kind != OpGet && newest > 0 && rapid.Bool().Draw(t, "conditional") {
		o.HasVersion, o.IfVersion = true, rapid.Uint64Range(1, newest).Draw(t, "version")
	}
	switch o.Kind {
	case OpPut:
		o.Value = []byte(rapid.SampledFrom([]string{"", "1", "x", "9223372036854775807"}).Draw(t, "value"))
		o.IfAbsent = !o.HasVersion && rapid.Bool().Draw(t, "absent")
		o.KeepTTL = rapid.Bool().Draw(t, "keep")
		if !o.KeepTTL {
			o.TTL = rapid.Int64Range(0, 3).Draw(t, "ttl")
		}
	case OpIncrement:
		o.Delta = rapid.SampledFrom([]int64{1, -1, 1 << 62}).Draw(t, "delta")
	}
	o.Previous = o.Kind != OpGet && rapid.Bool().Draw(t, "previous")
	return o
}

func TestOperationsArriveAsTheyWereSent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawOp(t, 8)
		_, args := WriteArgs([]Op{o}, false, nil)
		got, ok := decodeOp(args[2], args[3], args[4])
		require.True(t, ok)
		require.Equal(t, o, got)
	})
}

// TestAnAtomicWriteDoesAllOrNothing: it does what its operations do one after the other,
// if none of them fails then, and nothing at all otherwise.
func TestAnAtomicWriteDoesAllOrNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		run := func(c *Context, ops []Op, atomic bool) []OpResult {
			spec, args := WriteArgs(ops, atomic, nil)
			var r Reply
			spec.Run(c, args, &r)
			results, err := DecodeResults(r.Buf)
			require.NoError(t, err, "%q", r.Buf)
			require.Len(t, results, len(ops))
			return results
		}
		whole := &Context{Store: store.New(1), Now: testNow, Partitions: 1}
		each := &Context{Store: store.New(1), Now: testNow, Partitions: 1}
		for range rapid.IntRange(0, 6).Draw(t, "history") {
			o := drawOp(t, whole.Store.Revision())
			run(whole, []Op{o}, false)
			run(each, []Op{o}, false)
		}
		// Nobody can name a version that does not exist yet.
		ops, newest := make([]Op, rapid.IntRange(1, 5).Draw(t, "operations")), whole.Store.Revision()
		for i := range ops {
			ops[i] = drawOp(t, newest)
		}
		whole.Now, each.Now = testNow+2, testNow+2
		before := whole.Store.Hash()
		got, want := run(whole, ops, true), []OpResult(nil)
		failed := -1
		for i, o := range ops {
			want = append(want, run(each, []Op{o}, false)...)
			if failed < 0 && want[i].Status != OpDone {
				failed = i
			}
		}
		if failed < 0 {
			require.Equal(t, want, got)
			require.Equal(t, each.Store.Hash(), whole.Store.Hash())
			return
		}
		require.Equal(t, before, whole.Store.Hash())
		for i := range got {
			if i == failed {
				require.Equal(t, want[i].Status, got[i].Status)
			} else {
				require.Equal(t, OpSkipped, got[i].Status)
			}
		}
	})
}

func FuzzDecodeResults(f *testing.F) {
	var r Reply
	r.Array(1)
	(&OpResult{Found: true, Version: 3, Value: []byte("v"), ItemVersion: 3}).append(&r)
	f.Add(r.Buf)
	f.Add([]byte("*1\r\n$99999999999\r\n"))
	f.Fuzz(func(t *testing.T, reply []byte) {
		results, err := DecodeResults(reply)
		if err == nil {
			again := Reply{}
			again.Array(len(results))
			for i := range results {
				results[i].append(&again)
			}
			back, err := DecodeResults(again.Buf)
			require.NoError(t, err)
			require.Equal(t, results, back)
		}
		_, _, _ = DecodeScan(reply)
	})
}
