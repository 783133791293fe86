package rpc

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"

	kvv1 "github.com/ringkv/ringkv/api/kv/v1"
)

// requireFailure checks an error's code and reason and returns its detail.
func requireFailure(t *testing.T, err error, code connect.Code, reason kvv1.Reason) *kvv1.ErrorDetail {
	t.Helper()
	var e *connect.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, code, e.Code(), e.Message())
	d := detailOf(e)
	require.NotNil(t, d, e.Message())
	require.Equal(t, reason, d.Reason, e.Message())
	return d
}

func put(key, value string) *kvv1.PutRequest {
	return &kvv1.PutRequest{Key: []byte(key), Value: []byte(value)}
}

func get(key string) *kvv1.GetRequest { return &kvv1.GetRequest{Key: []byte(key)} }

// with changes a request and returns it.
func with[T any](r *T, change func(*T)) *T {
	change(r)
	return r
}

func TestWhatOneNodeAcknowledgedEveryOtherShowsAtOnce(t *testing.T) {
	seats, ctx := startCluster(t, 3, 8, 3), context.Background()
	for i := range 60 {
		key := "key-" + strconv.Itoa(i%20)
		written, err := seats[i%3].kv.Put(ctx, put(key, strconv.Itoa(i)))
		require.NoError(t, err)
		for _, s := range seats {
			got, err := s.kv.Get(ctx, get(key))
			require.NoError(t, err)
			require.Equal(t, strconv.Itoa(i), string(got.Item.Value))
			require.Equal(t, written.Version, got.Item.Version)
		}
	}
	size, err := seats[1].kv.Size(ctx, &kvv1.SizeRequest{})
	require.NoError(t, err)
	require.Equal(t, uint64(20), size.Keys)
}

func TestVersionsOutliveRestartsOfAllNodes(t *testing.T) {
	seats, ctx := startCluster(t, 3, 2, 3), context.Background()
	written, err := seats[0].kv.Put(ctx, put("k", "v"))
	require.NoError(t, err)
	for _, s := range seats {
		s.stop()
	}
	for _, s := range seats {
		s.start()
	}
	got, err := seats[2].kv.Get(ctx, get("k"))
	require.NoError(t, err)
	require.Equal(t, written.Version, got.Item.Version)
	_, err = seats[1].kv.Put(ctx, with(put("k", "w"), func(r *kvv1.PutRequest) { r.IfVersion = &written.Version }))
	require.NoError(t, err)
}

func TestOfManyWhoPutIfTheVersionIsTheSameOneWins(t *testing.T) {
	seats, ctx := startCluster(t, 3, 4, 3), context.Background()
	first, err := seats[0].kv.Put(ctx, put("k", "start"))
	require.NoError(t, err)
	version := first.Version
	for round := range 10 {
		var wg sync.WaitGroup
		var mu sync.Mutex
		var winners []uint64
		for i := range 12 {
			wg.Go(func() {
				r, err := seats[i%3].kv.Put(ctx, with(put("k", strconv.Itoa(i)), func(r *kvv1.PutRequest) { r.IfVersion = &version }))
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					winners = append(winners, r.Version)
					return
				}
				d := requireFailure(t, err, connect.CodeFailedPrecondition, kvv1.Reason_REASON_CONDITION_NOT_MET)
				require.Greater(t, d.CurrentVersion, version)
			})
		}
		wg.Wait()
		require.Len(t, winners, 1, "round %d", round)
		version = winners[0]
	}
}

