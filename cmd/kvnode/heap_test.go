package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGarbageIsAFewMegabytesOrASmallPartOfTheData(t *testing.T) {
	for _, c := range []struct{ live, garbage uint64 }{
		{16 << 20, 16 << 20},
		{64 << 20, 16 << 20},
		{128 << 20, 16 << 20},
		{1 << 30, 128 << 20},
		{64 << 30, 8 << 30},
	} {
		got := c.live / 100 * uint64(garbagePercent(c.live))
		require.InEpsilon(t, c.garbage, got, 0.1, "with %d MiB", c.live>>20)
	}
	require.Equal(t, 400, garbagePercent(0), "a node without data collects seldom enough")
}
