package rpc

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// largeMap is the map of 300 pods of Kubernetes and 1,024 partitions of three copies.
func largeMap() *cluster.Map {
	const nodes, partitions, copies = 300, 1024, 3
	m := &cluster.Map{ClusterID: string(cluster.NewNodeID()), Epoch: 17, Revision: 42, Partitions: partitions,
		VirtualNodes: 128, ReplicationFactor: copies, Settings: cluster.DefaultSettings()}
	for i := range nodes {
		host := fmt.Sprintf("production-%d.production-nodes.shop.svc.cluster.local", i)
		m.Members = append(m.Members, cluster.Member{ID: cluster.NewNodeID(), Name: fmt.Sprintf("production-%d", i), State: cluster.MemberActive,
			Zone: fmt.Sprintf("europe-west1-%c", 'a'+i%3), PeerAddress: host + ":7000", RESPAddress: host + ":6379",
			ClusterAddress: host + ":6380", HTTPAddress: host + ":8080"})
	}
	for p := range partitions {
		var replicas []cluster.Replica
		for c := range copies {
			replicas = append(replicas, cluster.Replica{ID: uint64(c + 1), Node: m.Members[(p*7919+c*104729)%nodes].ID})
		}
		m.Initial = append(m.Initial, replicas)
	}
	return m
}

// wire counts the bytes of the last request's body, and can be a node that knows no
// compression.
type wire struct {
	http.Handler
	sent     int
	encoding string
	old      bool
}

func (s *wire) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	s.sent, s.encoding = len(b), r.Header.Get("Content-Encoding")
	r.Body = io.NopCloser(bytes.NewReader(b))
	if s.old {
		w = withoutOffer{w}
	}
	s.Handler.ServeHTTP(w, r)
}

// withoutOffer takes the offer out of the answer.
type withoutOffer struct{ http.ResponseWriter }

func (w withoutOffer) WriteHeader(status int) {
	w.Header().Del("Accept-Encoding")
	w.ResponseWriter.WriteHeader(status)
}

func TestTheMapOfALargeClusterIsShortOnTheWire(t *testing.T) {
	node := &scripted{}
	w := &wire{Handler: NewHandler(node)}
	srv := httptest.NewServer(w)
	defer srv.Close()
	c, m := NewClient(strings.TrimPrefix(srv.URL, "http://")), largeMap()
	defer c.Close()

	_, err := c.Status(t.Context()) // as every coordinator does before it publishes
	require.NoError(t, err)
	require.NoError(t, c.PublishMap(t.Context(), m))
	require.Equal(t, gzipCoding, w.encoding)
	require.Less(t, w.sent, 200_000)
	t.Logf("%d bytes", w.sent)
	require.Equal(t, []any{*m}, node.asked)

	require.NoError(t, c.Drain(t.Context()))
	require.Empty(t, w.encoding, "a short request is not worth it")
}

func TestANodeThatDoesNotOfferItGetsNothingCompressed(t *testing.T) {
	node := &scripted{}
	w := &wire{Handler: NewHandler(node), old: true}
	srv := httptest.NewServer(w)
	defer srv.Close()
	c, m := NewClient(strings.TrimPrefix(srv.URL, "http://")), largeMap()
	defer c.Close()
	_, err := c.Status(t.Context())
	require.NoError(t, err)
	require.NoError(t, c.PublishMap(t.Context(), m))
	require.Empty(t, w.encoding)
	require.Equal(t, []any{*m}, node.asked)

	// Another version may run there now: what is offered counts, not what was.
	w.old = false
	_, err = c.Status(t.Context())
	require.NoError(t, err)
	w.old = true
	_, err = c.Status(t.Context())
	require.NoError(t, err)
	require.NoError(t, c.PublishMap(t.Context(), m))
	require.Empty(t, w.encoding)
}

func TestCompressedBodiesThatCannotBeAreRefused(t *testing.T) {
	node := &scripted{}
	srv := httptest.NewServer(NewHandler(node))
	defer srv.Close()
	bomb, err := compress(append([]byte(`{"clusterID":"`), bytes.Repeat([]byte("a"), maxBody)...))
	require.NoError(t, err)
	require.Less(t, len(bomb), compressFrom)
	for name, request := range map[string]struct {
		coding string
		body   []byte
	}{
		"not compressed":      {gzipCoding, []byte("{}")},
		"cut":                 {gzipCoding, bomb[:len(bomb)/2]},
		"too long in the end": {gzipCoding, bomb},
		"another coding":      {"br", []byte("{}")},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/admin/map", bytes.NewReader(request.body))
		require.NoError(t, err)
		r.Header.Set("Content-Encoding", request.coding)
		answer, err := srv.Client().Do(r)
		require.NoError(t, err, name)
		answer.Body.Close()
		require.Equal(t, http.StatusBadRequest, answer.StatusCode, name)
	}
	require.Empty(t, node.asked)
}