func TestConditionsOfWrites(t *testing.T) {
	s, ctx := startCluster(t, 1, 2, 1)[0], context.Background()
	absent := func(r *kvv1.PutRequest) { r.IfAbsent = true }
	first, err := s.kv.Put(ctx, with(put("k", "1"), absent))
	require.NoError(t, err)
	_, err = s.kv.Put(ctx, with(put("k", "2"), absent))
	require.Equal(t, first.Version, requireFailure(t, err, connect.CodeFailedPrecondition, kvv1.Reason_REASON_CONDITION_NOT_MET).CurrentVersion)

	second, err := s.kv.Put(ctx, with(put("k", "2"), func(r *kvv1.PutRequest) { r.ReturnPrevious = true }))
	require.NoError(t, err)
	require.Equal(t, "1", string(second.Previous.Value))
	require.Equal(t, first.Version, second.Previous.Version)

	_, err = s.kv.Delete(ctx, &kvv1.DeleteRequest{Key: []byte("k"), IfVersion: &first.Version})
	requireFailure(t, err, connect.CodeFailedPrecondition, kvv1.Reason_REASON_CONDITION_NOT_MET)
	gone, err := s.kv.Delete(ctx, &kvv1.DeleteRequest{Key: []byte("k"), IfVersion: &second.Version, ReturnPrevious: true})
	require.NoError(t, err)
	require.True(t, gone.Deleted)
	require.Equal(t, "2", string(gone.Previous.Value))
	_, err = s.kv.Delete(ctx, &kvv1.DeleteRequest{Key: []byte("k"), IfVersion: &second.Version})
	require.Zero(t, requireFailure(t, err, connect.CodeFailedPrecondition, kvv1.Reason_REASON_CONDITION_NOT_MET).CurrentVersion)
	again, err := s.kv.Delete(ctx, &kvv1.DeleteRequest{Key: []byte("k")})
	require.NoError(t, err)
	require.False(t, again.Deleted)
	_, err = s.kv.Get(ctx, get("k"))
	requireFailure(t, err, connect.CodeNotFound, kvv1.Reason_REASON_KEY_NOT_FOUND)

	third, err := s.kv.Put(ctx, put("k", "3"))
	require.NoError(t, err)
	require.Greater(t, third.Version, second.Version, "a version must not come back")
}

func TestAKeyWithATTLIsGoneAfterIt(t *testing.T) {
	s, ctx := startCluster(t, 1, 2, 1)[0], context.Background()
	putFor := func(ttl time.Duration) {
		_, err := s.kv.Put(ctx, with(put("k", "v"), func(r *kvv1.PutRequest) { r.Ttl = durationpb.New(ttl) }))
		require.NoError(t, err)
	}
	before := time.Now()
	putFor(time.Hour)
	got, err := s.kv.Get(ctx, get("k"))
	require.NoError(t, err)
	require.WithinRange(t, got.Item.ExpireTime.AsTime(), before.Add(time.Hour-time.Millisecond), time.Now().Add(time.Hour+time.Millisecond))
	_, err = s.kv.Put(ctx, with(put("k", "w"), func(r *kvv1.PutRequest) { r.KeepTtl = true }))
	require.NoError(t, err)
	kept, err := s.kv.Get(ctx, get("k"))
	require.NoError(t, err)
	require.Equal(t, got.Item.ExpireTime.AsTime(), kept.Item.ExpireTime.AsTime())
	const short = 300 * time.Millisecond
	before = time.Now()
	putFor(short)
	require.Eventually(t, func() bool {
		_, err := s.kv.Get(ctx, get("k"))
		return connect.CodeOf(err) == connect.CodeNotFound
	}, time.Minute, 10*time.Millisecond)
	require.GreaterOrEqual(t, time.Since(before), short-time.Millisecond)
}

func TestIncrementSaysWhenItCannot(t *testing.T) {
	s, ctx := startCluster(t, 1, 2, 1)[0], context.Background()
	add := func(delta int64) (*kvv1.IncrementResponse, error) {
		return s.kv.Increment(ctx, &kvv1.IncrementRequest{Key: []byte("n"), Delta: &delta})
	}
	one, err := s.kv.Increment(ctx, &kvv1.IncrementRequest{Key: []byte("n")})
	require.NoError(t, err)
	require.Equal(t, int64(1), one.Value)
	most, err := add(math.MaxInt64 - 1)
	require.NoError(t, err)
	require.Equal(t, int64(math.MaxInt64), most.Value)
	_, err = add(1)
	requireFailure(t, err, connect.CodeOutOfRange, kvv1.Reason_REASON_OVERFLOW)
	got, err := s.kv.Get(ctx, get("n"))
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(math.MaxInt64), string(got.Item.Value))
	require.Equal(t, most.Version, got.Item.Version)
	_, err = s.kv.Put(ctx, put("n", "1.5"))
	require.NoError(t, err)
	_, err = add(1)
	requireFailure(t, err, connect.CodeFailedPrecondition, kvv1.Reason_REASON_NOT_AN_INTEGER)
}

