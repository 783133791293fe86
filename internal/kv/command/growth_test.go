package command

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/store"
)

func TestGrowthIsAtMostWhatAWriteAdds(t *testing.T) {
	c := &Context{Store: store.New(1), Now: testNow, Partitions: 1}
	run(t, c, "SETRANGE", "k", "9999", "x")
	for line, want := range map[string]int64{
		"SETRANGE k 9999 y":            0,
		"SETRANGE j 9999 y":            10_000,
		"SETRANGE k 19999 y":           10_000,
		"SETRANGE j 99999999999 y":     0,
		"SETRANGE j x y":               0,
		"SETBIT j 79999 1":             10_000,
		"SETBIT j -1 1":                0,
		"BITFIELD j SET u8 79992 1":    10_000,
		"BITFIELD j GET u8 79992":      0,
		"BITFIELD j SET u8":            0,
		"BITOP NOT j k":                10_000,
		"BITOP OR j none":              0,
		"COPY k j":                     10_000,
		"COPY none j":                  0,
		"RESTORE j 0 nonsense":         0,
		"RESTORE j 0 \x00\xc3\x00\x00": 0,
		"SET j v":                      0,
		"RENAME k j":                   0,
	} {
		call := callOf(t, line)
		require.InDelta(t, want, call.Growth(c.Store), 100, line)

		copied := &Context{Store: store.New(1), Now: testNow, Partitions: 1}
		run(t, copied, "SETRANGE", "k", "9999", "x")
		before := copied.Store.Bytes()
		call.Run(copied)
		require.LessOrEqual(t, copied.Store.Bytes()-before, call.Growth(c.Store)+int64(CommandSize(call.Args))+40, line)

		var tx Transaction
		tx.Add(call.Spec, call.Args, 2)
		tx.Add(Lookup([]byte("SET")), argsOf("SET k "+strings.Repeat("v", 1000)), 2)
		spec, args := tx.Command(nil)
		require.True(t, spec.MayGrow() || call.Spec.Flags&DenyOOM == 0)
		require.InDelta(t, want, NewCall(spec, args, 2).Growth(c.Store), 100, "in a transaction: %s", line)
	}
}
