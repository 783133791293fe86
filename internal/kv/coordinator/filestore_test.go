package coordinator

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

func TestFileStoreKeepsTheRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.json")
	s := NewFileStore(path)
	empty, err := s.Load(t.Context())
	require.NoError(t, err)
	require.False(t, empty.Initialized)
	require.Nil(t, empty.Map)

	r := empty.Clone()
	r.ClusterID, r.Initialized = "c1", true
	r.Map = &cluster.Map{ClusterID: "c1", Epoch: 3, Initial: [][]cluster.Replica{{{ID: 1, Node: "n"}}}}
	r.Rebalance = &Rebalance{Started: time.Unix(1, 0).UTC(), MovesTotal: 7}
	require.NoError(t, s.Save(t.Context(), r))

	again, err := NewFileStore(path).Load(t.Context())
	require.NoError(t, err)
	require.Equal(t, r, again)
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	require.NoError(t, err)
	require.Equal(t, []string{path}, left, "no temporary files stay behind")
}

func TestFileStoreRefusesToOverwriteWhatItHasNotSeen(t *testing.T) {
	s := NewFileStore(filepath.Join(t.TempDir(), "record.json"))
	first, err := s.Load(t.Context())
	require.NoError(t, err)
	second := first.Clone()
	require.NoError(t, s.Save(t.Context(), first))
	require.ErrorIs(t, s.Save(t.Context(), second), cluster.ErrConflict)
	require.NoError(t, s.Save(t.Context(), first), "the one who saved last may save again")
}

func TestADamagedRecordIsAnErrorAndNotANewCluster(t *testing.T) {
	for name, content := range map[string]string{
		"empty":             "",
		"cut off":           `{"format":1,"version":3,"rec`,
		"no record":         `{"format":1,"version":3}`,
		"of a later format": `{"format":2,"version":3,"record":{"initialized":true}}`,
		"something else":    `[]`,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "record.json")
			require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
			s := NewFileStore(path)
			_, err := s.Load(t.Context())
			require.ErrorContains(t, err, "record")
			require.Error(t, s.Save(t.Context(), &Record{Version: "0"}))
			kept, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, content, string(kept))
		})
	}
}