func TestAnAtomicBatchHappensAsAWholeOrNotAtAll(t *testing.T) {
	seats, ctx := startCluster(t, 3, 8, 3), context.Background()
	s := seats[1]
	putOf := func(r *kvv1.PutRequest) *kvv1.Operation {
		return &kvv1.Operation{Operation: &kvv1.Operation_Put{Put: r}}
	}
	getOf := func(key string) *kvv1.Operation {
		return &kvv1.Operation{Operation: &kvv1.Operation_Get{Get: get(key)}}
	}
	incrementOf := func(key string) *kvv1.Operation {
		return &kvv1.Operation{Operation: &kvv1.Operation_Increment{Increment: &kvv1.IncrementRequest{Key: []byte(key)}}}
	}
	done, err := s.kv.Batch(ctx, &kvv1.BatchRequest{Atomic: true, Operations: []*kvv1.Operation{
		putOf(put("{t}a", "7")), incrementOf("{t}a"), getOf("{t}a"), getOf("{t}none"),
	}})
	require.NoError(t, err)
	require.True(t, done.Atomic)
	require.Equal(t, int64(8), done.Results[1].GetIncrement().Value)
	require.Equal(t, "8", string(done.Results[2].GetGet().Item.Value))
	require.Nil(t, done.Results[3].GetGet().Item)

	// The last condition fails because of what the batch itself would do.
	_, err = s.kv.Batch(ctx, &kvv1.BatchRequest{Atomic: true, Operations: []*kvv1.Operation{
		putOf(put("{t}a", "x")), putOf(put("{t}b", "y")), putOf(with(put("{t}b", "z"), func(r *kvv1.PutRequest) { r.IfAbsent = true })),
	}})
	require.Equal(t, uint32(2), requireFailure(t, err, connect.CodeFailedPrecondition, kvv1.Reason_REASON_CONDITION_NOT_MET).Operation)
	got, err := s.kv.Get(ctx, get("{t}a"))
	require.NoError(t, err)
	require.Equal(t, "8", string(got.Item.Value))
	_, err = s.kv.Get(ctx, get("{t}b"))
	requireFailure(t, err, connect.CodeNotFound, kvv1.Reason_REASON_KEY_NOT_FOUND)

	_, err = s.kv.Batch(ctx, &kvv1.BatchRequest{Atomic: true, Operations: []*kvv1.Operation{putOf(put("a", "1")), putOf(put("b", "2"))}})
	requireFailure(t, err, connect.CodeInvalidArgument, kvv1.Reason_REASON_INVALID)

	var ops []*kvv1.Operation
	for i := range 40 {
		ops = append(ops, putOf(put(fmt.Sprintf("key-%d", i), "v")))
	}
	ops = append(ops, incrementOf("key-0"))
	each, err := s.kv.Batch(ctx, &kvv1.BatchRequest{Operations: ops})
	require.NoError(t, err)
	require.False(t, each.Atomic)
	for i := range 40 {
		require.NotZero(t, each.Results[i].GetPut().GetVersion(), i)
	}
	failed := each.Results[40].GetError()
	require.Equal(t, "failed_precondition", failed.GetCode())
	require.Equal(t, kvv1.Reason_REASON_NOT_AN_INTEGER, failed.GetDetail().GetReason())
}

// TestADumpShowsEveryKeyOnceAlsoInPages: whatever the page, and whoever answers.
func TestADumpShowsEveryKeyOnceAlsoInPages(t *testing.T) {
	seats, ctx := startCluster(t, 3, 8, 2), context.Background()
	want := map[string]string{}
	var ops []*kvv1.Operation
	for i := range 3000 {
		key := fmt.Sprintf("p/%d", i)
		want[key] = strconv.Itoa(i)
		ops = append(ops, &kvv1.Operation{Operation: &kvv1.Operation_Put{Put: put(key, want[key])}})
	}
	ops = append(ops, &kvv1.Operation{Operation: &kvv1.Operation_Put{Put: put("other", "x")}})
	_, err := seats[0].kv.Batch(ctx, &kvv1.BatchRequest{Operations: ops})
	require.NoError(t, err)
	for i := range 3 { // too long to come along with others
		key := fmt.Sprintf("p/long-%d", i)
		want[key] = strings.Repeat(strconv.Itoa(i), dumpBytes+1)
		_, err := seats[1].kv.Put(ctx, put(key, want[key]))
		require.NoError(t, err)
	}
	seen := map[string]string{}
	var token []byte
	for page := 0; ; page++ {
		stream, err := seats[page%3].kv.Dump(ctx, &kvv1.DumpRequest{Prefix: []byte("p/"), PageToken: token, Limit: 500})
		require.NoError(t, err)
		for stream.Receive() {
			for _, item := range stream.Msg().Items {
				require.NotContains(t, seen, string(item.Key))
				require.NotZero(t, item.Version)
				seen[string(item.Key)] = string(item.Value)
			}
			token = stream.Msg().PageToken
		}
		require.NoError(t, stream.Err())
		require.NoError(t, stream.Close())
		if len(token) == 0 {
			require.Greater(t, page, 1, "the limit must end a page")
			break
		}
	}
	require.Equal(t, len(want), len(seen))
	for key, value := range want {
		require.True(t, seen[key] == value, key)
	}
	keys := 0
	stream, err := seats[2].kv.Scan(ctx, &kvv1.ScanRequest{})
	require.NoError(t, err)
	for stream.Receive() {
		for _, item := range stream.Msg().Items {
			require.Empty(t, item.Value)
			keys++
		}
	}
	require.NoError(t, stream.Err())
	require.NoError(t, stream.Close())
	require.Equal(t, len(want)+1, keys)
}

