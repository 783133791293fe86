package rpc

import (
	"context"

	"connectrpc.com/connect"

	kvv1 "github.com/ringkv/ringkv/api/kv/v1"
	"github.com/ringkv/ringkv/internal/kv/command"
)

// batch is a Batch that is being executed: its operations, and which of them go
// together because their keys lie in one partition.
type batch struct {
	request *kvv1.BatchRequest
	ops     []command.Op
	groups  []group
	once    *command.Once // nil: the batch is executed each time
}

// group are operations on one partition, by number.
type group struct {
	partition uint32
	members   []int
}

// Batch implements the KV service.
func (s *service) Batch(ctx context.Context, r *kvv1.BatchRequest) (*kvv1.BatchResponse, error) {
	b, err := s.newBatch(ctx, r)
	if err != nil {
		return nil, err
	}
	pending := make([]pendingCall, len(b.groups))
	for i, g := range b.groups {
		spec, args := b.command(g)
		pending[i] = s.submit(ctx, spec, args, 0)
	}
	out := &kvv1.BatchResponse{Atomic: len(b.groups) == 1, Results: make([]*kvv1.OperationResult, len(b.ops))}
	for i, g := range b.groups {
		results, err := pending[i].results(len(g.members))
		switch {
		case err != nil && len(b.groups) == 1:
			return nil, err // nothing to tell of others
		case err != nil:
			for _, n := range g.members {
				out.Results[n] = failed(err)
			}
			continue
		}
		for k, n := range g.members {
			if err := failure(&results[k], n); err != nil && r.GetAtomic() {
				return nil, apiError(err.Code(), detailOf(err), "operation %d: %s: nothing was executed", n, err.Message())
			} else if err != nil {
				out.Results[n] = failed(err)
				continue
			}
			if out.Results[n], err = b.result(n, &results[k]); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// newBatch checks a request and groups its operations by partition.
func (s *service) newBatch(ctx context.Context, r *kvv1.BatchRequest) (*batch, *connect.Error) {
	t, ok := s.backend.Placement()
	if !ok {
		return nil, noCluster()
	}
	if n := len(r.GetOperations()); n == 0 || n > MaxOperations {
		return nil, invalid("the batch has %d operations: it must have 1 to %d", n, MaxOperations)
	}
	b := &batch{request: r, ops: make([]command.Op, len(r.Operations))}
	place := map[uint32]int{}
	for i, o := range r.Operations {
		op, err := operation(o)
		if err != nil {
			return nil, invalid("operation %d: %s", i, err.Message())
		}
		b.ops[i] = op
		if r.GetAtomic() && t.Slot(op.Key) != t.Slot(b.ops[0].Key) {
			return nil, invalid("operation %d: its key lies in slot %d and that of operation 0 in slot %d: the keys of an atomic batch must lie in one, "+
				"as they do with the same {hash tag}", i, t.Slot(op.Key), t.Slot(b.ops[0].Key))
		}
		if o.GetGet().GetConsistency() != 0 {
			return nil, invalid("operation %d: consistency cannot be chosen in a batch", i)
		}
		p := t.Partition(op.Key)
		n, known := place[p]
		if !known {
			n = len(b.groups)
			place[p] = n
			b.groups = append(b.groups, group{partition: p})
		}
		b.groups[n].members = append(b.groups[n].members, i)
	}
	var err *connect.Error
	b.once, err = once(ctx, r.GetIdempotencyKey(), b.ops, r.GetAtomic())
	return b, err
}

// operation checks one operation.
func operation(o *kvv1.Operation) (command.Op, *connect.Error) {
	if o.GetPut().GetIdempotencyKey() != "" || o.GetDelete().GetIdempotencyKey() != "" || o.GetIncrement().GetIdempotencyKey() != "" {
		return command.Op{}, invalid("it has an idempotency_key of its own: give one to the batch")
	}
	switch o := o.GetOperation().(type) {
	case *kvv1.Operation_Get:
		return command.Op{Kind: command.OpGet, Key: o.Get.GetKey()}, checkKey(o.Get.GetKey())
	case *kvv1.Operation_Put:
		return putOp(o.Put)
	case *kvv1.Operation_Delete:
		return deleteOp(o.Delete)
	case *kvv1.Operation_Increment:
		return incrementOp(o.Increment)
	default:
		return command.Op{}, invalid("none is set: set get, put, delete or increment")
	}
}

// command makes the command of a group: a read, where that is enough.
func (b *batch) command(g group) (*command.Spec, [][]byte) {
	ops := make([]command.Op, len(g.members))
	keys := make([][]byte, len(g.members))
	reads := true
	for i, n := range g.members {
		ops[i], keys[i] = b.ops[n], b.ops[n].Key
		reads = reads && ops[i].Kind == command.OpGet
	}
	if reads {
		return command.ReadArgs(keys...)
	}
	return command.WriteArgs(ops, b.request.GetAtomic(), b.once)
}

// result is the response of operation n.
func (b *batch) result(n int, r *command.OpResult) (*kvv1.OperationResult, *connect.Error) {
	op := b.ops[n]
	switch op.Kind {
	case command.OpGet:
		response := &kvv1.GetResponse{}
		if r.Found {
			response.Item = itemOf(op.Key, r)
		}
		return &kvv1.OperationResult{Result: &kvv1.OperationResult_Get{Get: response}}, nil
	case command.OpPut:
		return &kvv1.OperationResult{Result: &kvv1.OperationResult_Put{Put: putResponse(op, r)}}, nil
	case command.OpDelete:
		return &kvv1.OperationResult{Result: &kvv1.OperationResult_Delete{Delete: deleteResponse(op, r)}}, nil
	default:
		response, err := incrementResponse(r)
		if err != nil {
			return nil, err
		}
		return &kvv1.OperationResult{Result: &kvv1.OperationResult_Increment{Increment: response}}, nil
	}
}

// failed is the result of an operation that failed.
func failed(err *connect.Error) *kvv1.OperationResult {
	return &kvv1.OperationResult{Result: &kvv1.OperationResult_Error{Error: &kvv1.OperationError{
		Code: err.Code().String(), Message: err.Message(), Detail: detailOf(err),
	}}}
}

// detailOf returns the detail that apiError attached.
func detailOf(err *connect.Error) *kvv1.ErrorDetail {
	for _, d := range err.Details() {
		if v, err := d.Value(); err == nil {
			if detail, ok := v.(*kvv1.ErrorDetail); ok {
				return detail
			}
		}
	}
	return nil
}

func noCluster() *connect.Error { return notExecuted("this node is not part of a cluster yet") }
