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
	c := connectTo(t, nodes[0], nodes[1], nodes[2])
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
	nodes[2].kill(t)
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
	c := connectTo(t, nodes[2], nodes[0], nodes[1])
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
			nodes[2].kill(t)
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

// TestACounterGrowsExactlyOnceWhileANodeDies: no Increment fails, and none is executed
// twice, though connections break with calls under way.
func TestACounterGrowsExactlyOnceWhileANodeDies(t *testing.T) {
	nodes, stop := startCluster(3)
	defer stop()
	ctx := testContext(t)
	c := connectTo(t, nodes[0], nodes[1], nodes[2])
	const writers, counters, each = 8, 4, 100
	var done atomic.Int64
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for range each {
				if _, err := c.Increment(ctx, fmt.Sprint("n-", w%counters), 1); err != nil {
					t.Errorf("increment: %v", err)
					return
				}
				done.Add(1)
			}
		})
	}
	require.Eventually(t, func() bool { return done.Load() > writers*each/4 || t.Failed() }, time.Minute, time.Millisecond)
	nodes[2].kill(t)
	wg.Wait()
	for n := range counters {
		item, err := c.Get(ctx, fmt.Sprint("n-", n))
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(writers/counters*each), string(item.Value))
	}
}

// TestAWriteWhoseAnswerIsLostIsExecutedOnce: the node does it, but nobody hears of it until
// the call has been sent again.
func TestAWriteWhoseAnswerIsLostIsExecutedOnce(t *testing.T) {
	nodes, stop := startCluster(1)
	defer stop()
	ctx := testContext(t)
	c := connectTo(t, nodes[0])
	lost := &nodes[0].answersToLose
	lost.Store(2)
	version, err := c.Put(ctx, "k", []byte("7"), client.IfAbsent())
	require.NoError(t, err)
	require.Zero(t, lost.Load())
	lost.Store(2)
	_, err = c.Put(ctx, "k", []byte("8"), client.IfAbsent())
	require.ErrorIs(t, err, client.ErrConditionNotMet)
	lost.Store(1)
	sum, err := c.Increment(ctx, "k", 1)
	require.NoError(t, err)
	require.Equal(t, int64(8), sum)
	item, err := c.Get(ctx, "k")
	require.NoError(t, err)
	require.Equal(t, "8", string(item.Value))
	require.Equal(t, version+1, item.Version)
	lost.Store(1)
	steps := make([]client.Operation, 40)
	for i := range steps {
		steps[i] = client.IncrementOp(fmt.Sprint("n-", i), 1)
	}
	results, err := c.Batch(ctx, steps...)
	require.NoError(t, err)
	require.Len(t, results, len(steps))
	for i, r := range results {
		require.NoError(t, r.Err)
		require.Equal(t, int64(1), r.Sum, "step %d", i)
	}
	lost.Store(1)
	deleted, err := c.Delete(ctx, "k")
	require.NoError(t, err)
	require.True(t, deleted, "the first attempt deleted it")
}

// TestABatchIsSentAgainForTheStepsThatWereNotExecuted: those of a partition without a
// leader wait for one, and the others are not executed a second time.
func TestABatchIsSentAgainForTheStepsThatWereNotExecuted(t *testing.T) {
	nodes, stop := startCluster(3)
	defer stop()
	ctx := testContext(t)
	c := connectTo(t, nodes[0], nodes[1])
	steps := make([]client.Operation, 40)
	for i := range steps {
		steps[i] = client.IncrementOp(fmt.Sprint("n-", i), 1)
	}
	for round := range int64(3) {
		if round == 1 {
			nodes[2].kill(t)
		}
		results, err := c.Batch(ctx, steps...)
		require.NoError(t, err)
		for i, r := range results {
			require.NoError(t, r.Err)
			require.Equal(t, round+1, r.Sum, "step %d", i)
		}
	}
}

func TestAnIdempotencyKeyOfTheProgram(t *testing.T) {
	ctx := testContext(t)
	c, err := client.New(address)
	require.NoError(t, err)
	defer c.Close()
	for range 2 {
		sum, err := c.Increment(ctx, "by-key", 5, client.IdempotencyKey("i"))
		require.NoError(t, err)
		require.Equal(t, int64(5), sum)
		_, err = c.Put(ctx, "by-key-2", []byte("v"), client.IfAbsent(), client.IdempotencyKey("p"))
		require.NoError(t, err)
	}
	_, err = c.Increment(ctx, "by-key", 6, client.IdempotencyKey("i"))
	require.ErrorIs(t, err, client.ErrKeyReused)
	for range 2 {
		deleted, err := c.Delete(ctx, "by-key", client.IdempotencyKey("d"))
		require.NoError(t, err)
		require.True(t, deleted)
	}
	_, err = c.Batch(ctx, client.PutOp("by-key", nil, client.IdempotencyKey("b")))
	require.ErrorIs(t, err, client.ErrInvalid)
}

// TestAWriteThatNobodyAnsweredHasAnUnknownOutcome when its time is over. A read was not
// executed then.
func TestAWriteThatNobodyAnsweredHasAnUnknownOutcome(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	go func() { // takes what it gets and hangs up
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			buffer := make([]byte, 4096)
			_, _ = conn.Read(buffer)
			conn.Close()
		}
	}()
	c, err := client.New(l.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err = c.Put(ctx, "k", []byte("v"))
	require.ErrorIs(t, err, client.ErrOutcomeUnknown)
	require.ErrorIs(t, err, context.DeadlineExceeded)
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
	// When the time ends in the middle of an attempt nobody can say.
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		_, err := c.Put(ctx, "k", []byte("v"))
		return errors.Is(err, client.ErrUnavailable) && !errors.Is(err, client.ErrOutcomeUnknown)
	}, time.Minute, time.Millisecond)
}

func TestNewRefusesWhatIsNoAddress(t *testing.T) {
	_, err := client.New()
	require.ErrorContains(t, err, "no address")
	_, err = client.New("localhost")
	require.ErrorContains(t, err, "host:port")
}
