package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/command"
	"github.com/ringkv/ringkv/internal/kv/node"
	"github.com/ringkv/ringkv/internal/kv/store"
)

// oneStore is a backend of one partition without a log.
type oneStore struct {
	mu      sync.Mutex
	context command.Context
}

func (o *oneStore) ID() cluster.NodeID { return "fuzz" }

func (o *oneStore) Submit(calls []*command.Call) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range calls {
		o.context.Store.Lock()
		c.Run(&o.context)
		o.context.Store.Unlock()
		c.Finish()
	}
}

func (o *oneStore) Placement() (*node.Placement, bool) {
	return &node.Placement{
		Map:     &cluster.Map{ClusterID: "fuzz", Partitions: 1, ReplicationFactor: 1, VirtualNodes: 1},
		Leaders: make([]cluster.Leadership, 1),
	}, true
}

// FuzzRequests sends any body to any path: the answer is a status of this API, its body
// is JSON where it says so, and nothing is worse for it.
func FuzzRequests(f *testing.F) {
	f.Add("POST", "/kv.v1.KV/Put", "application/json", []byte(`{"key":"aw==","value":"dg==","ttl":"1s"}`))
	f.Add("POST", "/kv.v1.KV/Batch", "application/json", []byte(`{"atomic":true,"operations":[{"get":{"key":"aw=="}},{"increment":{"key":"aw==","delta":"-1"}}]}`))
	f.Add("POST", "/kv.v1.KV/Get", "application/proto", []byte{0x0a, 0x01, 'k'})
	f.Add("POST", "/kv.v1.KV/Dump", "application/connect+json", []byte("\x00\x00\x00\x00\x02{}"))
	f.Add("POST", "/kv.v1.KV/Scan", "application/grpc", []byte("\x00\x00\x00\x00\x00"))
	f.Add("POST", "/kv.v1.KV/Watch", "application/connect+json", []byte("\x00\x00\x00\x00\x0d{\"prefix\":\"\"}"))
	f.Add("PUT", "/v1/keys/k?ttl=1", "", []byte("value"))
	f.Add("POST", "/v1/keys/k?add=9223372036854775807", "", []byte(nil))
	f.Add("GET", "/v1/keys?prefix=k&limit=1&page=AQ", "", []byte(nil))
	f.Add("DELETE", "/v1/keys/%ff//", "", []byte(nil))
	f.Fuzz(func(t *testing.T, method, target, contentType string, body []byte) {
		u, err := url.ParseRequestURI(target)
		if err != nil || u.Path == "" {
			t.Skip()
		}
		backend := &oneStore{context: command.Context{Store: store.New(1), Now: time.Now().UnixMilli(), Partitions: 1}}
		req := &http.Request{
			Method: method, URL: u, Proto: "HTTP/2.0", ProtoMajor: 2, Header: http.Header{"Content-Type": {contentType}, "Te": {"trailers"}},
			Body: http.NoBody, Host: "fuzz",
		}
		if len(body) > 0 {
			req.Body = struct {
				*bytes.Reader
				nopCloser
			}{bytes.NewReader(body), nopCloser{}}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond) // a watch has no other end
		defer cancel()
		req = req.WithContext(ctx)
		w := httptest.NewRecorder()
		NewAPI(backend).ServeHTTP(w, req)
		if w.Code == http.StatusInternalServerError {
			t.Fatalf("%s %s %q: %s", method, target, body, w.Body)
		}
		if w.Header().Get("Content-Type") == "application/json" && w.Body.Len() > 0 && !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%s %s %q: no JSON: %s", method, target, body, w.Body)
		}
	})
}

type nopCloser struct{}

func (nopCloser) Close() error { return nil }
