package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestAKeyThatCameAndWentIsRemembered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := New(rapid.Uint64().Draw(t, "seed"))
		lastSet := map[string]uint64{}
		space := rapid.SampledFrom([]int{5, 2000}).Draw(t, "keys")
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			key := fmt.Sprintf("key-%d", rapid.IntRange(0, space).Draw(t, "key"))
			switch rapid.IntRange(0, 20).Draw(t, "step") {
			case 0:
				s.Clear()
			case 1:
				hash := s.Hash()
				s = load1(t, snapshotBytes(t, s))
				require.Equal(t, hash, s.Hash())
			case 2, 3, 4, 5:
				s.Delete([]byte(key))
			default:
				s.Set([]byte(key), []byte("v"), 0)
				lastSet[key] = s.Revision()
			}
			since := uint64(rapid.IntRange(0, int(s.Revision())).Draw(t, "since"))
			if lastSet[key] > since {
				require.True(t, s.SetSince([]byte(key), since), "key %s was set at %d", key, lastSet[key])
			} else if _, there := s.Get([]byte(key)); there {
				require.False(t, s.SetSince([]byte(key), since), "key %s is there since %d", key, lastSet[key])
			}
			require.False(t, s.SetSince([]byte(key), s.Revision()), "nothing happened since")
		}
	})
}

// What is deleted was set long ago, as a rule. It must not make transactions fail
// that watch other keys.
func TestDeletingOldKeysTouchesNoOthers(t *testing.T) {
	s := New(1)
	for i := range 1000 {
		s.Set(fmt.Appendf(nil, "old-%d", i), []byte("v"), 0)
	}
	revision := s.Revision()
	for i := range 1000 {
		s.Delete(fmt.Appendf(nil, "old-%d", i))
	}
	for i := range 1000 {
		require.False(t, s.SetSince(fmt.Appendf(nil, "absent-%d", i), revision))
	}
	s.Set([]byte("few"), []byte("v"), 0)
	s.Clear()
	remembered := 0
	for i := range 1000 {
		if s.SetSince(fmt.Appendf(nil, "absent-%d", i), revision) {
			remembered++
		}
	}
	require.Less(t, remembered, 20, "one key was cleared")
	require.True(t, s.SetSince([]byte("few"), revision))
}

func TestSnapshotsOfTheFirstFormatAreRead(t *testing.T) {
	s := New(5)
	s.Set([]byte("k"), []byte("v"), 7)
	b := snapshotBytes(t, s)
	b[8] = 1
	b = binary.LittleEndian.AppendUint32(b[:len(b)-4], crc32.Checksum(b[:len(b)-4], castagnoli))
	require.Equal(t, s.Hash(), load1(t, b).Hash())
}
