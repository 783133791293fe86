package store

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// model is what a store should be: a map.
type model struct {
	items    map[string]modelItem
	revision uint64
}

type modelItem struct {
	value    string
	expireAt int64
	version  uint64
}

func (m *model) clone() *model {
	c := &model{items: map[string]modelItem{}, revision: m.revision}
	for k, v := range m.items {
		c.items[k] = v
	}
	return c
}

func requireEqual(t require.TestingT, m *model, s *Store) {
	require.Equal(t, len(m.items), s.Len())
	require.Equal(t, m.revision, s.Revision())
	var bytes int64
	for k, want := range m.items {
		got, ok := s.Get([]byte(k))
		require.True(t, ok, "key %q", k)
		require.Equal(t, want, modelItem{string(got.Value), got.ExpireAt, got.Version}, "key %q", k)
		bytes += int64(recordSize(len(k), len(want.value), want.expireAt != 0))
	}
	require.Equal(t, bytes, s.Bytes())
}

// requireSound checks what must hold inside the store.
func requireSound(t require.TestingT, s *Store) {
	x := &s.index
	require.Len(t, x.directory, 1<<x.depth)
	keys, slots := 0, 0
	seen := map[uint32]bool{}
	for i := 0; i < len(x.directory); {
		n := x.directory[i]
		g := &x.segments[n]
		require.False(t, seen[n], "segment %d has two places", n)
		seen[n] = true
		span := 1 << (x.depth - g.depth)
		require.Zero(t, i%span)
		bad := 0 // counted, since a call of require for each entry is slow
		for _, m := range x.directory[i : i+span] {
			if m != n {
				bad++
			}
		}
		count := 0
		for _, e := range g.slots {
			if e == 0 {
				continue
			}
			count++
			r := s.arena.record(e.location())
			if x.segmentOf(e.tag()) != n || r.expires() != e.expires() {
				bad++
			}
			if r.expires() && (g.soonest > r.expireAt() || s.expiry.soonest > r.expireAt()) {
				bad++
			}
		}
		require.Zero(t, bad, "segment %d", n)
		require.Equal(t, g.count, count)
		keys, slots = keys+count, slots+len(g.slots)
		i += span
	}
	require.Equal(t, x.count, keys)
	require.Equal(t, x.slots, slots)
	require.Equal(t, len(x.segments)-len(x.vacant), len(seen))

	var held, used, live int64
	for i := range s.arena.chunks {
		c := &s.arena.chunks[i]
		held, used, live = held+int64(cap(c.data)), used+int64(len(c.data)), live+int64(c.live)
	}
	require.Equal(t, []int64{held, used, live}, []int64{s.arena.held, s.arena.used, s.arena.live})
}

func load1(t require.TestingT, b []byte) *Store {
	s := New(0)
	require.NoError(t, s.Restore(bytes.NewReader(b)))
	return s
}

func TestStoreBehavesAsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := New(rapid.Uint64().Draw(t, "seed"))
		m := &model{items: map[string]modelItem{}}
		type frozen struct {
			snapshot *Snapshot
			model    *model
			hash     uint64
		}
		var snapshots []frozen
		space := rapid.SampledFrom([]int{5, 100, 5000}).Draw(t, "keys")
		key := rapid.Custom(func(t *rapid.T) string {
			return fmt.Sprintf("key-%d", rapid.IntRange(0, space).Draw(t, "key"))
		})
		set := func(k string, n int, expireAt int64) {
			v := bytes.Repeat([]byte{byte(n)}, n)
			m.revision++
			m.items[k] = modelItem{string(v), expireAt, m.revision}
			s.Set([]byte(k), v, expireAt)
		}
		del := func(k string) {
			_, want := m.items[k]
			require.Equal(t, want, s.Delete([]byte(k)))
			if want {
				m.revision++
				delete(m.items, k)
			}
		}
		check := func(f frozen) {
			var b bytes.Buffer
			n, err := f.snapshot.WriteTo(&b)
			require.NoError(t, err)
			require.EqualValues(t, b.Len(), n)
			restored := load1(t, b.Bytes())
			requireEqual(t, f.model, restored)
			requireSound(t, restored)
			require.Equal(t, f.hash, restored.Hash())
			f.snapshot.Release()
		}
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				expireAt := rapid.SampledFrom([]int64{0, 0, 1, 50, 1000}).Draw(t, "expireAt")
				set(key.Draw(t, "key"), rapid.SampledFrom([]int{0, 1, 7, 8, 9, 300, 5000, 70_000}).Draw(t, "size"), expireAt)
			},
			"setMany": func(t *rapid.T) {
				from, n := rapid.IntRange(0, space).Draw(t, "from"), rapid.IntRange(1, 2000).Draw(t, "n")
				size := rapid.IntRange(0, 200).Draw(t, "size")
				for i := range min(n, space) {
					set(fmt.Sprintf("key-%d", (from+i)%(space+1)), size, 0)
				}
			},
			"delete": func(t *rapid.T) { del(key.Draw(t, "key")) },
			"deleteMany": func(t *rapid.T) {
				from, n := rapid.IntRange(0, space).Draw(t, "from"), rapid.IntRange(1, 2000).Draw(t, "n")
				for i := range min(n, space) {
					del(fmt.Sprintf("key-%d", (from+i)%(space+1)))
				}
			},
			"clear": func(t *rapid.T) {
				if rapid.IntRange(0, 9).Draw(t, "rarely") == 0 {
					s.Clear()
					m.revision++
					m.items = map[string]modelItem{}
				}
			},
			"snapshot": func(t *rapid.T) {
				if len(snapshots) < 3 {
					snapshots = append(snapshots, frozen{s.Snapshot(), m.clone(), s.Hash()})
				}
			},
			"release": func(t *rapid.T) {
				if len(snapshots) > 0 {
					i := rapid.IntRange(0, len(snapshots)-1).Draw(t, "i")
					check(snapshots[i])
					snapshots = append(snapshots[:i], snapshots[i+1:]...)
				}
			},
			"restore": func(t *rapid.T) {
				p := s.Snapshot()
				var b bytes.Buffer
				_, err := p.WriteTo(&b)
				require.NoError(t, err)
				p.Release()
				require.NoError(t, s.Restore(&b))
			},
			"expired": func(t *rapid.T) {
				now := rapid.SampledFrom([]int64{1, 2, 51, 2000}).Draw(t, "now")
				got := map[string]bool{}
				for s.Expired(now, 10, func(k []byte) { got[string(k)] = true }) {
					if len(got) >= expiredIn(m, now) {
						break
					}
				}
				for k := range got {
					require.True(t, m.items[k].expireAt != 0 && m.items[k].expireAt < now)
					del(k)
				}
				require.Zero(t, expiredIn(m, now))
			},
			"": func(t *rapid.T) {
				requireSound(t, s)
				require.Equal(t, len(m.items), s.Len())
				require.Equal(t, m.revision, s.Revision())
			},
		})
		requireEqual(t, m, s)
		for _, f := range snapshots {
			check(f)
		}
	})
}

func expiredIn(m *model, now int64) (n int) {
	for _, it := range m.items {
		if it.expireAt != 0 && it.expireAt < now {
			n++
		}
	}
	return n
}
