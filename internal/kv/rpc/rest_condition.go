package rpc

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"connectrpc.com/connect"

	kvv1 "github.com/ringkv/ringkv/api/kv/v1"
)

// condition is what a plain write depends on; see RFC 9110, section 13.1.
type condition struct {
	version *uint64 // If-Match: "version"
	present bool    // If-Match: *
	absent  bool    // If-None-Match: *
}

// conditions reads If-Match and If-None-Match of a write.
func conditions(r *http.Request) (when condition, err *connect.Error) {
	switch match := strings.TrimSpace(r.Header.Get("If-Match")); match {
	case "":
	case "*":
		when.present = true
	default:
		tags := etags(match)
		if len(tags) != 1 {
			return when, invalid("If-Match is %q: give one version, as the ETag shows it, or * for any", match)
		}
		when.version = &tags[0]
	}
	if none := r.Header.Get("If-None-Match"); none != "" {
		if strings.TrimSpace(none) != "*" {
			return when, invalid("If-None-Match is %q: for writes only * is of use", none)
		}
		if when.present {
			return when, invalid("If-Match: * and If-None-Match: * exclude each other")
		}
		when.absent = true
	}
	return when, nil
}

// idempotencyKey reads the header of that name, which a write under If-Match: * cannot
// have: it is sent again under another version if somebody else writes in between, and
// that is another write.
func (when condition) idempotencyKey(h http.Header) (string, *connect.Error) {
	key, err := idempotencyKey(h)
	if err == nil && key != "" && when.present {
		err = invalid("If-Match: * and Idempotency-Key exclude each other: read the key, and name its version in If-Match")
	}
	return key, err
}

// presentTries is how often a write under If-Match: * is tried. Each time that it fails
// somebody else's write to the key has succeeded.
const presentTries = 100

// under makes a write under the condition: with the version that the key must have, or
// nil. If-Match: * names the one that the key has, whichever it is.
func (h *rest) under(ctx context.Context, key []byte, when condition, write func(version *uint64) error) error {
	if !when.present {
		return write(when.version)
	}
	for range presentTries {
		item, err := h.service.get(ctx, key, kvv1.Consistency_CONSISTENCY_UNSPECIFIED)
		if err != nil && err.Code() == connect.CodeNotFound {
			return apiError(connect.CodeFailedPrecondition, &kvv1.ErrorDetail{Reason: kvv1.Reason_REASON_CONDITION_NOT_MET}, "the condition is not met: there is no such key")
		}
		if err != nil {
			return err
		}
		werr := write(&item.Version)
		if refused := new(connect.Error); !errors.As(werr, &refused) || refused.Code() != connect.CodeFailedPrecondition {
			return werr
		}
	}
	return notExecuted("others write to the key all the time")
}
