// Package client talks to a ringkv cluster.
//
//	c, err := client.New("demo:8080")
//	version, err := c.Put(ctx, "greeting", []byte("hello"))
//	item, err := c.Get(ctx, "greeting")
//
// A Client learns from any node who is in the cluster, and sends each call to the node
// that leads the key's partition. When it cannot reach that node it asks another one,
// since any node serves any key.
//
// A call that no node answers is sent again, to another node, until its context ends or,
// if that has no deadline, ten seconds have passed. Every write has a random idempotency
// key, by which nodes know it again: it is executed once, also when the connection broke
// after it was sent. A write that may have been executed when its time is over fails with
// ErrOutcomeUnknown, one that certainly was not with ErrUnavailable.
//
// Nodes remember a bounded number of writes: see IdempotencyKey.
package client
