// Package rpc carries a node's admin calls over HTTP, and serves its health and
// metrics.
//
// The admin endpoints are on the peer port, one POST or GET for each method of
// cluster.Admin, with JSON bodies, so that a person can ask a node with nothing but
// curl:
//
//	curl http://demo-0:7000/admin/status
//
// An error is answered with a JSON body {"error": text, "kind": name}; the kind
// brings the cluster package's error values back to the caller.
package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// maxBody bounds a request: a map of 300 nodes and 1,024 partitions is well below.
const maxBody = 8 << 20

// kinds are the errors that keep their identity across the wire.
var kinds = []struct {
	name   string
	err    error
	status int
}{
	{"conflict", cluster.ErrConflict, http.StatusConflict},
	{"notLeader", cluster.ErrNotLeader, http.StatusMisdirectedRequest},
	{"wrongCluster", cluster.ErrWrongCluster, http.StatusForbidden},
	{"notFound", cluster.ErrNotFound, http.StatusNotFound},
	{"invalid", cluster.ErrInvalid, http.StatusBadRequest},
}

type errorBody struct {
	Error string `json:"error"`
	Kind  string `json:"kind,omitempty"`
}

// NewHandler serves an Admin under /admin/, GET /admin/key?key=KEY if it is a
// cluster.KeyInspector too, and GET /admin/state?partition=N if it is a
// cluster.StateInspector.
func NewHandler(a cluster.Admin) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /admin/status", func(w http.ResponseWriter, r *http.Request) {
		s, err := a.Status(r.Context())
		answer(w, s, err)
	})
	if inspector, ok := a.(cluster.KeyInspector); ok {
		mux.HandleFunc("GET /admin/key", func(w http.ResponseWriter, r *http.Request) {
			s, err := inspector.Key(r.Context(), []byte(r.URL.Query().Get("key")))
			answer(w, s, err)
		})
	}
	if inspector, ok := a.(cluster.StateInspector); ok {
		mux.HandleFunc("GET /admin/state", func(w http.ResponseWriter, r *http.Request) {
			partition, err := strconv.ParseUint(r.URL.Query().Get("partition"), 10, 32)
			if err != nil {
				answer(w, nil, fmt.Errorf("partition %q: want a number: %w", r.URL.Query().Get("partition"), cluster.ErrInvalid))
				return
			}
			s, err := inspector.PartitionState(r.Context(), uint32(partition))
			answer(w, s, err)
		})
	}
	mux.HandleFunc("POST /admin/map", call(func(ctx context.Context, m cluster.Map) error { return a.PublishMap(ctx, &m) }))
	mux.HandleFunc("POST /admin/create-replica", call(a.CreateReplica))
	mux.HandleFunc("POST /admin/change-config", call(a.ChangeConfig))
	mux.HandleFunc("POST /admin/transfer-leader", call(a.TransferLeader))
	mux.HandleFunc("POST /admin/remove-replica", call(a.RemoveReplica))
	mux.HandleFunc("POST /admin/force-sole-voter", call(a.ForceSoleVoter))
	mux.HandleFunc("POST /admin/drain", call(func(ctx context.Context, _ struct{}) error { return a.Drain(ctx) }))
	return mux
}

// call makes a handler of a method that takes one request and returns only an error.
func call[T any](method func(context.Context, T) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := bodyOf(w, r)
		if err != nil {
			answer(w, nil, err)
			return
		}
		var req T
		if err := json.NewDecoder(body).Decode(&req); err != nil {
			answer(w, nil, fmt.Errorf("the body is not the JSON that this call takes: %w: %w", err, cluster.ErrInvalid))
			return
		}
		answer(w, struct{}{}, method(r.Context(), req))
	}
}

func answer(w http.ResponseWriter, body any, err error) {
	status := http.StatusOK
	if err != nil {
		status = http.StatusInternalServerError
		e := errorBody{Error: err.Error()}
		for _, k := range kinds {
			if errors.Is(err, k.err) {
				e.Kind, status = k.name, k.status
				break
			}
		}
		body = e
	}
	w.Header().Set("Content-Type", "application/json")
	offer(w.Header())
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller has gone
}

// Client is a cluster.Admin on another machine.
type Client struct {
	base string
	http *http.Client
	// compress: the node's last answer offered to take compressed requests.
	compress atomic.Bool
}

