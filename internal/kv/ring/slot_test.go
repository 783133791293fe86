package ring

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSlotIsThatOfRedisCluster(t *testing.T) {
	require.Equal(t, uint16(0x31C3), crc16([]byte("123456789")), "the check value of CRC-16/XMODEM")
	for key, slot := range map[string]uint16{ // CLUSTER KEYSLOT of Redis 7
		"":                     0,
		"foo":                  12182,
		"bar":                  5061,
		"hello":                866,
		"somekey":              11058,
		"foo{hash_tag}":        2515,
		"bar{hash_tag}":        2515,
		"hash_tag":             2515,
		"{user1000}.following": Slot([]byte("user1000")),
		"foo{}{bar}":           crc16([]byte("foo{}{bar}")) & 0x3fff, // an empty tag does not count
		"foo{{bar}}zap":        Slot([]byte("{bar")),                 // first '{', first '}' after it
		"foo{bar}{zap}":        5061,
		"foo{bar":              crc16([]byte("foo{bar")) & 0x3fff,
		"foo}bar{":             crc16([]byte("foo}bar{")) & 0x3fff,
	} {
		require.Equal(t, slot, Slot([]byte(key)), "key %q", key)
	}
}

func TestPartitionsAreEqualRunsOfSlots(t *testing.T) {
	for partitions := 1; partitions <= Slots; partitions *= 2 {
		count := make([]int, partitions)
		last := uint32(0)
		for slot := range Slots {
			p := Partition(uint16(slot), partitions)
			require.GreaterOrEqual(t, p, last)
			last = p
			count[p]++
		}
		for p, n := range count {
			require.Equal(t, Slots/partitions, n, "slots of partition %d of %d", p, partitions)
		}
	}
}

func FuzzSlotStaysInRange(f *testing.F) {
	f.Add([]byte("{a}b"))
	f.Fuzz(func(t *testing.T, key []byte) {
		if Slot(key) >= Slots {
			t.Fatal("out of range")
		}
	})
}
