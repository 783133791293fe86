package rpc

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"connectrpc.com/connect"

	kvv1 "github.com/ringkv/ringkv/api/kv/v1"
)

// change is a line of a watch.
type change struct {
	Kind string `json:"kind,omitempty"`
	listed
	ValueOmitted bool   `json:"valueOmitted,omitempty"`
	Partition    uint32 `json:"partition,omitempty"`
	Revision     uint64 `json:"revision,omitempty"`
	// Resume, on the last line of what came together and on heartbeats, says where
	// another watch can go on.
	Resume string `json:"resume,omitempty"`
}

// watch streams changes, each as a line of JSON.
func (h *rest) watch(w http.ResponseWriter, r *http.Request) {
	req, err := watchRequest(r)
	if err != nil {
		writeError(w, err)
		return
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	begun := false
	watchErr := h.service.watch(r.Context(), req, func(m *kvv1.WatchResponse) error {
		if !begun {
			begun = true
			w.Header().Set("Content-Type", "application/x-ndjson")
		}
		lines := make([]change, 0, len(m.Events)+1)
		for _, e := range m.Events {
			lines = append(lines, changeOf(e))
		}
		if len(lines) == 0 {
			lines = append(lines, change{})
		}
		lines[len(lines)-1].Resume = base64.RawURLEncoding.EncodeToString(m.ResumeToken)
		for i := range lines {
			if err := out.Encode(&lines[i]); err != nil {
				return err
			}
		}
		return http.NewResponseController(w).Flush()
	})
	if !begun {
		writeError(w, watchErr)
		return
	}
	_ = out.Encode(errorOf(watchErr)) // the client may have gone
}

func watchRequest(r *http.Request) (*kvv1.WatchRequest, *connect.Error) {
	query, req := r.URL.Query(), &kvv1.WatchRequest{}
	switch {
	case query.Has("key") && query.Has("prefix"), query.Has("after") && query.Has("resume"):
		return nil, invalid("key and prefix exclude each other, and so do after and resume")
	case query.Has("key"):
		req.Target = &kvv1.WatchRequest_Key{Key: []byte(query.Get("key"))}
	case query.Has("prefix"):
		req.Target = &kvv1.WatchRequest_Prefix{Prefix: []byte(query.Get("prefix"))}
	}
	switch {
	case query.Has("after"):
		version, err := strconv.ParseUint(query.Get("after"), 10, 64)
		if err != nil {
			return nil, invalid("after is %q: give a version", query.Get("after"))
		}
		req.Start = &kvv1.WatchRequest_AfterVersion{AfterVersion: version}
	case query.Has("resume"):
		token, err := base64.RawURLEncoding.DecodeString(query.Get("resume"))
		if err != nil {
			return nil, invalid("resume is %q: use what a line of a watch says", query.Get("resume"))
		}
		req.Start = &kvv1.WatchRequest_ResumeToken{ResumeToken: token}
	}
	return req, nil
}

func changeOf(e *kvv1.Event) change {
	c := change{
		Kind:         strings.ToLower(strings.TrimPrefix(e.Kind.String(), "KIND_")),
		ValueOmitted: e.ValueOmitted, Partition: e.Partition, Revision: e.Revision,
	}
	if e.Item != nil {
		c.listed = listedOf(e.Item, e.Kind == kvv1.Event_KIND_PUT && !e.ValueOmitted)
	}
	return c
}
