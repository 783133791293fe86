package rpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	kvv1 "github.com/ringkv/ringkv/api/kv/v1"
)

// rest serves keys as plain HTTP resources, for people and for programs that know
// nothing but HTTP:
//
//	GET    /v1/keys/{key}         the value; its version is the ETag
//	PUT    /v1/keys/{key}         sets the value; ?ttl=60s or ?ttl=keep
//	DELETE /v1/keys/{key}
//	POST   /v1/keys/{key}?add=1   adds to an integer
//	GET    /v1/keys               keys, one JSON object a line; ?prefix= ?values=true ?limit= ?page=
//	GET    /v1/watch              changes, one JSON object a line; ?key= or ?prefix=, ?after= or ?resume=
//	GET    /v1/size
//	GET    /v1/cluster
//
// If-Match: "version", If-Match: * and If-None-Match: * are the conditions of writes, and
// Idempotency-Key makes a write one that is executed once. The key is what follows
// /v1/keys/, percent-encoded where it must be; slashes may stay.
type rest struct{ service *service }

const (
	keysPath       = "/v1/keys"
	expireHeader   = "Ringkv-Expires"
	anyConsistency = "any"
)

// ServeHTTP routes by hand: http.ServeMux would clean paths, but a key may hold //.
func (h *rest) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.EscapedPath()
	if escaped, ok := strings.CutPrefix(path, keysPath+"/"); ok && escaped != "" {
		key, err := url.PathUnescape(escaped)
		if err != nil {
			writeError(w, invalid("the key in the path: %v", err))
			return
		}
		h.key(w, r, []byte(key))
		return
	}
	var read func(http.ResponseWriter, *http.Request)
	switch path {
	case keysPath:
		read = h.list
	case "/v1/watch":
		read = h.watch
	case "/v1/size":
		read = func(w http.ResponseWriter, r *http.Request) {
			size, err := h.service.Size(r.Context(), &kvv1.SizeRequest{})
			writeMessage(w, size, err)
		}
	case "/v1/cluster":
		read = func(w http.ResponseWriter, r *http.Request) {
			cluster, err := h.service.Cluster(r.Context(), &kvv1.ClusterRequest{})
			writeMessage(w, cluster, err)
		}
	default:
		writeError(w, apiError(connect.CodeUnimplemented, &kvv1.ErrorDetail{Reason: kvv1.Reason_REASON_INVALID},
			"nothing is served at %s: /v1/keys/{key}, /v1/keys, /v1/watch, /v1/size, /v1/cluster and /kv.v1.KV/ are; see /openapi.yaml", r.URL.Path))
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		methodNotAllowed(w, r, "GET, HEAD")
		return
	}
	read(w, r)
}

// key serves one key.
func (h *rest) key(w http.ResponseWriter, r *http.Request, key []byte) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		h.get(w, r, key)
	case http.MethodPut:
		h.put(w, r, key)
	case http.MethodDelete:
		h.delete(w, r, key)
	case http.MethodPost:
		h.add(w, r, key)
	default:
		methodNotAllowed(w, r, "GET, HEAD, PUT, DELETE, POST")
	}
}

func (h *rest) get(w http.ResponseWriter, r *http.Request, key []byte) {
	consistency, err := consistencyOf(r)
	if err != nil {
		writeError(w, err)
		return
	}
	response, rerr := h.service.Get(r.Context(), &kvv1.GetRequest{Key: key, Consistency: consistency})
	if rerr != nil {
		writeError(w, rerr)
		return
	}
	item := response.Item
	setVersion(w, item.Version)
	if item.ExpireTime != nil {
		w.Header().Set(expireHeader, item.ExpireTime.AsTime().Format(time.RFC3339Nano))
	}
	if slices.Contains(etags(r.Header.Get("If-None-Match")), item.Version) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(len(item.Value)))
	_, _ = w.Write(item.Value) // the client has gone
}

func (h *rest) put(w http.ResponseWriter, r *http.Request, key []byte) {
	when, err := conditions(r)
	if err != nil {
		writeError(w, err)
		return
	}
	req := &kvv1.PutRequest{Key: key, IfVersion: when.version, IfAbsent: when.absent}
	if req.IdempotencyKey, err = when.idempotencyKey(r.Header); err != nil {
		writeError(w, err)
		return
	}
	switch ttl := r.URL.Query().Get("ttl"); ttl {
	case "":
	case "keep":
		req.KeepTtl = true
	default:
		d, err := parseTTL(ttl)
		if err != nil {
			writeError(w, err)
			return
		}
		req.Ttl = durationpb.New(d)
	}
	value, rerr := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxValueBytes))
	if tooLarge := new(http.MaxBytesError); errors.As(rerr, &tooLarge) {
		writeError(w, invalid("the value has more than %d bytes", MaxValueBytes))
		return
	}
	if rerr != nil {
		writeError(w, invalid("read the value: %v", rerr))
		return
	}
	req.Value = value
	var response *kvv1.PutResponse
	rerr = h.under(r.Context(), key, when, func(version *uint64) (err error) {
		req.IfVersion = version
		response, err = h.service.Put(r.Context(), req)
		return err
	})
	if rerr == nil {
		setVersion(w, response.Version)
	}
	writeMessage(w, response, rerr)
}

