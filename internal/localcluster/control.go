package localcluster

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// The control port lets other processes of the same user look at a running
// Cluster and change it:
//
//	GET  /status
//	POST /nodes               {"name": "n4", "zone": "", "port": 0, "address": ""}
//	POST /nodes/NAME/leave
//	POST /replication-factor  {"value": 2}
//	POST /rebalance
//
// It listens on loopback, and every request must carry the token that only the
// owner of the folder can read. A socket file would need no token, but its path
// must be shorter than many folders' names.

const controlFile = "control.json"

// controlInfo is the content of control.json.
type controlInfo struct {
	PID     int    `json:"pid"`
	Address string `json:"address"`
	Token   string `json:"token"`
}

type replicationFactor struct {
	Value int `json:"value"`
}

type controlError struct {
	Error string `json:"error"`
}

// maxControlBody bounds a request.
const maxControlBody = 64 << 10

// serveControl returns a function that ends the service.
func (c *Cluster) serveControl() (stop func(), err error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, fmt.Errorf("listen for control: %w", err)
	}
	info := controlInfo{PID: os.Getpid(), Address: listener.Addr().String(), Token: rand.Text()}
	b, err := json.Marshal(info)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	path := filepath.Join(c.options.Dir, controlFile)
	if err := replaceFile(path, append(b, '\n'), 0o600); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	server := &http.Server{Handler: authenticated(info.Token, c.controlHandler()), ReadHeaderTimeout: 5 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			c.log.Error("the control port failed", "error", err)
		}
	}()
	return func() {
		server.Close()
		<-done
		if err := os.Remove(path); err != nil {
			c.log.Warn("control file is left behind", "error", err)
		}
	}, nil
}

func authenticated(token string, next http.Handler) http.Handler {
	want := []byte("Bearer " + token)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), want) != 1 {
			writeJSON(w, http.StatusUnauthorized, controlError{"the token is not the one in " + controlFile})
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (c *Cluster) controlHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, http.StatusOK, c.Status(r.Context()))
	})
	mux.HandleFunc("POST /nodes", wishHandler(func(_ *http.Request, n NewNode) error { return c.AddNode(n) }))
	mux.HandleFunc("POST /nodes/{name}/leave", wishHandler(func(r *http.Request, _ struct{}) error {
		return c.RemoveNode(r.PathValue("name"))
	}))
	mux.HandleFunc("POST /replication-factor", wishHandler(func(_ *http.Request, f replicationFactor) error {
		return c.SetReplicationFactor(f.Value)
	}))
	mux.HandleFunc("POST /rebalance", wishHandler(func(*http.Request, struct{}) error {
		c.Rebalance()
		return nil
	}))
	return mux
}

// wishHandler decodes a body and grants or refuses a wish.
func wishHandler[T any](grant func(*http.Request, T) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var body T
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxControlBody)).Decode(&body); err != nil {
			writeJSON(w, http.StatusBadRequest, controlError{"the body is not what this takes: " + err.Error()})
			return
		}
		if err := grant(r, body); err != nil {
			writeJSON(w, http.StatusConflict, controlError{err.Error()})
			return
		}
		writeJSON(w, http.StatusOK, struct{}{})
	}
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // the caller is gone
}
