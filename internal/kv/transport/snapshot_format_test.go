package transport

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

var testHeader = SnapshotHeader{Partition: 5, From: 1, To: 4, RaftTerm: 9, Term: 8, Index: 1234, Meta: []byte(`{"voters":[1]}`)}

func unpaced(int) error { return nil }

func encodeSnapshot(t require.TestingT, h SnapshotHeader, body []byte) []byte {
	e, err := newSnapshotEncoder(&h, bytes.NewReader(body), unpaced)
	require.NoError(t, err)
	stream, err := io.ReadAll(e)
	require.NoError(t, err)
	return stream
}

func decodeSnapshot(r io.Reader) (SnapshotHeader, []byte, error) {
	d, h, err := decodeSnapshotHeader(r)
	if err != nil {
		return h, nil, err
	}
	body, err := io.ReadAll(d)
	return h, body, err
}

func TestSnapshotStreamComesOutAsItWentIn(t *testing.T) {
	for _, size := range []int{0, 1, snapshotChunkBytes - 1, snapshotChunkBytes, snapshotChunkBytes + 1, 5*snapshotChunkBytes + 77} {
		body := bytes.Repeat([]byte{1, 2, 3, 5, 7, 11, 13}, size/7+1)[:size]
		stream := encodeSnapshot(t, testHeader, body)
		for _, r := range []io.Reader{bytes.NewReader(stream), iotest.HalfReader(bytes.NewReader(stream))} {
			h, got, err := decodeSnapshot(r)
			require.NoError(t, err)
			require.Equal(t, testHeader, h)
			require.True(t, bytes.Equal(body, got))
		}
	}
}

func TestDamagedSnapshotStreamNeverEndsWell(t *testing.T) {
	body := bytes.Repeat([]byte("0123456789"), 30)
	stream := encodeSnapshot(t, testHeader, body)
	for i := range 8 * len(stream) {
		bad := bytes.Clone(stream)
		bad[i/8] ^= 1 << (i % 8)
		_, got, err := decodeSnapshot(bytes.NewReader(bad))
		require.Error(t, err, "bit %d", i)
		require.True(t, bytes.HasPrefix(body, got))
	}
	for n := range stream {
		_, _, err := decodeSnapshot(bytes.NewReader(stream[:n]))
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "after %d bytes", n)
	}
}

func TestSnapshotChunksCannotBeMovedOrLeftOut(t *testing.T) {
	a, b := bytes.Repeat([]byte{'a'}, snapshotChunkBytes), bytes.Repeat([]byte{'b'}, snapshotChunkBytes)
	stream := encodeSnapshot(t, testHeader, append(bytes.Clone(a), b...))
	const chunk = snapshotPrefixBytes + snapshotChunkBytes
	head := stream[:len(stream)-2*chunk-snapshotPrefixBytes-snapshotEndBytes]
	first, second, end := stream[len(head):][:chunk], stream[len(head)+chunk:][:chunk], stream[len(head)+2*chunk:]
	for name, parts := range map[string][][]byte{
		"in order": {first, second}, "swapped": {second, first}, "one missing": {first}, "one twice": {first, first, second},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := decodeSnapshot(bytes.NewReader(bytes.Join(append(append([][]byte{head}, parts...), end), nil)))
			if name == "in order" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, errMalformed)
		})
	}
}

func TestSnapshotStreamEndsInAnErrorWhenItsSourceDoes(t *testing.T) {
	broken := errors.New("disk on fire")
	e, err := newSnapshotEncoder(&testHeader, io.MultiReader(bytes.NewReader(make([]byte, 100_000)), iotest.ErrReader(broken)), unpaced)
	require.NoError(t, err)
	var stream bytes.Buffer
	_, err = io.Copy(&stream, e)
	require.ErrorIs(t, err, broken)
	_, _, err = decodeSnapshot(&stream)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func FuzzSnapshotStream(f *testing.F) {
	f.Add(encodeSnapshot(f, testHeader, []byte("some state")))
	f.Fuzz(func(t *testing.T, stream []byte) {
		h, body, err := decodeSnapshot(bytes.NewReader(stream))
		if err != nil {
			return
		}
		again, got, err := decodeSnapshot(bytes.NewReader(encodeSnapshot(t, h, body)))
		require.NoError(t, err)
		require.Equal(t, h, again)
		require.True(t, bytes.Equal(body, got))
	})
}
