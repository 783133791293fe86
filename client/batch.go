package client

import (
	"context"
	"errors"
	"fmt"

	kvv1 "github.com/ringkv/ringkv/api/kv/v1"
	"github.com/ringkv/ringkv/api/kv/v1/kvv1connect"
)

// Operation is one step of a batch.
type Operation struct {
	key       string
	operation *kvv1.Operation
}

// GetOp is Get as a step of a batch.
func GetOp(key string) Operation {
	return Operation{key, &kvv1.Operation{Operation: &kvv1.Operation_Get{Get: &kvv1.GetRequest{Key: []byte(key)}}}}
}

// PutOp is Put as a step of a batch.
func PutOp(key string, value []byte, options ...PutOption) Operation {
	return Operation{key, &kvv1.Operation{Operation: &kvv1.Operation_Put{Put: putRequest(key, value, options)}}}
}

// DeleteOp is Delete as a step of a batch.
func DeleteOp(key string, options ...DeleteOption) Operation {
	return Operation{key, &kvv1.Operation{Operation: &kvv1.Operation_Delete{Delete: deleteRequest(key, options)}}}
}

// IncrementOp is Increment as a step of a batch.
func IncrementOp(key string, delta int64) Operation {
	return Operation{key, &kvv1.Operation{Operation: &kvv1.Operation_Increment{Increment: &kvv1.IncrementRequest{Key: []byte(key), Delta: &delta}}}}
}

// Result is what became of a step: the fields that its call alone would return.
type Result struct {
	Item    Item   // of a GetOp
	Version uint64 // of a PutOp or an IncrementOp
	Deleted bool   // of a DeleteOp
	Sum     int64  // of an IncrementOp
	Err     error
}

// Batch executes steps, each for itself: one that fails has an error in its result, and
// those on one key are executed in their order.
func (c *Client) Batch(ctx context.Context, steps ...Operation) ([]Result, error) {
	return c.batch(ctx, false, steps)
}

// Atomic executes all steps at one moment, or none: when one cannot be, it returns the
// error and nothing has changed. A GetOp that finds nothing is no failure. All keys must
// have the same {hash tag}.
func (c *Client) Atomic(ctx context.Context, steps ...Operation) ([]Result, error) {
	return c.batch(ctx, true, steps)
}

func (c *Client) batch(ctx context.Context, atomic bool, steps []Operation) ([]Result, error) {
	request, reads, key := &kvv1.BatchRequest{Atomic: atomic}, true, ""
	for _, s := range steps {
		request.Operations = append(request.Operations, s.operation)
		reads = reads && s.operation.GetGet() != nil
		key = s.key
	}
	if !reads {
		request.IdempotencyKey = string(randomKey())
	}
	o := outcome{results: make([]Result, len(steps)), decided: make([]bool, len(steps))}
	_, err := call(ctx, c, key, reads, request, o.attempt)
	return o.of(err)
}

// outcome is what the attempts to execute a batch have given. A step that a node has
// answered is done with; the batch is sent again for the others.
type outcome struct {
	results []Result
	decided []bool
	some    bool // a step is decided
}

// attempt sends the batch to one node. It fails while there are steps that are not decided.
func (o *outcome) attempt(node kvv1connect.KVClient, ctx context.Context, request *kvv1.BatchRequest) (*kvv1.BatchResponse, error) { //nolint:revive // as the methods of the service
	response, err := node.Batch(ctx, request)
	if err != nil {
		return nil, err
	}
	if len(response.GetResults()) != len(o.results) {
		return nil, fmt.Errorf("%w: the node answered %d of %d steps", ErrOutcomeUnknown, len(response.GetResults()), len(o.results))
	}
	var open error
	for i, r := range response.GetResults() {
		if o.decided[i] {
			continue
		}
		result, before := resultOf(r), o.results[i].Err
		switch maybe := errors.Is(before, ErrOutcomeUnknown); {
		case errors.Is(result.Err, ErrOutcomeUnknown):
			open, o.results[i] = result.Err, result
		case errors.Is(result.Err, ErrUnavailable) || maybe && errors.Is(result.Err, ErrFull):
			if !maybe {
				o.results[i] = result
			}
			if open == nil {
				open = o.results[i].Err
			}
		default:
			o.results[i], o.decided[i], o.some = result, true, true
		}
	}
	return response, open
}

// of returns what the batch gave when its last attempt ended with err.
func (o *outcome) of(err error) ([]Result, error) {
	if err == nil {
		return o.results, nil
	}
	if !o.some {
		return nil, err
	}
	for i := range o.results {
		if !o.decided[i] && !errors.Is(o.results[i].Err, ErrOutcomeUnknown) {
			o.results[i] = Result{Err: err}
		}
	}
	return o.results, nil
}

func resultOf(r *kvv1.OperationResult) Result {
	switch r := r.GetResult().(type) {
	case *kvv1.OperationResult_Get:
		if r.Get.GetItem() == nil {
			return Result{Err: ErrNotFound}
		}
		return Result{Item: itemOf(r.Get.GetItem())}
	case *kvv1.OperationResult_Put:
		return Result{Version: r.Put.GetVersion()}
	case *kvv1.OperationResult_Delete:
		return Result{Deleted: r.Delete.GetDeleted()}
	case *kvv1.OperationResult_Increment:
		return Result{Sum: r.Increment.GetValue(), Version: r.Increment.GetVersion()}
	case *kvv1.OperationResult_Error:
		return Result{Err: meaningOf(r.Error.GetDetail(), r.Error.GetMessage())}
	default:
		return Result{Err: errors.New("the node answered what this version cannot read")}
	}
}