var (
	_ cluster.Admin          = (*Client)(nil)
	_ cluster.KeyInspector   = (*Client)(nil)
	_ cluster.StateInspector = (*Client)(nil)
)

// NewClient talks to the peer port at address (host:port). Calls end with their
// context; a connection is given up after two seconds.
func NewClient(address string) *Client {
	return &Client{
		base: "http://" + address,
		http: &http.Client{Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
			MaxIdleConnsPerHost: 2,
			IdleConnTimeout:     30 * time.Second,
		}},
	}
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Status implements cluster.Admin.
func (c *Client) Status(ctx context.Context) (*cluster.NodeStatus, error) {
	var s cluster.NodeStatus
	if err := c.do(ctx, http.MethodGet, "status", nil, &s); err != nil {
		return nil, err
	}
	return &s, nil
}

// Key implements cluster.KeyInspector. Any bytes are fine.
func (c *Client) Key(ctx context.Context, key []byte) (*cluster.KeyStatus, error) {
	var s cluster.KeyStatus
	if err := c.do(ctx, http.MethodGet, "key?key="+url.QueryEscape(string(key)), nil, &s); err != nil {
		return nil, err
	}
	return &s, nil
}

// PartitionState implements cluster.StateInspector.
func (c *Client) PartitionState(ctx context.Context, partition uint32) (*cluster.StateStatus, error) {
	var s cluster.StateStatus
	if err := c.do(ctx, http.MethodGet, fmt.Sprintf("state?partition=%d", partition), nil, &s); err != nil {
		return nil, err
	}
	return &s, nil
}

// PublishMap implements cluster.Admin.
func (c *Client) PublishMap(ctx context.Context, m *cluster.Map) error {
	return c.do(ctx, http.MethodPost, "map", m, nil)
}

// CreateReplica implements cluster.Admin.
func (c *Client) CreateReplica(ctx context.Context, r cluster.CreateReplica) error {
	return c.do(ctx, http.MethodPost, "create-replica", r, nil)
}

// ChangeConfig implements cluster.Admin.
func (c *Client) ChangeConfig(ctx context.Context, r cluster.ChangeConfig) error {
	return c.do(ctx, http.MethodPost, "change-config", r, nil)
}

// TransferLeader implements cluster.Admin.
func (c *Client) TransferLeader(ctx context.Context, r cluster.TransferLeader) error {
	return c.do(ctx, http.MethodPost, "transfer-leader", r, nil)
}

// RemoveReplica implements cluster.Admin.
func (c *Client) RemoveReplica(ctx context.Context, r cluster.RemoveReplica) error {
	return c.do(ctx, http.MethodPost, "remove-replica", r, nil)
}

// ForceSoleVoter implements cluster.Admin.
func (c *Client) ForceSoleVoter(ctx context.Context, r cluster.SoleVoter) error {
	return c.do(ctx, http.MethodPost, "force-sole-voter", r, nil)
}

// Drain implements cluster.Admin.
func (c *Client) Drain(ctx context.Context) error {
	return c.do(ctx, http.MethodPost, "drain", struct{}{}, nil)
}

func (c *Client) do(ctx context.Context, method, name string, body, into any) error {
	var b []byte
	compressed := false
	if body != nil {
		var err error
		if b, err = json.Marshal(body); err != nil {
			return err
		}
		if compressed = len(b) >= compressFrom && c.compress.Load(); compressed {
			if b, err = compress(b); err != nil {
				return err
			}
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+"/admin/"+name, bytes.NewReader(b))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if compressed {
		req.Header.Set("Content-Encoding", gzipCoding)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	c.compress.Store(offered(resp.Header))
	if resp.StatusCode != http.StatusOK {
		return remoteError(resp)
	}
	if into == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

// remoteError brings an error back with its identity.
func remoteError(resp *http.Response) error {
	var e errorBody
	b, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if json.Unmarshal(b, &e) != nil || e.Error == "" {
		return fmt.Errorf("%s: %s: %s", resp.Request.URL, resp.Status, bytes.TrimSpace(b))
	}
	for _, k := range kinds {
		if k.name == e.Kind {
			return &remote{text: e.Error, kind: k.err}
		}
	}
	return errors.New(e.Error)
}

// remote is an error of another process: its text, and what it is.
type remote struct {
	text string
	kind error
}

func (e *remote) Error() string { return e.text }
func (e *remote) Unwrap() error { return e.kind }
