package client

import (
	"errors"
	"fmt"
	"net"

	"connectrpc.com/connect"

	kvv1 "github.com/ringkv/ringkv/api/kv/v1"
)

// What a call can fail with, beside the errors of its context: see errors.Is.
var (
	ErrNotFound        = errors.New("there is no such key")
	ErrConditionNotMet = errors.New("the condition is not met")
	ErrNotAnInteger    = errors.New("the value is not a 64-bit decimal integer")
	ErrOverflow        = errors.New("the sum does not fit into 64 bits")
	// ErrInvalid: the call can never work; the message says why.
	ErrInvalid = errors.New("invalid call")
	// ErrUnavailable: certainly not executed.
	ErrUnavailable = errors.New("not executed")
	// ErrOutcomeUnknown: a write may have been executed, or may be yet. No node told until
	// the context of the call ended.
	ErrOutcomeUnknown = errors.New("the outcome is unknown")
	// ErrCompacted: changes were missed, because they are not kept any more. Read the keys
	// anew, and watch from before that.
	ErrCompacted = errors.New("the changes are not kept any more")
	// ErrKeyReused: the idempotency key has been used for another write.
	ErrKeyReused = errors.New("the idempotency key has been used for another write")
	// ErrFull: memory or a volume is full; reads and deletes go on.
	ErrFull = errors.New("the cluster is full")
)

// ConditionError is an ErrConditionNotMet.
type ConditionError struct {
	// CurrentVersion is the version that the key has; 0: there is no such key.
	CurrentVersion uint64
}

// Error implements error.
func (e *ConditionError) Error() string {
	if e.CurrentVersion == 0 {
		return "the condition is not met: there is no such key"
	}
	return fmt.Sprintf("the condition is not met: the key has version %d", e.CurrentVersion)
}

// Is makes it an ErrConditionNotMet.
func (e *ConditionError) Is(target error) bool { return target == ErrConditionNotMet }

// meanings are the errors of this package by the reason that a node gives.
var meanings = map[kvv1.Reason]error{
	kvv1.Reason_REASON_INVALID:         ErrInvalid,
	kvv1.Reason_REASON_KEY_NOT_FOUND:   ErrNotFound,
	kvv1.Reason_REASON_NOT_AN_INTEGER:  ErrNotAnInteger,
	kvv1.Reason_REASON_OVERFLOW:        ErrOverflow,
	kvv1.Reason_REASON_NOT_EXECUTED:    ErrUnavailable,
	kvv1.Reason_REASON_OUTCOME_UNKNOWN: ErrOutcomeUnknown,
	kvv1.Reason_REASON_OUT_OF_MEMORY:   ErrFull,
	kvv1.Reason_REASON_DISK_FULL:       ErrFull,
	kvv1.Reason_REASON_COMPACTED:       ErrCompacted,
	kvv1.Reason_REASON_KEY_REUSED:      ErrKeyReused,
}

// translate makes an error of this package, unless it is one already. A write that a node did not answer has an
// unknown outcome, unless it never left.
func translate(err error, read bool) error {
	if err == nil || errors.Is(err, ErrUnavailable) || errors.Is(err, ErrOutcomeUnknown) {
		return err
	}
	var e *connect.Error
	if errors.As(err, &e) {
		if d := detailOf(e); d != nil {
			return meaningOf(d, e.Message())
		}
		if e.Code() == connect.CodeInvalidArgument || e.Code() == connect.CodeUnimplemented {
			return fmt.Errorf("%w: %s", ErrInvalid, e.Message())
		}
	}
	var dial *net.OpError
	if read || errors.As(err, &dial) && dial.Op == "dial" {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
}

func meaningOf(d *kvv1.ErrorDetail, message string) error {
	if d.GetReason() == kvv1.Reason_REASON_CONDITION_NOT_MET {
		return &ConditionError{CurrentVersion: d.GetCurrentVersion()}
	}
	meaning, known := meanings[d.GetReason()]
	if !known {
		return errors.New(message)
	}
	return fmt.Errorf("%w: %s", meaning, message)
}

// detailOf returns what a node says about an error, or nil if no node did.
func detailOf(e *connect.Error) *kvv1.ErrorDetail {
	for _, d := range e.Details() {
		if v, err := d.Value(); err == nil {
			if detail, ok := v.(*kvv1.ErrorDetail); ok {
				return detail
			}
		}
	}
	return nil
}
