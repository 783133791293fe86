package store

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryKeyHasOnePlace(t *testing.T) {
	s := New(3)
	check := func(keys int) {
		t.Helper()
		require.Equal(t, keys, s.Len())
		found := map[string]int{}
		for place := range s.Places() {
			if key, _, ok := s.At(place); ok {
				found[string(key)]++
			}
		}
		require.Len(t, found, keys)
		for key, n := range found {
			require.Equal(t, 1, n, key)
			_, ok := s.Get([]byte(key))
			require.True(t, ok, key)
		}
		if keys > 100 {
			require.Less(t, s.Places(), uint64(20*keys), "few are empty while keys come and go")
		}
	}
	check(0)
	const most = 20_000
	for i := range most {
		s.Set(fmt.Appendf(nil, "key:%d", i), nil, 0)
		if i%3999 == 0 || i < 20 {
			check(i + 1)
		}
	}
	for i := range most {
		s.Delete(fmt.Appendf(nil, "key:%d", i))
		if i%3999 == 0 || i > most-20 {
			check(most - 1 - i)
		}
	}
}
