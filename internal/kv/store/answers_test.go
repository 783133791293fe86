package store

import (
	"bytes"
	"encoding/binary"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// remembered is an answer as a test knows it.
type remembered struct {
	id       RequestID
	asked    Fingerprint
	answer   string
	expireAt int64
}

// memoryModel is what the memory of answers should be: a list, oldest first.
type memoryModel []remembered

func (m memoryModel) size() (n int) {
	for _, a := range m {
		n += answerCost + len(a.answer)
	}
	return n
}

func (m memoryModel) remember(a remembered, now int64) memoryModel {
	for len(m) > 0 && (m[0].expireAt < now || m.size()+answerCost+len(a.answer) > AnswersBytes) {
		m = m[1:]
	}
	return append(m[:len(m):len(m)], a)
}

// find returns the youngest answer to a request.
func (m memoryModel) find(id RequestID) (found remembered, ok bool) {
	for _, a := range m {
		if a.id == id {
			found, ok = a, true
		}
	}
	return found, ok
}

// TestAnswersAreRememberedUntilTheirTimeOrRoomIsOver: by a store, by one that got its
// snapshot, and by a snapshot that was taken before others were forgotten.
func TestAnswersAreRememberedUntilTheirTimeOrRoomIsOver(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, now := New(1), int64(1000)
		s.Set([]byte("k"), []byte("v"), 0)
		var m memoryModel
		check := func(s *Store, m memoryModel) {
			for n := range 40 {
				id := RequestID{byte(n)}
				want, ok := m.find(id)
				ok = ok && want.expireAt >= now
				asked, answer, found := s.Answer(id, now)
				require.Equal(t, ok, found, "request %d at %d", n, now)
				if ok {
					require.Equal(t, want.asked, asked)
					require.True(t, want.answer == string(answer), "request %d", n)
				}
			}
			require.Equal(t, len(m), s.answers.count)
			require.Equal(t, m.size(), s.answers.size)
			require.LessOrEqual(t, s.answers.size, AnswersBytes)
			held := 0
			for _, c := range s.answers.chunks {
				held += cap(c.buf)
			}
			require.Equal(t, held, s.answers.held)
		}
		var frozen *Snapshot
		var frozenModel memoryModel
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			switch rapid.IntRange(0, 12).Draw(t, "step") {
			case 0:
				now += rapid.Int64Range(0, 300).Draw(t, "later")
			case 1:
				hash := s.Hash()
				s = load1(t, snapshotBytes(t, s))
				require.Equal(t, hash, s.Hash())
			case 2:
				if frozen == nil {
					frozen, frozenModel = s.Snapshot(), m
				}
			case 3:
				s.Clear()
			default:
				a := remembered{
					id:       RequestID{byte(rapid.IntRange(0, 39).Draw(t, "request"))},
					asked:    Fingerprint{byte(rapid.IntRange(0, 9).Draw(t, "asked"))},
					expireAt: now + rapid.Int64Range(0, 500).Draw(t, "life"), // leaders' clocks differ
				}
				size := rapid.SampledFrom([]int{0, 30, 300, 20_000, 300_000}).Draw(t, "size")
				a.answer = string(bytes.Repeat([]byte{byte(size) + a.id[0]}, size))
				before := s.Hash()
				s.Remember(a.id, a.asked, []byte(a.answer), a.expireAt, now)
				require.NotEqual(t, before, s.Hash(), "it is part of the state")
				m = m.remember(a, now)
			}
			check(s, m)
		}
		if frozen != nil {
			var b bytes.Buffer
			_, err := frozen.WriteTo(&b)
			require.NoError(t, err)
			frozen.Release()
			check(load1(t, b.Bytes()), frozenModel)
		}
	})
}

// TestTheMemoryOfAnswersIsNoData: nothing that looks at keys sees it. Only the memory that
// the store takes tells of it.
func TestTheMemoryOfAnswersIsNoData(t *testing.T) {
	s := New(1)
	s.KeepHistory(1 << 16)
	s.Set([]byte("k"), []byte("v"), 0)
	type visible struct {
		keys     int
		bytes    int64
		revision uint64
	}
	look := func() visible { return visible{s.Len(), s.Bytes(), s.Revision()} }
	before, memory := look(), s.MemoryBytes()
	for n := range 100 {
		s.Remember(RequestID{byte(n)}, Fingerprint{}, make([]byte, 1000), 5, 1)
	}
	require.Equal(t, before, look())
	require.GreaterOrEqual(t, s.MemoryBytes(), memory+100_000)
	s.Scan(0, 1000, func(key []byte, _ Item) bool {
		require.Equal(t, "k", string(key))
		return true
	})
	require.True(t, s.Changes(before.revision, func(Change) bool {
		t.Error("a watch would see it")
		return true
	}))
}

func TestWithoutAnswersASnapshotHasTheFormatThatEarlierVersionsRead(t *testing.T) {
	b, err := os.ReadFile("testdata/golden/2.snapshot") // written by a version that knew no answers
	require.NoError(t, err)
	s := load1(t, b)
	require.Equal(t, b, snapshotBytes(t, s))
	s.Remember(RequestID{1}, Fingerprint{2}, []byte("answer"), 9, 1)
	require.Equal(t, uint32(snapshotFormat), binary.LittleEndian.Uint32(snapshotBytes(t, s)[8:]))
}
