package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"slices"
	"time"

	"github.com/ringkv/ringkv/client"
)

// connect makes the client that the examples use.
func connect() *client.Client {
	c, err := client.New(address)
	if err != nil {
		log.Fatal(err)
	}
	return c
}

func Example() {
	ctx := context.Background()
	c, err := client.New(address)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Put(ctx, "greeting", []byte("hello")); err != nil {
		log.Fatal(err)
	}
	item, err := c.Get(ctx, "greeting")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", item.Value)
	// Output: hello
}

func ExampleClient_Get() {
	c := connect()
	defer c.Close()
	_, err := c.Get(context.Background(), "nothing")
	fmt.Println(errors.Is(err, client.ErrNotFound))
	// Output: true
}

// A value that is read, changed and written is not lost when somebody else does the same
// meanwhile.
func ExampleClient_Put_ifVersion() {
	ctx, c := context.Background(), connect()
	defer c.Close()
	first, err := c.Put(ctx, "settings", []byte("a=1"), client.IfAbsent())
	if err != nil {
		log.Fatal(err)
	}
	second, err := c.Put(ctx, "settings", []byte("a=2"), client.IfVersion(first))
	if err != nil {
		log.Fatal(err)
	}
	_, err = c.Put(ctx, "settings", []byte("a=3"), client.IfVersion(first))
	var condition *client.ConditionError
	fmt.Println(errors.As(err, &condition) && condition.CurrentVersion == second)
	// Output: true
}

func ExampleClient_Put_ttl() {
	ctx, c := context.Background(), connect()
	defer c.Close()
	if _, err := c.Put(ctx, "session", []byte("x"), client.TTL(time.Hour)); err != nil {
		log.Fatal(err)
	}
	item, err := c.Get(ctx, "session")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(time.Until(item.Expires) > 59*time.Minute)
	// Output: true
}

func ExampleClient_Delete() {
	ctx, c := context.Background(), connect()
	defer c.Close()
	version, err := c.Put(ctx, "lock", []byte("mine"))
	if err != nil {
		log.Fatal(err)
	}
	deleted, err := c.Delete(ctx, "lock", client.IfVersion(version))
	fmt.Println(deleted, err)
	// Output: true <nil>
}

func ExampleClient_Increment() {
	ctx, c := context.Background(), connect()
	defer c.Close()
	for range 2 {
		sum, err := c.Increment(ctx, "visits", 5)
		fmt.Println(sum, err)
	}
	// Output:
	// 5 <nil>
	// 10 <nil>
}

// A program that does not know whether it did something before it crashed does it again,
// with the same key.
func ExampleClient_Increment_idempotencyKey() {
	ctx, c := context.Background(), connect()
	defer c.Close()
	for range 2 {
		left, err := c.Increment(ctx, "stock", -1, client.IdempotencyKey("order-17"))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(left)
	}
	// Output:
	// -1
	// -1
}

func ExampleClient_Batch() {
	ctx, c := context.Background(), connect()
	defer c.Close()
	results, err := c.Batch(ctx, client.PutOp("apple", []byte("red")), client.GetOp("apple"), client.IncrementOp("apple", 1))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s, %t\n", results[1].Item.Value, errors.Is(results[2].Err, client.ErrNotAnInteger))
	// Output: red, true
}

// Keys with the same {hash tag} change together.
func ExampleClient_Atomic() {
	ctx, c := context.Background(), connect()
	defer c.Close()
	if _, err := c.Put(ctx, "{bank}alice", []byte("100")); err != nil {
		log.Fatal(err)
	}
	results, err := c.Atomic(ctx, client.IncrementOp("{bank}alice", -30), client.IncrementOp("{bank}bob", 30))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(results[0].Sum, results[1].Sum)
	// Output: 70 30
}

func ExampleClient_Scan() {
	ctx, c := context.Background(), connect()
	defer c.Close()
	for _, key := range []string{"user/1", "user/2"} {
		if _, err := c.Put(ctx, key, []byte("x")); err != nil {
			log.Fatal(err)
		}
	}
	var keys []string
	for item, err := range c.Scan(ctx, "user/") {
		if err != nil {
			log.Fatal(err)
		}
		keys = append(keys, item.Key)
	}
	slices.Sort(keys)
	fmt.Println(keys)
	// Output: [user/1 user/2]
}

func ExampleClient_Dump() {
	ctx, c := context.Background(), connect()
	defer c.Close()
	if _, err := c.Put(ctx, "dump/1", []byte("one")); err != nil {
		log.Fatal(err)
	}
	for item, err := range c.Dump(ctx, "dump/") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s=%s\n", item.Key, item.Value)
	}
	// Output: dump/1=one
}

// A watch from the version that was read misses nothing in between.
func ExampleClient_Watch() {
	ctx, c := context.Background(), connect()
	defer c.Close()
	version, err := c.Put(ctx, "watched", []byte("1"))
	if err != nil {
		log.Fatal(err)
	}
	if _, err := c.Put(ctx, "watched", []byte("2")); err != nil {
		log.Fatal(err)
	}
	for change, err := range c.Watch(ctx, "watched", client.AfterVersion(version)) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s\n", change.Item.Value)
		break
	}
	// Output: 2
}

func ExampleClient_WatchPrefix() {
	ctx, c := context.Background(), connect()
	defer c.Close()
	stop := make(chan struct{})
	go func() { // somebody writes, again and again
		for {
			select {
			case <-stop:
				return
			default:
				_, _ = c.Put(ctx, "jobs/1", []byte("build"))
			}
		}
	}()
	defer close(stop)
	for change, err := range c.WatchPrefix(ctx, "jobs/") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s=%s\n", change.Item.Key, change.Item.Value)
		break
	}
	// Output: jobs/1=build
}

func ExampleClient_Size() {
	ctx, c := context.Background(), connect()
	defer c.Close()
	if _, err := c.Put(ctx, "counted", nil); err != nil {
		log.Fatal(err)
	}
	n, err := c.Size(ctx)
	fmt.Println(n > 0, err)
	// Output: true <nil>
}

func ExampleClient_Cluster() {
	c := connect()
	defer c.Close()
	r, err := c.Cluster(context.Background())
	fmt.Println(len(r.GetMembers()), len(r.GetPartitions()), err)
	// Output: 1 8 <nil>
}
