package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	kvv1 "github.com/ringkv/ringkv/api/kv/v1"
	"github.com/ringkv/ringkv/api/kv/v1/kvv1connect"
)

// Client is a connection to a cluster. It is safe for concurrent use. Make one with New.
type Client struct {
	http  *http.Client
	route route
}

// defaultTimeout bounds calls whose context has no deadline.
const defaultTimeout = 10 * time.Second

// New returns a client of the cluster that one of the addresses (host:port of the HTTP
// port) belongs to. It connects with the first call.
func New(addresses ...string) (*Client, error) {
	if len(addresses) == 0 {
		return nil, errors.New("client: no address: give host:port of one node at least")
	}
	for _, a := range addresses {
		if _, _, err := net.SplitHostPort(a); err != nil {
			return nil, fmt.Errorf("client: address %q is not host:port: %w", a, err)
		}
	}
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{
		Protocols:       &protocols,
		DialContext:     (&net.Dialer{Timeout: time.Second}).DialContext,
		IdleConnTimeout: time.Minute,
		// A node that lost its power answers nothing and closes nothing.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 2 * time.Second, PingTimeout: 2 * time.Second},
	}
	c := &Client{http: &http.Client{Transport: transport}}
	c.route.init(addresses)
	return c, nil
}

// Close gives the connections up.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// service returns the service of one node.
func (c *Client) service(address string) kvv1connect.KVClient {
	return kvv1connect.NewKVClient(c.http, "http://"+address)
}

// Item is a key and what it holds.
type Item struct {
	Key   string
	Value []byte
	// Version identifies the value: see IfVersion.
	Version uint64
	// Expires is when the key ceases to exist; zero: never.
	Expires time.Time
}

func itemOf(kv *kvv1.KeyValue) Item {
	item := Item{Key: string(kv.GetKey()), Value: kv.GetValue(), Version: kv.GetVersion()}
	if kv.GetExpireTime() != nil {
		item.Expires = kv.GetExpireTime().AsTime()
	}
	return item
}

// Get returns what a key holds, or ErrNotFound. It sees every write that was
// acknowledged before.
func (c *Client) Get(ctx context.Context, key string) (Item, error) {
	r, err := call(ctx, c, key, true, &kvv1.GetRequest{Key: []byte(key)}, kvv1connect.KVClient.Get)
	return itemOf(r.GetItem()), err
}

// Put sets a key and returns the version of the new value.
func (c *Client) Put(ctx context.Context, key string, value []byte, options ...PutOption) (version uint64, err error) {
	r, err := call(ctx, c, key, false, putRequest(key, value, append([]PutOption{randomKey()}, options...)), kvv1connect.KVClient.Put)
	return r.GetVersion(), err
}

// Delete removes a key and tells whether it was there.
func (c *Client) Delete(ctx context.Context, key string, options ...DeleteOption) (deleted bool, err error) {
	r, err := call(ctx, c, key, false, deleteRequest(key, append([]DeleteOption{randomKey()}, options...)), kvv1connect.KVClient.Delete)
	return r.GetDeleted(), err
}

// Increment adds to a decimal integer, beginning at 0, and returns the sum. It fails
// with ErrOverflow or ErrNotAnInteger and then changes nothing.
func (c *Client) Increment(ctx context.Context, key string, delta int64, options ...IncrementOption) (sum int64, err error) {
	r, err := call(ctx, c, key, false, incrementRequest(key, delta, append([]IncrementOption{randomKey()}, options...)), kvv1connect.KVClient.Increment)
	return r.GetValue(), err
}

// Size returns the number of keys in the cluster.
func (c *Client) Size(ctx context.Context) (uint64, error) {
	r, err := call(ctx, c, "", true, &kvv1.SizeRequest{}, kvv1connect.KVClient.Size)
	return r.GetKeys(), err
}

// Cluster returns who is in the cluster and who leads each partition.
func (c *Client) Cluster(ctx context.Context) (*kvv1.ClusterResponse, error) {
	return call(ctx, c, "", true, &kvv1.ClusterRequest{}, kvv1connect.KVClient.Cluster)
}
