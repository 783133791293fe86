package rpc

import (
	"context"
	"errors"
	"time"

	"connectrpc.com/connect"

	kvv1 "github.com/ringkv/ringkv/api/kv/v1"
	"github.com/ringkv/ringkv/internal/kv/command"
)

// pendingCall is a command that was submitted.
type pendingCall struct {
	call *command.Call
	ctx  context.Context
}

// prepare makes a call that ends, with an answer that tells what became of it, a little
// before the client's deadline.
func prepare(ctx context.Context, spec *command.Spec, args [][]byte, consistency kvv1.Consistency) *command.Call {
	call := command.NewCall(spec, args, 2)
	call.ReadAny = consistency == kvv1.Consistency_CONSISTENCY_ANY_REPLICA
	if deadline, ok := ctx.Deadline(); ok {
		call.Deadline = deadline.Add(-min(time.Until(deadline)/10, 50*time.Millisecond))
	}
	return call
}

// submit sends a command on its way.
func (s *service) submit(ctx context.Context, spec *command.Spec, args [][]byte, consistency kvv1.Consistency) pendingCall {
	call := prepare(ctx, spec, args, consistency)
	s.backend.Submit([]*command.Call{call})
	return pendingCall{call: call, ctx: ctx}
}

// wait returns the reply, which is no error.
func (p pendingCall) wait() ([]byte, *connect.Error) {
	select {
	case <-p.call.Done():
	case <-p.ctx.Done():
		// The client has gone, or is about to give up. The call still belongs to the
		// node, so it must not be touched.
		if p.call.Spec.IsWrite() {
			return nil, unknownOutcome("the call was given up before its outcome was known")
		}
		code := connect.CodeCanceled
		if errors.Is(p.ctx.Err(), context.DeadlineExceeded) {
			code = connect.CodeDeadlineExceeded
		}
		return nil, apiError(code, &kvv1.ErrorDetail{Reason: kvv1.Reason_REASON_NOT_EXECUTED}, "the call was given up before there was an answer")
	}
	if p.call.Out.IsError() {
		return nil, replyError(p.call.Out.Buf)
	}
	return p.call.Out.Buf, nil
}

// results waits for the results of n operations.
func (p pendingCall) results(n int) ([]command.OpResult, *connect.Error) {
	reply, err := p.wait()
	if err != nil {
		return nil, err
	}
	results, derr := command.DecodeResults(reply)
	if derr != nil || len(results) != n {
		return nil, unreadable(derr)
	}
	return results, nil
}

// unreadable is the error for a reply that this version cannot read.
func unreadable(err error) *connect.Error {
	return apiError(connect.CodeInternal, &kvv1.ErrorDetail{Reason: kvv1.Reason_REASON_OUTCOME_UNKNOWN},
		"a node answered what this one cannot read: %w", err)
}
