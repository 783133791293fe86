package rpc

import (
	"context"
	"encoding/binary"
	"hash/fnv"

	"connectrpc.com/connect"

	kvv1 "github.com/ringkv/ringkv/api/kv/v1"
	"github.com/ringkv/ringkv/internal/kv/command"
)

const (
	// scanKeys is how many keys one look into a partition aims at.
	scanKeys = 1000
	// dumpBytes is how many bytes of values a look brings along; longer values are
	// fetched one by one.
	dumpBytes = 1 << 20
)

// A page token names the place in a scan, and the prefix that it belongs to:
//
//	+--------+--------+--------+
//	| format | prefix | cursor |   13 bytes, little endian
//	+--------+--------+--------+
//	    1        4        8
//
// prefix is the FNV-1a hash of the prefix.
const (
	pageFormat = 1
	pageBytes  = 13
)

func pageToken(prefix []byte, cursor uint64) []byte {
	if cursor == 0 {
		return nil
	}
	b := binary.LittleEndian.AppendUint32([]byte{pageFormat}, prefixHash(prefix))
	return binary.LittleEndian.AppendUint64(b, cursor)
}

func readPageToken(token, prefix []byte) (cursor uint64, err *connect.Error) {
	switch {
	case len(token) == 0:
		return 0, nil
	case len(token) != pageBytes || token[0] != pageFormat:
		return 0, invalid("page_token is none that this version gives: use it as it came, or leave it out to begin anew")
	case binary.LittleEndian.Uint32(token[1:]) != prefixHash(prefix):
		return 0, invalid("page_token belongs to another prefix")
	}
	return binary.LittleEndian.Uint64(token[5:]), nil
}

func prefixHash(prefix []byte) uint32 {
	h := fnv.New32a()
	h.Write(prefix)
	return h.Sum32()
}

// scanRequest is what ScanRequest and DumpRequest have in common.
type scanRequest interface {
	GetPrefix() []byte
	GetPageToken() []byte
	GetLimit() uint64
	GetConsistency() kvv1.Consistency
}

// Scan implements the KV service.
func (s *service) Scan(ctx context.Context, r *kvv1.ScanRequest, stream *connect.ServerStream[kvv1.ScanResponse]) error {
	return s.scan(ctx, r, 0, func(items []*kvv1.KeyValue, token []byte) error {
		return stream.Send(&kvv1.ScanResponse{Items: items, PageToken: token})
	})
}

// Dump implements the KV service.
func (s *service) Dump(ctx context.Context, r *kvv1.DumpRequest, stream *connect.ServerStream[kvv1.DumpResponse]) error {
	return s.scan(ctx, r, dumpBytes, func(items []*kvv1.KeyValue, token []byte) error {
		return stream.Send(&kvv1.DumpResponse{Items: items, PageToken: token})
	})
}

// scan walks through the cluster, one look into a partition at a time. With valueBytes
// 0 it sends no values.
func (s *service) scan(ctx context.Context, r scanRequest, valueBytes int, send func([]*kvv1.KeyValue, []byte) error) error {
	prefix := r.GetPrefix()
	if err := checkKey(prefix); err != nil {
		return err
	}
	cursor, err := readPageToken(r.GetPageToken(), prefix)
	if err != nil {
		return err
	}
	for sent := uint64(0); ; {
		spec, args := command.ScanArgs(cursor, prefix, scanKeys, valueBytes)
		reply, err := s.submit(ctx, spec, args, r.GetConsistency()).wait()
		if err != nil {
			return err
		}
		next, keys, derr := command.DecodeScan(reply)
		if derr != nil {
			return unreadable(derr)
		}
		items, err := s.itemsOf(ctx, keys, valueBytes > 0, r.GetConsistency(), func(items []*kvv1.KeyValue) error {
			return send(items, pageToken(prefix, cursor))
		})
		if err != nil {
			return err
		}
		sent += uint64(len(keys))
		done := next == 0 || r.GetLimit() > 0 && sent >= r.GetLimit()
		if len(items) > 0 || done {
			if err := send(items, pageToken(prefix, next)); err != nil {
				return err
			}
		}
		if done {
			return nil
		}
		cursor = next
	}
}

// itemsOf returns the items that a look found. Values that it did not bring along are
// fetched and sent before, each in a message of its own.
func (s *service) itemsOf(ctx context.Context, keys []command.ScannedKey, values bool, consistency kvv1.Consistency,
	send func([]*kvv1.KeyValue) error) ([]*kvv1.KeyValue, *connect.Error) {
	var items []*kvv1.KeyValue
	for i := range keys {
		k := &keys[i]
		if !values || k.Whole {
			items = append(items, itemOf(k.Key, &k.Item))
			continue
		}
		item, err := s.get(ctx, k.Key, consistency)
		if err != nil && err.Code() == connect.CodeNotFound {
			continue // deleted meanwhile
		}
		if err != nil {
			return nil, err
		}
		if err := send([]*kvv1.KeyValue{item}); err != nil {
			return nil, connect.NewError(connect.CodeCanceled, err)
		}
	}
	return items, nil
}
