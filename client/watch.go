package client

import (
	"context"
	"errors"
	"iter"

	"connectrpc.com/connect"

	kvv1 "github.com/ringkv/ringkv/api/kv/v1"
)

// Change is a change of a key.
type Change struct {
	Kind ChangeKind
	// Item is the key and, of a Put, what it holds since.
	Item Item
	// ValueOmitted: the value was too long to be kept for watches. Get it.
	ValueOmitted bool
	// Token goes on after this change: see After. It is set on the last change of those
	// that came together.
	Token []byte
}

// ChangeKind says what a change did.
type ChangeKind = kvv1.Event_Kind

// The kinds of changes.
const (
	Put     = kvv1.Event_KIND_PUT
	Deleted = kvv1.Event_KIND_DELETE
	Expired = kvv1.Event_KIND_EXPIRE
	// Cleared: all keys of one partition were deleted; the change has no key.
	Cleared = kvv1.Event_KIND_CLEAR
)

// WatchOption says where a watch begins.
type WatchOption func(*kvv1.WatchRequest)

// AfterVersion begins after the change that gave the key this version. It is for Watch
// only, not for WatchPrefix.
func AfterVersion(version uint64) WatchOption {
	return func(r *kvv1.WatchRequest) { r.Start = &kvv1.WatchRequest_AfterVersion{AfterVersion: version} }
}

// After goes on after a change that had this token.
func After(token []byte) WatchOption {
	return func(r *kvv1.WatchRequest) { r.Start = &kvv1.WatchRequest_ResumeToken{ResumeToken: token} }
}

// Watch gives the changes of a key from now on, or from where an option says, until ctx
// ends or the caller stops. Every change comes once and in order, also while leaders
// change and nodes fail. An error is the last that comes; ErrCompacted means that changes
// were missed, because the cluster does not keep them for ever.
func (c *Client) Watch(ctx context.Context, key string, options ...WatchOption) iter.Seq2[Change, error] {
	return c.watch(ctx, &kvv1.WatchRequest{Target: &kvv1.WatchRequest_Key{Key: []byte(key)}}, options)
}

// WatchPrefix is Watch for all keys that begin with prefix. The changes of one key are in
// order, those of different keys need not be.
func (c *Client) WatchPrefix(ctx context.Context, prefix string, options ...WatchOption) iter.Seq2[Change, error] {
	return c.watch(ctx, &kvv1.WatchRequest{Target: &kvv1.WatchRequest_Prefix{Prefix: []byte(prefix)}}, options)
}

func (c *Client) watch(ctx context.Context, r *kvv1.WatchRequest, options []WatchOption) iter.Seq2[Change, error] {
	for _, o := range options {
		o(r)
	}
	return func(yield func(Change, error) bool) {
		failures, pause := 0, firstPause
		for {
			c.refresh(ctx)
			candidates := c.route.candidates("")
			more, err := c.watchOnce(ctx, candidates[failures%len(candidates)], r, func(change Change) bool {
				failures, pause = 0, firstPause
				return yield(change, nil)
			})
			if !more {
				return
			}
			failures++
			if err = translate(err, true); !errors.Is(err, ErrUnavailable) || failures > maxFailures || wait(ctx, &pause) != nil {
				yield(Change{}, err)
				return
			}
			c.route.suspect()
		}
	}
}

// watchOnce reads from one node and moves the request on with what comes, until the
// stream breaks or the caller wants no more.
func (c *Client) watchOnce(ctx context.Context, address string, r *kvv1.WatchRequest, yield func(Change) bool) (more bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.service(address).Watch(ctx, r)
	if err != nil {
		return true, err
	}
	defer stream.Close()
	silence := newSilence(cancel)
	defer silence.stop()
	for stream.Receive() {
		silence.broken()
		m := stream.Msg()
		r.Start = &kvv1.WatchRequest_ResumeToken{ResumeToken: m.GetResumeToken()}
		for i, e := range m.GetEvents() {
			change := Change{Kind: e.GetKind(), Item: itemOf(e.GetItem()), ValueOmitted: e.GetValueOmitted()}
			if i == len(m.Events)-1 {
				change.Token = m.GetResumeToken()
			}
			if !yield(change) {
				return false, nil
			}
		}
		silence.broken() // the caller may have taken its time
	}
	if err := stream.Err(); err != nil {
		return true, err
	}
	return true, connect.NewError(connect.CodeUnavailable, errors.New("the stream ended"))
}
