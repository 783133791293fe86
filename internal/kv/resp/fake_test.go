package resp

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/command"
	"github.com/ringkv/ringkv/internal/kv/store"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the random tests; 0: a new one, or that of RINGKV_SEED")

// seed returns the seed of a random test and prints it.
func seed(t testing.TB) uint64 {
	n := *seedFlag
	if s, err := strconv.ParseUint(os.Getenv("RINGKV_SEED"), 10, 64); n == 0 && err == nil {
		n = s
	}
	if n == 0 {
		n = uint64(time.Now().UnixNano())
	}
	t.Logf("-seed=%d", n)
	return n
}

// fake is a backend with one store and no log.
type fake struct {
	store    *store.Store
	now      func() int64
	contexts chan *command.Context // not a sync.Pool: allocations are counted
	before   func(*command.Call)   // called for each call; may be nil
}

func newFake() *fake {
	f := &fake{
		store:    store.New(7),
		now:      func() int64 { return time.Now().UnixMilli() },
		contexts: make(chan *command.Context, 16),
	}
	for range cap(f.contexts) {
		f.contexts <- &command.Context{Store: f.store, Partitions: 1}
	}
	return f
}

func (f *fake) Submit(calls []*command.Call) {
	for _, c := range calls {
		if command.Executable(c.Args) != c.Spec {
			panic(fmt.Sprintf("another node would not understand %q", c.Args[0]))
		}
		if f.before != nil {
			f.before(c)
		}
		f.run(c)
	}
}

func (f *fake) run(c *command.Call) {
	ctx := <-f.contexts
	ctx.Now = f.now()
	if c.Spec.IsWrite() {
		f.store.Lock()
		c.Run(ctx)
		f.store.Unlock()
	} else {
		f.store.RLock()
		c.Run(ctx)
		f.store.RUnlock()
	}
	f.contexts <- ctx
	c.Finish()
}

func (f *fake) Info() []InfoSection {
	return []InfoSection{
		{"Memory", []InfoField{{"used_memory", "1"}}},
		{"Stats", []InfoField{{"expired_keys", "0"}}},
	}
}

func (f *fake) Copies() (held, synced int) { return 3, 2 }

func (f *fake) Settings() []Setting { return []Setting{{"maxmemory", "0"}, {"databases", "1"}} }

// start serves the backend on a loopback port until the test ends.
func start(t testing.TB, b Backend, o Options) (*Server, string) {
	t.Helper()
	o.Backend = b
	s := New(o)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(t, s.Shutdown(ctx))
		require.NoError(t, <-served)
	})
	return s, l.Addr().String()
}
