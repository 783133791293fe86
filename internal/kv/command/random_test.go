package command

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// requireFair draws keys and requires that each comes about as often as expected. The
// bounds are Chernoff's for the number of successes: a fair draw leaves them with a
// chance of less than one in a billion, for all keys together.
func requireFair(t *testing.T, expected map[string]float64, draw func() string) {
	t.Helper()
	draws := 0.0
	for _, n := range expected {
		draws += n
	}
	drawn := map[string]int{}
	for range int(math.Round(draws)) {
		drawn[draw()]++
	}
	require.LessOrEqual(t, len(drawn), len(expected))
	deviation := math.Log(2 * float64(len(expected)) * 1e9)
	for key, mean := range expected {
		n := float64(drawn[key])
		unlikely := mean
		if n > 0 {
			unlikely = n*math.Log(n/mean) - n + mean
		}
		require.Less(t, unlikely, deviation, "%s was drawn %g times, expected are %g", key, n, mean)
	}
}

func TestRandomKeysComeFromAllPartitionsByTheirSize(t *testing.T) {
	for _, partitions := range []uint32{1, 16} {
		t.Run(fmt.Sprint(partitions), func(t *testing.T) {
			c := newTestCluster(partitions)
			require.Equal(t, "$-1\r\n", c.do(callOf(t, "RANDOMKEY")))
			for i := range 36 {
				c.do(callOf(t, fmt.Sprintf("SET {a}%d v", i))) // all in one partition
			}
			for i := range 4 {
				c.do(callOf(t, fmt.Sprintf("SET %d v", i)))
			}
			// It counts for its partition until it is deleted.
			c.do(callOf(t, "SET {a}gone v PX 1"))
			expected := map[string]float64{}
			for _, s := range c.stores {
				s.Now += 2
				var live Reply
				keys(s, [][]byte{[]byte("KEYS"), []byte("*")}, &live)
				elements, ok := Elements(live.Buf)
				require.True(t, ok)
				for _, key := range elements {
					expected[string(key)] = 400 * float64(s.Store.Len()) / float64(len(elements))
				}
			}
			require.Len(t, expected, 40)
			requireFair(t, expected, func() string { return c.do(callOf(t, "RANDOMKEY")) })
		})
	}
}

func TestRandomKeyIsFairAmongManyKeys(t *testing.T) {
	c := newTestCluster(1)
	expected := map[string]float64{}
	for i := range 3000 {
		c.do(callOf(t, fmt.Sprintf("SET %04d v", i)))
		expected[fmt.Sprintf("$4\r\n%04d\r\n", i)] = 40
	}
	requireFair(t, expected, func() string { return c.do(callOf(t, "RANDOMKEY")) })
}

func TestRandomKeyFindsTheOneThatHasNotExpired(t *testing.T) {
	c := newTestCluster(1)
	for i := range 20_000 {
		c.do(callOf(t, fmt.Sprintf("SET %d v PX 1", i)))
	}
	c.stores[0].Now += 2
	require.Equal(t, "$-1\r\n", c.do(callOf(t, "RANDOMKEY")))
	c.do(callOf(t, "SET here v"))
	for range 20 {
		require.Equal(t, "$4\r\nhere\r\n", c.do(callOf(t, "RANDOMKEY")))
	}
}
