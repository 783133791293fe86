package rpc

import (
	"context"
	"strconv"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	kvv1 "github.com/ringkv/ringkv/api/kv/v1"
	"github.com/ringkv/ringkv/api/kv/v1/kvv1connect"
	"github.com/ringkv/ringkv/internal/kv/command"
)

// Limits of requests.
const (
	// MaxKeyBytes is the longest key of this API.
	MaxKeyBytes = 64 << 10
	// MaxValueBytes is the longest value of this API.
	MaxValueBytes = 64 << 20
	// MaxOperations is the longest Batch.
	MaxOperations = command.MaxOperations
	// maxRequestBytes leaves room for a value in base64.
	maxRequestBytes = MaxValueBytes/3*4 + 1<<20
)

// service implements the KV service on a node.
type service struct {
	backend Backend
	// stopping is closed when streams that have no end must end.
	stopping chan struct{}
}

var _ kvv1connect.KVHandler = (*service)(nil)

// Get implements the KV service.
func (s *service) Get(ctx context.Context, r *kvv1.GetRequest) (*kvv1.GetResponse, error) {
	if err := checkKey(r.GetKey()); err != nil {
		return nil, err
	}
	item, err := s.get(ctx, r.GetKey(), r.GetConsistency())
	if err != nil {
		return nil, err
	}
	return &kvv1.GetResponse{Item: item}, nil
}

func (s *service) get(ctx context.Context, key []byte, consistency kvv1.Consistency) (*kvv1.KeyValue, *connect.Error) {
	spec, args := command.ReadArgs(key)
	results, err := s.submit(ctx, spec, args, consistency).results(1)
	if err != nil {
		return nil, err
	}
	if !results[0].Found {
		return nil, apiError(connect.CodeNotFound, &kvv1.ErrorDetail{Reason: kvv1.Reason_REASON_KEY_NOT_FOUND}, "there is no such key")
	}
	return itemOf(key, &results[0]), nil
}

// Put implements the KV service.
func (s *service) Put(ctx context.Context, r *kvv1.PutRequest) (*kvv1.PutResponse, error) {
	op, err := putOp(r)
	if err != nil {
		return nil, err
	}
	result, err := s.write(ctx, op, r.GetIdempotencyKey())
	if err != nil {
		return nil, err
	}
	return putResponse(op, result), nil
}

// Delete implements the KV service.
func (s *service) Delete(ctx context.Context, r *kvv1.DeleteRequest) (*kvv1.DeleteResponse, error) {
	op, err := deleteOp(r)
	if err != nil {
		return nil, err
	}
	result, err := s.write(ctx, op, r.GetIdempotencyKey())
	if err != nil {
		return nil, err
	}
	return deleteResponse(op, result), nil
}

// Increment implements the KV service.
func (s *service) Increment(ctx context.Context, r *kvv1.IncrementRequest) (*kvv1.IncrementResponse, error) {
	op, err := incrementOp(r)
	if err != nil {
		return nil, err
	}
	result, err := s.write(ctx, op, r.GetIdempotencyKey())
	if err != nil {
		return nil, err
	}
	response, err := incrementResponse(result)
	if err != nil {
		return nil, err
	}
	return response, nil
}

// write executes one operation, once if there is an idempotency key.
func (s *service) write(ctx context.Context, op command.Op, key string) (*command.OpResult, *connect.Error) {
	ops := []command.Op{op}
	name, err := once(ctx, key, ops, false)
	if err != nil {
		return nil, err
	}
	spec, args := command.WriteArgs(ops, false, name)
	results, err := s.submit(ctx, spec, args, 0).results(1)
	if err != nil {
		return nil, err
	}
	if err := failure(&results[0], 0); err != nil {
		return nil, err
	}
	return &results[0], nil
}

// Size implements the KV service.
func (s *service) Size(ctx context.Context, _ *kvv1.SizeRequest) (*kvv1.SizeResponse, error) {
	reply, err := s.submit(ctx, command.Lookup([]byte("dbsize")), [][]byte{[]byte("dbsize")}, 0).wait()
	if err != nil {
		return nil, err
	}
	keys, derr := command.DecodeInt(reply)
	if derr != nil {
		return nil, unreadable(derr)
	}
	return &kvv1.SizeResponse{Keys: uint64(keys)}, nil
}

