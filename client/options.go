package client

import (
	"crypto/rand"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	kvv1 "github.com/ringkv/ringkv/api/kv/v1"
)

// PutOption changes what a Put does.
type PutOption interface{ put(*kvv1.PutRequest) }

// DeleteOption changes what a Delete does.
type DeleteOption interface{ delete(*kvv1.DeleteRequest) }

// IncrementOption changes what an Increment does.
type IncrementOption interface{ increment(*kvv1.IncrementRequest) }

type putOption func(*kvv1.PutRequest)

func (f putOption) put(r *kvv1.PutRequest) { f(r) }

// TTL lets the key live for so long, a millisecond at least.
func TTL(d time.Duration) PutOption {
	return putOption(func(r *kvv1.PutRequest) { r.Ttl = durationpb.New(d) })
}

// KeepTTL keeps the expiry time that the key has.
func KeepTTL() PutOption { return putOption(func(r *kvv1.PutRequest) { r.KeepTtl = true }) }

// IfAbsent puts only if there is no such key.
func IfAbsent() PutOption { return putOption(func(r *kvv1.PutRequest) { r.IfAbsent = true }) }

// IfVersion puts or deletes only if the key has this version.
type IfVersion uint64

func (v IfVersion) put(r *kvv1.PutRequest)       { r.IfVersion = new(uint64(v)) }
func (v IfVersion) delete(r *kvv1.DeleteRequest) { r.IfVersion = new(uint64(v)) }

// IdempotencyKey lets a write be executed once, even if the program sends it again with the
// same key, as after a crash: then it gets the same answer. A partition remembers for 24
// hours, and about the newest 8,000 writes. Without this option every call has a random key.
// A step of a batch cannot have one.
type IdempotencyKey string

func (k IdempotencyKey) put(r *kvv1.PutRequest)             { r.IdempotencyKey = string(k) }
func (k IdempotencyKey) delete(r *kvv1.DeleteRequest)       { r.IdempotencyKey = string(k) }
func (k IdempotencyKey) increment(r *kvv1.IncrementRequest) { r.IdempotencyKey = string(k) }

// randomKey makes the idempotency key of a call.
func randomKey() IdempotencyKey { return IdempotencyKey(rand.Text()) }

func putRequest(key string, value []byte, options []PutOption) *kvv1.PutRequest {
	r := &kvv1.PutRequest{Key: []byte(key), Value: value}
	for _, o := range options {
		o.put(r)
	}
	return r
}

func deleteRequest(key string, options []DeleteOption) *kvv1.DeleteRequest {
	r := &kvv1.DeleteRequest{Key: []byte(key)}
	for _, o := range options {
		o.delete(r)
	}
	return r
}

func incrementRequest(key string, delta int64, options []IncrementOption) *kvv1.IncrementRequest {
	r := &kvv1.IncrementRequest{Key: []byte(key), Delta: &delta}
	for _, o := range options {
		o.increment(r)
	}
	return r
}
