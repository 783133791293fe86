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
// A call that certainly was not executed is sent again, to another node, until its
// context ends or ten seconds have passed. A read is sent again whatever happened. A
// write whose outcome is unknown is not: it fails with ErrOutcomeUnknown, and the caller
// knows best whether to look or to repeat it.
package client
