package store

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestAFollowerOfChangesEndsUpWithTheSameState: from any revision whose successors are
// kept, and with what is not kept it is told so. Nothing is skipped or comes twice.
func TestAFollowerOfChangesEndsUpWithTheSameState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.SampledFrom([]int{1, historyChunkBytes, 5 * historyChunkBytes}).Draw(t, "limit")
		s := New(1)
		s.KeepHistory(limit)
		follower, position := map[string]string{}, uint64(0)
		for range rapid.IntRange(1, 300).Draw(t, "changes") {
			key := []byte(fmt.Sprint("key-", rapid.IntRange(0, 20).Draw(t, "key")))
			switch rapid.IntRange(0, 20).Draw(t, "kind") {
			case 0:
				s.Clear()
			case 1, 2, 3:
				s.Delete(key)
			case 4:
				s.Expire(key)
			default:
				s.Set(key, []byte(strings.Repeat("v", rapid.IntRange(0, 300).Draw(t, "length"))), rapid.Int64Range(0, 5).Draw(t, "expire"))
			}
			require.LessOrEqual(t, s.history.held(), int64(limit+2*historyChunkBytes))
			if !rapid.Bool().Draw(t, "follow") {
				continue
			}
			oldest := s.Oldest()
			kept := s.Changes(position, func(c Change) bool {
				require.Equal(t, position+1, c.Revision)
				position = c.Revision
				switch c.Kind {
				case ChangeSet:
					value := string(c.Value)
					if c.Omitted {
						require.Empty(t, value)
						value = "omitted"
					}
					follower[string(c.Key)] = value
				case ChangeDelete, ChangeExpire:
					require.Contains(t, follower, string(c.Key))
					delete(follower, string(c.Key))
				case ChangeClear:
					clear(follower)
				}
				return true
			})
			require.Equal(t, position+1 >= oldest, kept)
			if !kept { // begin anew
				clear(follower)
				position = s.Revision()
				s.Scan(0, 1<<20, func(key []byte, it Item) bool {
					follower[string(key)] = string(it.Value)
					return true
				})
				continue
			}
			require.Equal(t, s.Revision(), position)
			require.Len(t, follower, s.Len())
			for key, value := range follower {
				it, ok := s.Get([]byte(key))
				require.True(t, ok)
				if value != "omitted" {
					require.Equal(t, string(it.Value), value)
				}
			}
		}
	})
}

func BenchmarkSetWithHistory(b *testing.B) {
	for _, kept := range []int{0, 256 << 10} {
		b.Run(fmt.Sprint("kept=", kept), func(b *testing.B) {
			s := New(1)
			s.KeepHistory(kept)
			keys := make([][]byte, 10_000)
			for i := range keys {
				keys[i] = fmt.Appendf(nil, "key-%08d", i)
			}
			value := []byte(strings.Repeat("v", 100))
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				s.Set(keys[i%len(keys)], value, 0)
				i++
			}
		})
	}
}
