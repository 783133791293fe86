package load

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// verifyPatience is how long a verification that was asked for over HTTP tries
// to read what it cannot read at once.
const verifyPatience = time.Minute

// NewHandler lets another process watch and drive a load that runs in this one,
// a test suite outside of the pod for instance. Answers are JSON.
//
//	GET  /ready              200 once every key has an acknowledged write, else 503
//	GET  /stats              Stats
//	POST /phase?name=NAME    begins a phase
//	POST /verify             Verification; takes as long as reading every key
func NewHandler(l *Load) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ready", func(w http.ResponseWriter, _ *http.Request) {
		s := l.Stats()
		status := http.StatusOK
		if s.Written < s.Keys {
			status = http.StatusServiceUnavailable
		}
		writeJSON(w, status, map[string]int{"written": s.Written, "keys": s.Keys})
	})
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, l.Stats())
	})
	mux.HandleFunc("POST /phase", func(w http.ResponseWriter, r *http.Request) {
		name := r.URL.Query().Get("name")
		if name == "" {
			writeJSON(w, http.StatusBadRequest, map[string]string{"error": "which phase? Use /phase?name=NAME"})
			return
		}
		l.Phase(name)
		writeJSON(w, http.StatusOK, map[string]string{"phase": name})
	})
	mux.HandleFunc("POST /verify", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), verifyPatience)
		defer cancel()
		writeJSON(w, http.StatusOK, l.Verify(ctx))
	})
	return mux
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // the caller is gone
}
