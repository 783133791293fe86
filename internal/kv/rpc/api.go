package rpc

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect"

	kvv1 "github.com/ringkv/ringkv/api/kv/v1"
	"github.com/ringkv/ringkv/api/kv/v1/kvv1connect"
)

// NewAPI serves the public API of a node:
//
//	/kv.v1.KV/...   the KV service, as gRPC, gRPC-Web and Connect (JSON over HTTP)
//	/v1/...         the same with plain HTTP, for curl (see rest)
//	/openapi.yaml   the description of both
func NewAPI(backend Backend) http.Handler {
	return newAPI(&service{backend: backend})
}

func newAPI(s *service) http.Handler {
	path, kv := kvv1connect.NewKVHandler(s, connect.WithReadMaxBytes(maxRequestBytes))
	plain := &rest{service: s}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, path):
			kv.ServeHTTP(w, r)
		case r.URL.Path == "/openapi.yaml" && (r.Method == http.MethodGet || r.Method == http.MethodHead):
			w.Header().Set("Content-Type", "application/yaml")
			http.ServeContent(w, r, "", time.Time{}, strings.NewReader(kvv1.OpenAPI))
		default:
			plain.ServeHTTP(w, r)
		}
	})
}

// NewAPIServer makes a server of the API. Clients need no TLS for HTTP/2: it speaks
// HTTP/1.1 and unencrypted HTTP/2, which gRPC clients use, on one port.
func NewAPIServer(backend Backend) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	s := &service{backend: backend, stopping: make(chan struct{})}
	server := &http.Server{
		Handler:           newAPI(s),
		Protocols:         &protocols,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       5 * time.Minute,
		MaxHeaderBytes:    1 << 20,
	}
	server.RegisterOnShutdown(sync.OnceFunc(func() { close(s.stopping) }))
	return server
}
