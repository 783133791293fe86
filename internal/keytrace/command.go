package keytrace

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/respclient"
	"github.com/ringkv/ringkv/internal/target"
)

// ErrUnknown means that a write may have been executed or not.
var ErrUnknown = errors.New("the outcome is not known: it may have been written or not; read the key before you write it again")

// ErrNoNode means that no node took the command, so that it did not happen.
var ErrNoNode = errors.New("no node takes the command")

// copiesWait is how long a write waits for the copies beyond those that made it
// acknowledged, only to tell of them.
const copiesWait = 5 * time.Second

// Get reads the key from the first node, in the ring's order, that answers. found
// is false if there is no such key.
func (tr *Trace) Get(ctx context.Context) (value []byte, found bool, err error) {
	reply, err := tr.send(ctx, false, "GET", tr.Key)
	if err != nil {
		return nil, false, err
	}
	return reply.Text, !reply.Null, nil
}

// Put writes the key and waits a moment for every copy to have it. ttl is the time
// to live; 0 means for ever.
func (tr *Trace) Put(ctx context.Context, value string, ttl time.Duration) error {
	words := []string{"SET", tr.Key, value}
	if ttl > 0 {
		words = append(words, "PX", strconv.FormatInt(max(ttl.Milliseconds(), 1), 10))
	}
	if _, err := tr.send(ctx, true, words...); err != nil {
		return err
	}
	// The leader answered after it had applied the write; its version of the key is
	// this write's, or that of a later one.
	var written uint64
	tr.await(ctx, func(c *cluster.KeyStatus) bool {
		if c.Role == cluster.RoleLeader {
			written = max(written, c.Version)
		}
		return written > 0 && c.Version >= written
	})
	return nil
}

// Del deletes the key and waits a moment for every copy to have done so. found is
// false if there was no such key.
func (tr *Trace) Del(ctx context.Context) (found bool, err error) {
	reply, err := tr.send(ctx, true, "DEL", tr.Key)
	if err != nil {
		return false, err
	}
	found = string(reply.Text) == "1"
	tr.await(ctx, func(c *cluster.KeyStatus) bool { return !c.Found })
	return found, nil
}

// await inspects the copies until all that answer are done, or for copiesWait.
func (tr *Trace) await(ctx context.Context, done func(*cluster.KeyStatus) bool) {
	deadline := time.Now().Add(copiesWait)
	for pause := 2 * time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		tr.inspect(ctx)
		all := true
		// The leader's copy says what the others are measured by.
		for _, leader := range []bool{true, false} {
			for _, c := range tr.Copies {
				if c.Status != nil && (c.Status.Role == cluster.RoleLeader) == leader && !done(c.Status) {
					all = false
				}
			}
		}
		if all || time.Now().After(deadline) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// send gives the command to the first node that takes it. A write is never sent to
// a second node after the first may have executed it.
func (tr *Trace) send(ctx context.Context, write bool, words ...string) (*respclient.Reply, error) {
	var last error
	for _, node := range tr.candidates(write) {
		reply, sent, err := tr.try(ctx, node, words)
		var answered respclient.ServerError
		switch {
		case err == nil:
			tr.Asked = node
			return reply, nil
		case errors.As(err, &answered):
			tr.Asked = node
			if answered.Prefix() == "UNKNOWNRESULT" {
				return nil, fmt.Errorf("%w (%s: %w)", ErrUnknown, node, err)
			}
			return nil, fmt.Errorf("%s: %w", node, err)
		case ctx.Err() != nil && !sent:
			return nil, ctx.Err()
		case sent && write:
			tr.Asked = node
			return nil, fmt.Errorf("%w (%s: %w)", ErrUnknown, node, err)
		}
		last = err
		tr.Down = append(tr.Down, Down{Node: node, Reason: err.Error()})
	}
	if last == nil {
		return nil, fmt.Errorf("%w: none answers", ErrNoNode)
	}
	return nil, fmt.Errorf("%w: %w", ErrNoNode, last)
}

// try sends the command to one node. sent tells whether it can have arrived.
func (tr *Trace) try(ctx context.Context, node string, words []string) (reply *respclient.Reply, sent bool, err error) {
	address, err := tr.t.Address(ctx, node, target.RESP)
	if err != nil {
		return nil, false, err
	}
	conn, err := respclient.Dial(ctx, address)
	if err != nil {
		return nil, false, err
	}
	defer conn.Close()
	reply, err = conn.Do(ctx, words...)
	return reply, true, err
}
