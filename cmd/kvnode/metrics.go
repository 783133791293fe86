package main

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ringkv/ringkv/internal/kv/node"
	"github.com/ringkv/ringkv/internal/kv/resp"
)

// metricsHandler serves what the process can be watched by.
func metricsHandler(n *node.Node, redis *resp.Server) http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		n.Collector(),
		redis.Collector(),
	)
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{})
}