func checkKey(key []byte) *connect.Error {
	if len(key) > MaxKeyBytes {
		return invalid("the key has %d bytes: a key has up to %d", len(key), MaxKeyBytes)
	}
	return nil
}

func putOp(r *kvv1.PutRequest) (command.Op, *connect.Error) {
	op := command.Op{
		Kind: command.OpPut, Key: r.GetKey(), Value: r.GetValue(), IfAbsent: r.GetIfAbsent(), KeepTTL: r.GetKeepTtl(),
		Previous: r.GetReturnPrevious(), IfVersion: r.GetIfVersion(), HasVersion: r.IfVersion != nil,
	}
	if len(op.Value) > MaxValueBytes {
		return op, invalid("the value has %d bytes: a value has up to %d", len(op.Value), MaxValueBytes)
	}
	if op.IfAbsent && op.HasVersion {
		return op, invalid("if_absent and if_version exclude each other: a key that is absent has no version")
	}
	if r.Ttl != nil {
		if op.KeepTTL {
			return op, invalid("ttl and keep_ttl exclude each other")
		}
		if err := r.Ttl.CheckValid(); err != nil {
			return op, invalid("ttl: %v", err)
		}
		if r.Ttl.AsDuration() < time.Millisecond {
			return op, invalid("ttl is %v: it must be a millisecond at least", r.Ttl.AsDuration())
		}
		op.TTL = r.Ttl.Seconds*1000 + int64(r.Ttl.Nanos)/1e6 // AsDuration ends at 292 years
	}
	return op, checkKey(op.Key)
}

func deleteOp(r *kvv1.DeleteRequest) (command.Op, *connect.Error) {
	op := command.Op{
		Kind: command.OpDelete, Key: r.GetKey(), Previous: r.GetReturnPrevious(), IfVersion: r.GetIfVersion(), HasVersion: r.IfVersion != nil,
	}
	return op, checkKey(op.Key)
}

func incrementOp(r *kvv1.IncrementRequest) (command.Op, *connect.Error) {
	op := command.Op{Kind: command.OpIncrement, Key: r.GetKey(), Delta: 1}
	if r.Delta != nil {
		op.Delta = r.GetDelta()
	}
	return op, checkKey(op.Key)
}

// itemOf is the item that a result tells of.
func itemOf(key []byte, r *command.OpResult) *kvv1.KeyValue {
	return &kvv1.KeyValue{Key: key, Value: r.Value, Version: r.ItemVersion, ExpireTime: timeOf(r.ExpireAt)}
}

// timeOf converts milliseconds since the Unix epoch; 0 is never. The last time that
// protobuf knows stands for all that are later.
func timeOf(ms int64) *timestamppb.Timestamp {
	if ms == 0 {
		return nil
	}
	const lastMillis = 253402300799999 // 9999-12-31T23:59:59.999Z
	return timestamppb.New(time.UnixMilli(min(ms, lastMillis)))
}

func putResponse(op command.Op, r *command.OpResult) *kvv1.PutResponse {
	return &kvv1.PutResponse{Version: r.Version, Previous: previous(op, r)}
}

func deleteResponse(op command.Op, r *command.OpResult) *kvv1.DeleteResponse {
	return &kvv1.DeleteResponse{Deleted: r.Found, Previous: previous(op, r)}
}

func previous(op command.Op, r *command.OpResult) *kvv1.KeyValue {
	if !op.Previous || !r.Found {
		return nil
	}
	return itemOf(op.Key, r)
}

func incrementResponse(r *command.OpResult) (*kvv1.IncrementResponse, *connect.Error) {
	n, err := strconv.ParseInt(string(r.Value), 10, 64)
	if err != nil {
		return nil, unreadable(err)
	}
	return &kvv1.IncrementResponse{Value: n, Version: r.Version}, nil
}
