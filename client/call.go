package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ringkv/ringkv/api/kv/v1/kvv1connect"
)

const (
	firstPause = 10 * time.Millisecond
	lastPause  = 500 * time.Millisecond
)

// call sends a request to the node that leads the key's partition, and to others until
// one answers it. A request that is no read has an idempotency key, so that it is executed
// once, however often it is sent.
func call[Q, R any](ctx context.Context, c *Client, key string, read bool, request *Q,
	method func(kvv1connect.KVClient, context.Context, *Q) (*R, error)) (*R, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, defaultTimeout)
		defer cancel()
	}
	pause := firstPause
	var unknown error // of an attempt that may have been executed
	for {
		c.refresh(ctx)
		var err error
		for _, address := range c.route.candidates(key) {
			var response *R
			if response, err = method(c.service(address), ctx, request); err == nil {
				return response, nil
			}
			switch err = translate(err, read); {
			case errors.Is(err, ErrOutcomeUnknown):
				unknown = err
			case errors.Is(err, ErrUnavailable):
			case unknown != nil && errors.Is(err, ErrFull):
				// That this attempt was refused says nothing about the one before.
			default:
				return nil, err
			}
			c.route.suspect()
			if ctx.Err() != nil {
				return nil, fmt.Errorf("%w: %w", cmp.Or(unknown, err), ctx.Err())
			}
		}
		if werr := wait(ctx, &pause); werr != nil {
			return nil, fmt.Errorf("%w: %w", cmp.Or(unknown, err), werr)
		}
	}
}

// wait lets a pause pass and makes the next one longer.
func wait(ctx context.Context, pause *time.Duration) error {
	timer := time.NewTimer(*pause)
	defer timer.Stop()
	*pause = min(2**pause, lastPause)
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
