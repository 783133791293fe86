package client

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	kvv1 "github.com/ringkv/ringkv/api/kv/v1"
)

// PutOption changes what a Put does.
type PutOption interface{ put(*kvv1.PutRequest) }

// DeleteOption changes what a Delete does.
type DeleteOption interface{ delete(*kvv1.DeleteRequest) }

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
