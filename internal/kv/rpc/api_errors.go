package rpc

import (
	"fmt"
	"strings"

	"connectrpc.com/connect"

	kvv1 "github.com/ringkv/ringkv/api/kv/v1"
	"github.com/ringkv/ringkv/internal/kv/command"
)

// apiError makes an error of the API, which says what happened in three ways: a code
// for programs that know only codes, a reason, and a sentence for people.
func apiError(code connect.Code, detail *kvv1.ErrorDetail, format string, args ...any) *connect.Error {
	err := connect.NewError(code, fmt.Errorf(format, args...))
	if d, derr := connect.NewErrorDetail(detail); derr == nil {
		err.AddDetail(d)
	}
	return err
}

// invalid is the error for a request that can never work.
func invalid(format string, args ...any) *connect.Error {
	return apiError(connect.CodeInvalidArgument, &kvv1.ErrorDetail{Reason: kvv1.Reason_REASON_INVALID}, format, args...)
}

// unknownOutcome is the error for a write of which nobody knows whether it was, or will
// be, executed. Its code is one that no client sends again by itself: as HTTP it is
// 409, where 500 would be tried again by many.
func unknownOutcome(message string) *connect.Error {
	return apiError(connect.CodeAborted, &kvv1.ErrorDetail{Reason: kvv1.Reason_REASON_OUTCOME_UNKNOWN}, "%s", message)
}

// notExecuted is the error for a call that certainly was not executed.
func notExecuted(message string) *connect.Error {
	return apiError(connect.CodeUnavailable, &kvv1.ErrorDetail{Reason: kvv1.Reason_REASON_NOT_EXECUTED}, "%s", message)
}

// replyErrors says what the kinds of error replies mean. Everything else is a request
// that a node refused to execute.
var replyErrors = []struct {
	kind   string
	code   connect.Code
	reason kvv1.Reason
}{
	{"UNKNOWNRESULT", connect.CodeAborted, kvv1.Reason_REASON_OUTCOME_UNKNOWN},
	{"CLUSTERDOWN", connect.CodeUnavailable, kvv1.Reason_REASON_NOT_EXECUTED},
	{"OOM", connect.CodeResourceExhausted, kvv1.Reason_REASON_OUT_OF_MEMORY},
	{"DISKFULL", connect.CodeResourceExhausted, kvv1.Reason_REASON_DISK_FULL},
	{"KEYREUSED", connect.CodeInvalidArgument, kvv1.Reason_REASON_KEY_REUSED},
}

// replyError returns the error that a reply is.
func replyError(reply []byte) *connect.Error {
	kind, message, _ := strings.Cut(strings.TrimRight(string(reply[1:]), "\r\n"), " ")
	for _, e := range replyErrors {
		if e.kind == kind {
			return apiError(e.code, &kvv1.ErrorDetail{Reason: e.reason}, "%s", message)
		}
	}
	return invalid("%s", message)
}

// failure returns the error that a result of an operation is, or nil. operation is its
// number in an atomic batch.
func failure(r *command.OpResult, operation int) *connect.Error {
	detail := &kvv1.ErrorDetail{CurrentVersion: r.Version, Operation: uint32(operation)}
	switch r.Status {
	case command.OpConditionNotMet:
		detail.Reason = kvv1.Reason_REASON_CONDITION_NOT_MET
		if !r.Found {
			return apiError(connect.CodeFailedPrecondition, detail, "the condition is not met: there is no such key")
		}
		return apiError(connect.CodeFailedPrecondition, detail, "the condition is not met: the key has version %d", r.Version)
	case command.OpNotInteger:
		detail.Reason = kvv1.Reason_REASON_NOT_AN_INTEGER
		return apiError(connect.CodeFailedPrecondition, detail, "the value is not a 64-bit decimal integer")
	case command.OpOverflow:
		detail.Reason = kvv1.Reason_REASON_OVERFLOW
		return apiError(connect.CodeOutOfRange, detail, "the sum does not fit into 64 bits")
	}
	return nil
}
