package node

import (
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/vfs/crashfs"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

// FuzzClusterMap hands any map to an empty node: it is taken or refused, at once, and
// the node starts again after it. SELF stands for the node's ID.
func FuzzClusterMap(f *testing.F) {
	for _, m := range []string{
		`{"clusterID":"c","epoch":1,"revision":1,"partitions":2,"virtualNodes":8,"replicationFactor":1,"members":[{"id":"SELF","name":"n","state":"Active"}],
			"initial":[[{"id":1,"node":"SELF"}],[{"id":7,"node":"SELF"}]]}`,
		`{"clusterID":"c","revision":1,"partitions":1,"initial":[[{"id":0,"node":"SELF"}]]}`,
		`{"clusterID":"c","revision":1,"partitions":1,"initial":[[{"id":1,"node":"SELF"},{"id":1,"node":"x"},{"id":2,"node":"SELF"}]]}`,
		`{"clusterID":"c","revision":1,"partitions":1,"initial":[null],"settings":{"sync":"Interval","snapshotBytesPerSecond":-1,"compactionBytes":-1}}`,
		`{"clusterID":"c","revision":1,"partitions":1,"initial":[[{"id":18446744073709551615,"node":"SELF"}]],"members":[{},{},{"id":"SELF","state":"?"}]}`,
		`{}`, `null`, `[]`, `{"partitions":-1}`, `{"clusterID":"c","revision":1,"partitions":16384,"initial":[]}`,
	} {
		f.Add([]byte(m))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		fs := crashfs.New()
		open := func() *Node {
			n, err := Open(Options{
				FS: fs, Dir: "/data", Name: "n", PeerAddress: "127.0.0.1:1", Shards: 1, Logger: slog.New(slog.DiscardHandler),
				Log: wal.Options{SegmentBytes: 32 << 10, ReserveBytes: 1},
			})
			require.NoError(t, err)
			return n
		}
		n := open()
		var m cluster.Map
		if json.Unmarshal([]byte(strings.ReplaceAll(string(content), "SELF", string(n.ID()))), &m) != nil || len(m.Members) > 100 || m.Partitions > 64 {
			require.NoError(t, n.Close())
			return
		}
		ended := make(chan error, 1)
		go func() { ended <- n.PublishMap(t.Context(), &m) }()
		var err error
		select {
		case err = <-ended:
		case <-time.After(time.Minute):
			t.Fatal("the map is neither taken nor refused")
		}
		require.True(t, err == nil || errors.Is(err, cluster.ErrInvalid), "%v", err)
		for range 2 {
			status, e := n.Status(t.Context())
			require.NoError(t, e)
			require.Equal(t, err == nil, status.ClusterID != "", "a map that is refused leaves nothing")
			require.NoError(t, n.Close())
			n = open()
		}
		require.NoError(t, n.Close())
	})
}
