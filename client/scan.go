package client

import (
	"context"
	"errors"
	"iter"

	"connectrpc.com/connect"

	kvv1 "github.com/ringkv/ringkv/api/kv/v1"
)

// Scan gives the keys that begin with prefix, without values. A key that is there from
// the beginning to the end comes exactly once, unless a node fails meanwhile: then some
// may come again. An error is the last that comes.
func (c *Client) Scan(ctx context.Context, prefix string) iter.Seq2[Item, error] {
	return pages(ctx, c, func(ctx context.Context, address string, page []byte) (*connect.ServerStreamForClient[kvv1.ScanResponse], error) {
		return c.service(address).Scan(ctx, &kvv1.ScanRequest{Prefix: []byte(prefix), PageToken: page})
	})
}

// Dump gives the keys that begin with prefix, with values. It is no snapshot of one
// moment; otherwise it is as Scan.
func (c *Client) Dump(ctx context.Context, prefix string) iter.Seq2[Item, error] {
	return pages(ctx, c, func(ctx context.Context, address string, page []byte) (*connect.ServerStreamForClient[kvv1.DumpResponse], error) {
		return c.service(address).Dump(ctx, &kvv1.DumpRequest{Prefix: []byte(prefix), PageToken: page})
	})
}

// message is what ScanResponse and DumpResponse have in common.
type message interface {
	GetItems() []*kvv1.KeyValue
	GetPageToken() []byte
}

// pages reads a stream to its end, and goes on with another node where one breaks.
func pages[M any, P interface {
	*M
	message
}](ctx context.Context, c *Client, open func(context.Context, string, []byte) (*connect.ServerStreamForClient[M], error)) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		var page []byte
		failures, pause := 0, firstPause
		for {
			c.refresh(ctx)
			candidates := c.route.candidates("")
			stream, err := open(ctx, candidates[failures%len(candidates)], page)
			for err == nil && stream.Receive() {
				failures, pause = 0, firstPause
				m := P(stream.Msg())
				for _, item := range m.GetItems() {
					if !yield(itemOf(item), nil) {
						return
					}
				}
				page = m.GetPageToken()
			}
			if err == nil {
				err = errors.Join(stream.Err(), stream.Close())
			}
			if err == nil {
				return
			}
			failures++
			if err = translate(err, true); !errors.Is(err, ErrUnavailable) || failures > maxFailures || wait(ctx, &pause) != nil {
				yield(Item{}, err)
				return
			}
			c.route.suspect()
		}
	}
}

// maxFailures is how often in a row a stream may break before its reader is told.
const maxFailures = 20
