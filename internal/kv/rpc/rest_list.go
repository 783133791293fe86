package rpc

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	kvv1 "github.com/ringkv/ringkv/api/kv/v1"
)

// listed is a line of a list. A key or a value is text where it is valid UTF-8, and
// base64 otherwise.
type listed struct {
	Key         *string `json:"key,omitempty"`
	KeyBase64   []byte  `json:"keyBase64,omitempty"`
	Value       *string `json:"value,omitempty"`
	ValueBase64 []byte  `json:"valueBase64,omitempty"`
	Version     uint64  `json:"version,omitempty"`
	Expires     string  `json:"expires,omitempty"`
	// Page, in the last line, says where another request can go on.
	Page string `json:"page,omitempty"`
}

// list streams keys, each as a line of JSON.
func (h *rest) list(w http.ResponseWriter, r *http.Request) {
	req, values, err := listRequest(r)
	if err != nil {
		writeError(w, err)
		return
	}
	valueBytes := 0
	if values {
		valueBytes = dumpBytes
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	begun := false
	var page []byte
	scanErr := h.service.scan(r.Context(), req, valueBytes, func(items []*kvv1.KeyValue, token []byte) error {
		if !begun {
			begun = true
			w.Header().Set("Content-Type", "application/x-ndjson")
		}
		page = token
		for _, item := range items {
			if err := out.Encode(listedOf(item, values)); err != nil {
				return err
			}
		}
		return nil
	})
	switch {
	case scanErr != nil && !begun:
		writeError(w, scanErr)
	case scanErr != nil:
		panic(http.ErrAbortHandler) // a list that ends early must not look complete
	case len(page) > 0:
		_ = out.Encode(listed{Page: base64.RawURLEncoding.EncodeToString(page)}) // the client has gone
	}
}

func listRequest(r *http.Request) (req *kvv1.ScanRequest, values bool, err error) {
	query := r.URL.Query()
	req = &kvv1.ScanRequest{Prefix: []byte(query.Get("prefix"))}
	consistency, cerr := consistencyOf(r)
	if cerr != nil {
		return nil, false, cerr
	}
	req.Consistency = consistency
	if v := query.Get("values"); v != "" {
		if values, err = strconv.ParseBool(v); err != nil {
			return nil, false, invalid("values is %q: use true or false", v)
		}
	}
	if v := query.Get("limit"); v != "" {
		if req.Limit, err = strconv.ParseUint(v, 10, 64); err != nil {
			return nil, false, invalid("limit is %q: give a number, 0 for all", v)
		}
	}
	if v := query.Get("page"); v != "" {
		if req.PageToken, err = base64.RawURLEncoding.DecodeString(v); err != nil {
			return nil, false, invalid("page is %q: use what the last line of a list says", v)
		}
	}
	return req, values, nil
}

func listedOf(item *kvv1.KeyValue, value bool) listed {
	l := listed{Version: item.Version}
	l.Key, l.KeyBase64 = text(item.Key)
	if value {
		l.Value, l.ValueBase64 = text(item.Value)
	}
	if item.ExpireTime != nil {
		l.Expires = item.ExpireTime.AsTime().Format(time.RFC3339Nano)
	}
	return l
}

// text returns b as text if it is.
func text(b []byte) (*string, []byte) {
	if utf8.Valid(b) {
		s := string(b)
		return &s, nil
	}
	return nil, b
}
