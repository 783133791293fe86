package rpc

import (
	"fmt"
	"net/http"
)

// Health is what a node says about itself to a kubelet.
type Health interface {
	// Healthy tells whether the process does its work; if not, it is restarted.
	Healthy() bool
	// Ready tells whether the node can serve, and if not, why.
	Ready() (ok bool, reason string)
}

// NewHealthHandler serves /healthz, /readyz and, with metrics, /metrics.
func NewHealthHandler(h Health, metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if !h.Healthy() {
			http.Error(w, "the event loops do not run", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if ok, reason := h.Ready(); !ok {
			http.Error(w, reason, http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	if metrics != nil {
		mux.Handle("GET /metrics", metrics)
	}
	return mux
}
