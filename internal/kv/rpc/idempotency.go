package rpc

import (
	"context"
	"net/http"
	"strings"

	"connectrpc.com/connect"

	"github.com/ringkv/ringkv/internal/kv/command"
)

const (
	// idempotencyHeader is the field of the IETF's draft-ietf-httpapi-idempotency-key-header.
	idempotencyHeader = "Idempotency-Key"
	// MaxIdempotencyKeyBytes is the longest idempotency key.
	MaxIdempotencyKeyBytes = 255
)

// once names the write of ops, if the request has an idempotency key as a field or in its
// header; otherwise it is nil.
func once(ctx context.Context, field string, ops []command.Op, atomic bool) (*command.Once, *connect.Error) {
	key := field
	if info, ok := connect.CallInfoForHandlerContext(ctx); ok {
		header, err := idempotencyKey(info.RequestHeader())
		if err != nil {
			return nil, err
		}
		if key != "" && header != "" && key != header {
			return nil, invalid("idempotency_key is %q and the header %s has %q: give one", key, idempotencyHeader, header)
		}
		if key == "" {
			key = header
		}
	}
	if key == "" {
		return nil, nil
	}
	if len(key) > MaxIdempotencyKeyBytes {
		return nil, invalid("the idempotency key has %d bytes: it has up to %d", len(key), MaxIdempotencyKeyBytes)
	}
	return command.NewOnce(key, ops, atomic), nil
}

// idempotencyKey reads the header of a request: a string as structured fields have it
// (RFC 8941, 3.3.3), or the bare text that many clients send. It returns "" if there is
// no such header.
func idempotencyKey(h http.Header) (string, *connect.Error) {
	values := h.Values(idempotencyHeader)
	if len(values) == 0 {
		return "", nil
	}
	value := strings.TrimSpace(values[0])
	key, ok := value, true
	if strings.HasPrefix(value, `"`) {
		key, ok = unquote(value)
	}
	for i := range len(key) {
		ok = ok && key[i] >= ' ' && key[i] <= '~'
	}
	if len(values) > 1 || !ok || key == "" {
		return "", invalid("%s is %q: give one key, printable ASCII of 1 to %d characters, in quotes or not",
			idempotencyHeader, strings.Join(values, ", "), MaxIdempotencyKeyBytes)
	}
	return key, nil
}

// unquote reads a string in quotes, in which \ stands before quotes and itself.
func unquote(s string) (string, bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), i == len(s)-1
		case s[i] != '\\':
			b.WriteByte(s[i])
		case i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
			b.WriteByte(s[i])
		default:
			return "", false
		}
	}
	return "", false
}
