package rpc

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/node"
	"github.com/ringkv/ringkv/internal/kv/replica"
	"github.com/ringkv/ringkv/internal/kv/vfs/crashfs"
	"github.com/ringkv/ringkv/internal/kv/wal"
)

// FuzzAdmin makes any two calls of a node that leads its only partition: each is
// answered as the protocol says, and the node lives on, also through a restart. SELF
// stands for the node's ID.
func FuzzAdmin(f *testing.F) {
	f.Add("create-replica", []byte(`{"clusterID":"c","partition":0,"id":2}`), "remove-replica", []byte(`{"clusterID":"c","partition":0,"id":1}`))
	f.Add("change-config", []byte(`{"clusterID":"c","partition":0,"expectedIndex":1,"addLearners":[{"id":2,"node":"x"}]}`),
		"change-config", []byte(`{"clusterID":"c","partition":0,"expectedIndex":3,"promote":[2],"remove":[1]}`))
	f.Add("change-config", []byte(`{"clusterID":"c","expectedIndex":1,"addLearners":[{"id":18446744073709551615,"node":"x"},{"id":5,"node":"x"}]}`), "status", []byte(nil))
	f.Add("change-config", []byte(`{"clusterID":"c","expectedIndex":1,"addLearners":[{"id":2,"node":"x"},{"id":3,"node":"y"}],"remove":[2,2,3]}`), "drain", []byte(`{}`))
	f.Add("change-config", []byte(`{"clusterID":"c","expectedIndex":1,"addLearners":[{"id":2,"node":"x"},{"id":3,"node":"x"}]}`),
		"change-config", []byte(`{"clusterID":"c","expectedIndex":3,"promote":[2,2,3],"remove":[2]}`))
	f.Add("transfer-leader", []byte(`{"clusterID":"c","to":1}`), "force-sole-voter", []byte(`{"clusterID":"c","id":1,"expectedIndex":1}`))
	f.Add("map", []byte(`{"clusterID":"c","revision":9,"partitions":2,"initial":[[],[]]}`), "key?key=k", []byte(`null`))
	f.Add("map", []byte(`{"clusterID":"c","revision":9,"partitions":1,"initial":[[{"id":1,"node":"SELF"}]],"settings":{"reads":"?","compactionOperations":-1}}`), "status", []byte("{"))
	f.Fuzz(func(t *testing.T, call1 string, body1 []byte, call2 string, body2 []byte) {
		fs := crashfs.New()
		open := func() *node.Node {
			n, err := node.Open(node.Options{
				FS: fs, Dir: "/data", Name: "n", PeerAddress: "127.0.0.1:1", Shards: 1, Logger: slog.New(slog.DiscardHandler),
				Log: wal.Options{SegmentBytes: 32 << 10, ReserveBytes: 1}, Timing: replica.Timing{Tick: time.Millisecond, HeartbeatTicks: 2, ElectionTicks: 10},
			})
			require.NoError(t, err)
			return n
		}
		n := open()
		require.NoError(t, n.PublishMap(t.Context(), &cluster.Map{
			ClusterID: "c", Epoch: 1, Revision: 1, Partitions: 1, VirtualNodes: 1, ReplicationFactor: 1, Settings: cluster.DefaultSettings(),
			Members: []cluster.Member{{ID: n.ID(), Name: "n", State: cluster.MemberActive}}, Initial: [][]cluster.Replica{{{ID: 1, Node: n.ID()}}},
		}))
		require.Eventually(t, func() bool { ready, _ := n.Ready(); return ready }, time.Minute, time.Millisecond)
		for _, c := range []struct {
			call string
			body []byte
		}{{call1, body1}, {call2, body2}} {
			call, body := c.call, c.body
			method := http.MethodPost
			if body == nil {
				method = http.MethodGet
			}
			req, err := http.NewRequest(method, "http://n/admin/"+call, strings.NewReader(strings.ReplaceAll(string(body), "SELF", string(n.ID()))))
			if err != nil {
				continue
			}
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond) // a node without others drains in vain
			w := httptest.NewRecorder()
			NewHandler(n).ServeHTTP(w, req.WithContext(ctx))
			late := ctx.Err() != nil
			cancel()
			if w.Header().Get("Content-Type") == "application/json" {
				require.True(t, json.Valid(w.Body.Bytes()), "%s %s: %s", call, body, w.Body)
			}
			if !late {
				require.NotEqual(t, http.StatusInternalServerError, w.Code, "%s %s: %s", call, body, w.Body)
			}
		}
		for range 2 {
			_, err := n.Status(t.Context())
			require.NoError(t, err)
			require.NoError(t, n.Close())
			n = open()
		}
		require.NoError(t, n.Close())
	})
}
