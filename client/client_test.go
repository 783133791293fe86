package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/client"
)

// TestNothingThatWasAcknowledgedIsLostWhenANodeDies: writers go on while a node is
// stopped; every error says that the outcome is unknown, and what was acknowledged is
// there.
func TestNothingThatWasAcknowledgedIsLostWhenANodeDies(t *testing.T) {
	nodes, stop := startCluster(3)
	defer stop()
	ctx := testContext(t)
	c, err := client.New(nodes[0].api.Addr().String(), nodes[1].api.Addr().String(), nodes[2].api.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	var written, after atomic.Int64
	var down atomic.Bool
	acknowledged := make([]int64, 4)
	var wg sync.WaitGroup
	for w := range acknowledged {
		wg.Go(func() {
			for i := int64(1); after.Load() < 200; i++ {
				_, err := c.Put(ctx, fmt.Sprintf("writer-%d", w), fmt.Append(nil, i))
				if err != nil {
					require.ErrorIs(t, err, client.ErrOutcomeUnknown)
					continue
				}
				acknowledged[w] = i
				written.Add(1)
				if down.Load() {
					after.Add(1)
				}
			}
		})
	}
	require.Eventually(t, func() bool { return written.Load() > 100 }, time.Minute, time.Millisecond)
	for _, s := range nodes[2].servers {
		s.Close()
	}
	require.NoError(t, nodes[2].node.Close())
	down.Store(true)
	wg.Wait()
	for w, want := range acknowledged {
		item, err := c.Get(ctx, fmt.Sprintf("writer-%d", w))
		require.NoError(t, err)
		got := int64(0)
		_, err = fmt.Sscan(string(item.Value), &got)
		require.NoError(t, err)
		require.GreaterOrEqual(t, got, want)
	}
}

// TestAWatchGoesOnWithoutAGapWhenItsNodeDies: whichever node it was read from.
func TestAWatchGoesOnWithoutAGapWhenItsNodeDies(t *testing.T) {
	nodes, stop := startCluster(3)
	defer stop()
	ctx := testContext(t)
	c, err := client.New(nodes[2].api.Addr().String(), nodes[0].api.Addr().String(), nodes[1].api.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	first, err := c.Increment(ctx, "n", 1)
	require.NoError(t, err)
	item, err := c.Get(ctx, "n")
	require.NoError(t, err)
	writing, stopWriting := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		for writing.Err() == nil {
			_, _ = c.Increment(writing, "n", 1)
		}
	})
	want, killed := first, false
	for change, err := range c.Watch(ctx, "n", client.AfterVersion(item.Version)) {
		require.NoError(t, err)
		want++
		require.Equal(t, fmt.Sprint(want), string(change.Item.Value), "every sum comes, and once")
		if want == 100 {
			for _, s := range nodes[2].servers {
				s.Close()
			}
			require.NoError(t, nodes[2].node.Close())
			killed = true
		}
		if want > 300 {
			break
		}
	}
	require.True(t, killed)
	stopWriting()
	wg.Wait()
}

// TestAWriteThatNobodyAnsweredHasAnUnknownOutcome, and is not sent twice. A read is
// tried again instead.
func TestAWriteThatNobodyAnsweredHasAnUnknownOutcome(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	var connections atomic.Int64
	go func() { // takes what it gets and hangs up
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			buffer := make([]byte, 4096)
			_, _ = conn.Read(buffer)
			conn.Close()
		}
	}()
	c, err := client.New(l.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	_, err = c.Put(ctx, "k", []byte("v"))
	require.ErrorIs(t, err, client.ErrOutcomeUnknown)
	require.LessOrEqual(t, connections.Load(), int64(2), "one to learn the map, one for the call")
	_, err = c.Get(ctx, "k")
	require.ErrorIs(t, err, client.ErrUnavailable)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestWhatCannotBeReachedWasNotExecuted(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	c, err := client.New(l.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = c.Put(ctx, "k", []byte("v"))
	require.ErrorIs(t, err, client.ErrUnavailable)
	require.False(t, errors.Is(err, client.ErrOutcomeUnknown))
}

func TestNewRefusesWhatIsNoAddress(t *testing.T) {
	_, err := client.New()
	require.ErrorContains(t, err, "no address")
	_, err = client.New("localhost")
	require.ErrorContains(t, err, "host:port")
}
