package transport

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"runtime"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

func sealed(typ frameType, count int, payload []byte) []byte {
	b := append(make([]byte, frameHeaderBytes), payload...)
	sealFrame(b, typ, count)
	return b
}

// resealed makes the header's checksum match what was done to it.
func resealed(b []byte) []byte {
	binary.LittleEndian.PutUint32(b[16:], crc32.Checksum(b[:16], castagnoli))
	return b
}

func readAll(stream io.Reader) (payloads [][]byte, err error) {
	frames := newFrameReader(bufio.NewReader(stream))
	for {
		_, payload, err := frames.next()
		if err != nil {
			return payloads, err
		}
		payloads = append(payloads, bytes.Clone(payload))
		frames.recycle(payload)
	}
}

func TestFramesComeOutAsTheyWentIn(t *testing.T) {
	var stream []byte
	var want [][]byte
	for _, size := range []int{0, 1, 100, 4096, 4097, targetFrameBytes, firstAllocation, firstAllocation + 1, 5*firstAllocation + 7, 3} {
		payload := bytes.Repeat([]byte{byte(size), 7, 9}, size/3+1)[:size]
		want = append(want, payload)
		stream = append(stream, sealed(frameRaft, 0, payload)...)
	}
	for name, r := range map[string]io.Reader{
		"at once": bytes.NewReader(stream), "in halves": iotest.HalfReader(bytes.NewReader(stream)),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readAll(r)
			require.Equal(t, io.EOF, err)
			require.Len(t, got, len(want))
			for i := range want {
				require.True(t, bytes.Equal(want[i], got[i]), "frame %d", i)
			}
		})
	}
}

func TestEveryFlippedBitIsSeen(t *testing.T) {
	stream := sealed(frameRaft, 2, []byte("some payload"))
	for i := range 8 * len(stream) {
		bad := bytes.Clone(stream)
		bad[i/8] ^= 1 << (i % 8)
		got, err := readAll(bytes.NewReader(bad))
		require.ErrorIs(t, err, errMalformed, "bit %d", i)
		require.Empty(t, got)
	}
}

func TestEveryCutIsSeen(t *testing.T) {
	stream := sealed(frameRaft, 2, []byte("some payload"))
	for n := range len(stream) - 1 {
		got, err := readAll(bytes.NewReader(stream[:n+1]))
		require.Equal(t, io.ErrUnexpectedEOF, err, "after %d bytes", n+1)
		require.Empty(t, got)
	}
}

func TestFrameHeadersThatAreRefused(t *testing.T) {
	set := func(at int, v uint32) []byte {
		b := sealed(frameRaft, 1, []byte("payload"))
		binary.LittleEndian.PutUint32(b[at:], v)
		return resealed(b)
	}
	for name, b := range map[string][]byte{
		"huge length":           set(0, 1<<32-1),
		"length above the most": set(0, maxFrameBytes+1),
		"more records than may": set(4, maxFrameRecords+1),
		"more records than fit": set(4, 8),
		"type 0":                set(8, 0),
		"unknown type":          set(8, frameTypes),
		"reserved bits":         set(8, uint32(frameRaft)|1<<20),
		"beat with a payload":   set(8, uint32(frameBeat)),
		"news of 2 MiB":         sealed(frameLeading, 1, make([]byte, 2<<20)),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readAll(bytes.NewReader(b))
			require.ErrorIs(t, err, errMalformed)
		})
	}
}

func TestClaimedLengthCostsNothingUntilItsBytesArrive(t *testing.T) {
	header := make([]byte, frameHeaderBytes)
	binary.LittleEndian.PutUint32(header, maxFrameBytes)
	header[8] = byte(frameRaft)
	resealed(header)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := readAll(io.MultiReader(bytes.NewReader(header), bytes.NewReader(make([]byte, 100))))
	runtime.ReadMemStats(&after)
	require.Equal(t, io.ErrUnexpectedEOF, err)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(2*firstAllocation))
}

func FuzzFrameReader(f *testing.F) {
	f.Add(append(sealed(frameBeat, 0, nil), sealed(frameRaft, 1, []byte("payload"))...))
	f.Add(resealed(append(bytes.Repeat([]byte{0xff}, 8), 2, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0)))
	f.Fuzz(func(t *testing.T, stream []byte) {
		frames := newFrameReader(bufio.NewReader(bytes.NewReader(stream)))
		var again []byte
		for {
			h, payload, err := frames.next()
			if err != nil {
				require.True(t, bytes.HasPrefix(stream, again))
				return
			}
			again = append(again, sealed(h.typ, h.count, payload)...)
		}
	})
}
