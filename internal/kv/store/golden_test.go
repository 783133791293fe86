package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/vfs/golden"
)

// goldenItems are the keys of the golden snapshots, which have one more, "deleted".
var goldenItems = map[string]Item{
	"":                  {Value: []byte("of the empty key"), Version: 1},
	"plain":             {Value: []byte("value"), Version: 2},
	"with a time":       {Value: []byte("v"), Version: 3, ExpireAt: 4_102_444_800_000},
	"empty":             {Value: []byte{}, Version: 4},
	"\x00\xff\r\n":      {Value: []byte("\x00\xfe\r\n"), Version: 5},
	"set again":         {Value: []byte("second"), Version: 7},
	"longer than a few": {Value: bytes.Repeat([]byte("0123456789"), 100), Version: 8},
}

const goldenSeed = 11

func goldenSnapshot(t *testing.T) []byte {
	s := New(goldenSeed)
	for _, key := range []string{"", "plain", "with a time", "empty", "\x00\xff\r\n", "set again", "set again", "longer than a few"} {
		s.Set([]byte(key), goldenItems[key].Value, goldenItems[key].ExpireAt)
	}
	s.Set([]byte("deleted"), []byte("v"), 0)
	s.Delete([]byte("deleted"))
	s.Remember(RequestID{1}, Fingerprint{2}, []byte("answer"), 4_102_444_800_000, 1)
	return snapshotBytes(t, s)
}

func TestSnapshotsOfAllFormatsAreRead(t *testing.T) {
	golden.Read(t, "snapshot", goldenSnapshot, func(t *testing.T, content []byte) {
		s := New(1)
		require.NoError(t, s.Restore(bytes.NewReader(content)))
		require.EqualValues(t, goldenSeed, s.seed)
		require.EqualValues(t, 10, s.Revision())
		require.Equal(t, len(goldenItems), s.Len())
		for key, want := range goldenItems {
			got, there := s.Get([]byte(key))
			require.True(t, there, "key %q", key)
			require.Equal(t, want, got, "key %q", key)
		}
		format := binary.LittleEndian.Uint32(content[8:])
		if format >= 2 {
			require.True(t, s.SetSince([]byte("deleted"), 8), "deleted keys are remembered since format 2")
		}
		asked, answer, remembered := s.Answer(RequestID{1}, 4_102_444_800_000)
		if format >= 3 {
			require.True(t, remembered, "answers are remembered since format 3")
			require.Equal(t, Fingerprint{2}, asked)
			require.Equal(t, "answer", string(answer))
		} else {
			require.False(t, remembered)
		}
		again := New(1)
		require.NoError(t, again.Restore(bytes.NewReader(snapshotBytes(t, s))))
		require.Equal(t, s.Hash(), again.Hash(), "written in today's format")
	})
}

func TestASnapshotOfALaterFormatIsRefusedWithAdvice(t *testing.T) {
	b := snapshotBytes(t, New(1))
	binary.LittleEndian.PutUint32(b[8:], snapshotFormat+1)
	b = binary.LittleEndian.AppendUint32(b[:len(b)-4], crc32.Checksum(b[:len(b)-4], castagnoli))
	err := New(1).Restore(bytes.NewReader(b))
	require.ErrorIs(t, err, ErrLaterFormat)
	require.ErrorContains(t, err, fmt.Sprintf("it has format %d, this program reads up to %d: use the kvnode that wrote it, or a newer one", snapshotFormat+1, snapshotFormat))
	require.NotErrorIs(t, err, ErrCorrupt, "it is not damaged")
}