func (h *rest) delete(w http.ResponseWriter, r *http.Request, key []byte) {
	when, err := conditions(r)
	if err == nil && when.absent {
		err = invalid("If-None-Match: * makes no sense for a deletion")
	}
	if err != nil {
		writeError(w, err)
		return
	}
	req := &kvv1.DeleteRequest{Key: key}
	if req.IdempotencyKey, err = when.idempotencyKey(r.Header); err != nil {
		writeError(w, err)
		return
	}
	var response *kvv1.DeleteResponse
	rerr := h.under(r.Context(), key, when, func(version *uint64) (err error) {
		req.IfVersion = version
		response, err = h.service.Delete(r.Context(), req)
		return err
	})
	writeMessage(w, response, rerr)
}

func (h *rest) add(w http.ResponseWriter, r *http.Request, key []byte) {
	delta, err := strconv.ParseInt(r.URL.Query().Get("add"), 10, 64)
	if err != nil {
		writeError(w, invalid("POST needs ?add= with a 64-bit integer, not %q", r.URL.Query().Get("add")))
		return
	}
	when, rerr := conditions(r)
	if rerr == nil && when != (condition{}) {
		rerr = invalid("POST knows no If-Match and no If-None-Match: read the key, and PUT the sum under its version")
	}
	if rerr != nil {
		writeError(w, rerr)
		return
	}
	once, rerr := idempotencyKey(r.Header)
	if rerr != nil {
		writeError(w, rerr)
		return
	}
	response, err := h.service.Increment(r.Context(), &kvv1.IncrementRequest{Key: key, Delta: &delta, IdempotencyKey: once})
	if err == nil {
		setVersion(w, response.Version)
	}
	writeMessage(w, response, err)
}

// etags reads a list of versions, in quotes or not; what is none is left out.
func etags(header string) (versions []uint64) {
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.Trim(strings.TrimPrefix(strings.TrimSpace(tag), "W/"), `"`)
		if v, err := strconv.ParseUint(tag, 10, 64); err == nil {
			versions = append(versions, v)
		}
	}
	return versions
}

// parseTTL reads seconds, or a number with a unit.
func parseTTL(s string) (time.Duration, *connect.Error) {
	if seconds, err := strconv.ParseInt(s, 10, 33); err == nil {
		return time.Duration(seconds) * time.Second, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, invalid("ttl is %q: give seconds, a duration such as 1h30m or 250ms, or keep", s)
	}
	return d, nil
}

func consistencyOf(r *http.Request) (kvv1.Consistency, *connect.Error) {
	switch c := r.URL.Query().Get("consistency"); c {
	case "":
		return kvv1.Consistency_CONSISTENCY_UNSPECIFIED, nil
	case anyConsistency:
		return kvv1.Consistency_CONSISTENCY_ANY_REPLICA, nil
	default:
		return 0, invalid("consistency is %q: use %s, or leave it out", c, anyConsistency)
	}
}

func setVersion(w http.ResponseWriter, version uint64) {
	w.Header().Set("ETag", `"`+strconv.FormatUint(version, 10)+`"`)
}

// writeMessage answers with a message as JSON, or with an error.
func writeMessage(w http.ResponseWriter, m proto.Message, err error) {
	if err != nil {
		writeError(w, err)
		return
	}
	b, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(m)
	if err != nil {
		writeError(w, err)
		return
	}
	var out bytes.Buffer
	_ = json.Compact(&out, b) // protojson varies its blanks on purpose; b is JSON
	out.WriteByte('\n')
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(out.Bytes()) // the client has gone
}

// errorJSON is the body of an error.
type errorJSON struct {
	Code    string `json:"code"`
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message"`
	// CurrentVersion is set when a condition was not met.
	CurrentVersion *uint64 `json:"currentVersion,omitempty"`
}

// statuses are the HTTP statuses of codes, where they are others than those of the
// Connect protocol.
var statuses = map[connect.Code]int{
	connect.CodeInvalidArgument:    http.StatusBadRequest,
	connect.CodeNotFound:           http.StatusNotFound,
	connect.CodeFailedPrecondition: http.StatusPreconditionFailed,
	connect.CodeOutOfRange:         http.StatusUnprocessableEntity,
	connect.CodeUnavailable:        http.StatusServiceUnavailable,
	connect.CodeAborted:            http.StatusConflict,
	connect.CodeResourceExhausted:  http.StatusInsufficientStorage,
	connect.CodeUnimplemented:      http.StatusNotFound,
	connect.CodeCanceled:           499, // as nginx has it: nobody reads the answer
	connect.CodeDeadlineExceeded:   http.StatusGatewayTimeout,
}

func writeError(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	if e := new(connect.Error); errors.As(err, &e) {
		if s, ok := statuses[e.Code()]; ok {
			status = s
		}
		if detailOf(e).GetReason() == kvv1.Reason_REASON_KEY_REUSED {
			status = http.StatusUnprocessableEntity // as the draft of the header asks for
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(errorOf(err)) // the client has gone
}

// errorOf is an error as JSON.
func errorOf(err error) errorJSON {
	e := new(connect.Error)
	if !errors.As(err, &e) {
		return errorJSON{Code: connect.CodeInternal.String(), Message: err.Error()}
	}
	body := errorJSON{Code: e.Code().String(), Message: e.Message()}
	if d := detailOf(e); d != nil {
		body.Reason = strings.TrimPrefix(d.Reason.String(), "REASON_")
		if d.Reason == kvv1.Reason_REASON_CONDITION_NOT_MET {
			body.CurrentVersion = &d.CurrentVersion
		}
	}
	return body
}

func methodNotAllowed(w http.ResponseWriter, r *http.Request, allowed string) {
	w.Header().Set("Allow", allowed)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusMethodNotAllowed)
	_ = json.NewEncoder(w).Encode(errorJSON{Code: "unimplemented", Reason: "INVALID", Message: r.Method + " is not served here: " + allowed + " are"})
}