func TestClusterSaysWhoLeadsEachPartition(t *testing.T) {
	seats := startCluster(t, 3, 8, 2)
	c, err := seats[0].kv.Cluster(context.Background(), &kvv1.ClusterRequest{})
	require.NoError(t, err)
	require.Len(t, c.Members, 3)
	require.Len(t, c.Partitions, 8)
	require.Equal(t, string(seats[0].node.ID()), c.NodeId)
	next := uint32(0)
	for _, p := range c.Partitions {
		require.Equal(t, next, p.FirstSlot)
		require.Contains(t, p.Voters, p.Leader)
		require.Len(t, p.Preferred, 2)
		next = p.LastSlot + 1
	}
	require.Equal(t, uint32(slots), next)
}

func TestWithoutAQuorumAWriteIsRefusedWithinTheClientsDeadline(t *testing.T) {
	seats := startCluster(t, 3, 1, 3)
	seats[1].stop()
	seats[2].stop()
	leaderless := func() bool {
		placement, _ := seats[0].node.Placement()
		return placement.Leaders[0].Leader.Node == ""
	}
	require.Eventually(t, leaderless, time.Minute, 10*time.Millisecond)
	// The answer comes a moment before the deadline: on a busy machine that can be too late.
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		_, err := seats[0].kv.Put(ctx, put("k", "v"))
		var e *connect.Error
		return errors.As(err, &e) && e.Code() == connect.CodeUnavailable && detailOf(e).GetReason() == kvv1.Reason_REASON_NOT_EXECUTED
	}, time.Minute, time.Millisecond)
}

func TestBadRequestsAreToldWhatIsWrong(t *testing.T) {
	s, ctx := startCluster(t, 1, 2, 1)[0], context.Background()
	version := uint64(1)
	long := strings.Repeat("k", MaxKeyBytes+1)
	for name, err := range map[string]error{
		"bytes": second(s.kv.Get(ctx, get(long))),
		"exclude": second(s.kv.Put(ctx, with(put("k", ""), func(r *kvv1.PutRequest) {
			r.IfAbsent, r.IfVersion = true, &version
		}))),
		"millisecond": second(s.kv.Put(ctx, with(put("k", ""), func(r *kvv1.PutRequest) { r.Ttl = durationpb.New(0) }))),
		"keep_ttl": second(s.kv.Put(ctx, with(put("k", ""), func(r *kvv1.PutRequest) {
			r.KeepTtl, r.Ttl = true, durationpb.New(time.Second)
		}))),
		"0 operations": second(s.kv.Batch(ctx, &kvv1.BatchRequest{})),
		"operation 0":  second(s.kv.Batch(ctx, &kvv1.BatchRequest{Operations: []*kvv1.Operation{{}}})),
	} {
		requireFailure(t, err, connect.CodeInvalidArgument, kvv1.Reason_REASON_INVALID)
		require.ErrorContains(t, err, name)
	}
	for want, r := range map[string]*kvv1.ScanRequest{
		"page_token is none":   {PageToken: []byte("nonsense")},
		"another prefix":       {PageToken: pageToken([]byte("a"), 5)},
		"invalid cursor":       {PageToken: pageToken(nil, math.MaxUint64)},
		"a key has up to 6553": {Prefix: []byte(long)},
	} {
		stream, err := s.kv.Scan(ctx, r)
		require.NoError(t, err)
		require.False(t, stream.Receive())
		requireFailure(t, stream.Err(), connect.CodeInvalidArgument, kvv1.Reason_REASON_INVALID)
		require.ErrorContains(t, stream.Err(), want)
		require.NoError(t, errors.Join(stream.Close()))
	}
}

func second[T any](_ T, err error) error { return err }
