package rpc

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	kvv1 "github.com/ringkv/ringkv/api/kv/v1"
)

// TestAWriteWithAnIdempotencyKeyIsAnsweredAgain: whoever is asked, and refusals as well.
func TestAWriteWithAnIdempotencyKeyIsAnsweredAgain(t *testing.T) {
	seats, ctx := startCluster(t, 3, 4, 3), context.Background()
	k, once := []byte("k"), "3f0a"
	var version, sum uint64
	for i, s := range seats {
		first := i == 0
		written, err := s.kv.Put(ctx, &kvv1.PutRequest{Key: k, Value: []byte("7"), IfAbsent: true, IdempotencyKey: "put"})
		require.NoError(t, err)
		refused, err := s.kv.Put(ctx, &kvv1.PutRequest{Key: k, IfVersion: new(uint64(999)), IdempotencyKey: "refused"})
		require.Nil(t, refused)
		d := requireFailure(t, err, connect.CodeFailedPrecondition, kvv1.Reason_REASON_CONDITION_NOT_MET)
		added, err := s.kv.Increment(ctx, &kvv1.IncrementRequest{Key: k, IdempotencyKey: once})
		require.NoError(t, err)
		require.Equal(t, int64(8), added.Value)
		if first {
			version, sum = written.Version, added.Version
		}
		require.Equal(t, version, written.Version)
		require.Equal(t, version, d.CurrentVersion)
		require.Equal(t, sum, added.Version)
	}
	for i, s := range seats {
		gone, err := s.kv.Delete(ctx, &kvv1.DeleteRequest{Key: k, ReturnPrevious: true, IdempotencyKey: "delete"})
		require.NoError(t, err)
		require.True(t, gone.Deleted, i)
		require.Equal(t, "8", string(gone.Previous.Value))
	}
	again, err := seats[1].kv.Put(ctx, &kvv1.PutRequest{Key: k, Value: []byte("7"), IfAbsent: true, IdempotencyKey: "put"})
	require.NoError(t, err)
	require.Equal(t, version, again.Version)
	_, err = seats[2].kv.Get(ctx, get("k"))
	requireFailure(t, err, connect.CodeNotFound, kvv1.Reason_REASON_KEY_NOT_FOUND)

	_, err = seats[2].kv.Put(ctx, &kvv1.PutRequest{Key: k, Value: []byte("other"), IdempotencyKey: "put"})
	requireFailure(t, err, connect.CodeInvalidArgument, kvv1.Reason_REASON_KEY_REUSED)
	size, err := seats[0].kv.Size(ctx, &kvv1.SizeRequest{})
	require.NoError(t, err)
	require.Zero(t, size.Keys, "what is remembered is no key")
}

// TestAnIdempotencyKeyOfABatchCoversEachOfItsOperations, in all partitions.
func TestAnIdempotencyKeyOfABatchCoversEachOfItsOperations(t *testing.T) {
	seats, ctx := startCluster(t, 3, 8, 3), context.Background()
	batch := &kvv1.BatchRequest{IdempotencyKey: "b"}
	for i := range 30 {
		batch.Operations = append(batch.Operations, &kvv1.Operation{Operation: &kvv1.Operation_Increment{
			Increment: &kvv1.IncrementRequest{Key: fmt.Appendf(nil, "key-%d", i%20)}, // some twice
		}})
	}
	first, err := seats[0].kv.Batch(ctx, batch)
	require.NoError(t, err)
	require.Equal(t, int64(2), first.Results[20].GetIncrement().GetValue())
	again, err := seats[1].kv.Batch(ctx, batch)
	require.NoError(t, err)
	for i := range first.Results {
		require.Equal(t, first.Results[i].GetIncrement().GetVersion(), again.Results[i].GetIncrement().GetVersion(), i)
		require.Equal(t, first.Results[i].GetIncrement().GetValue(), again.Results[i].GetIncrement().GetValue(), i)
	}
	batch.Operations[3].GetIncrement().Delta = new(int64(2))
	other, err := seats[2].kv.Batch(ctx, batch)
	require.NoError(t, err)
	for i, r := range other.Results {
		require.Equal(t, kvv1.Reason_REASON_KEY_REUSED, r.GetError().GetDetail().GetReason(), i)
	}
	batch.Operations[3].GetIncrement().IdempotencyKey = "x"
	_, err = seats[2].kv.Batch(ctx, batch)
	requireFailure(t, err, connect.CodeInvalidArgument, kvv1.Reason_REASON_INVALID)
	require.ErrorContains(t, err, "operation 3")
}

func TestAnIdempotencyKeyInAHeader(t *testing.T) {
	s, ctx := startCluster(t, 1, 2, 1)[0], context.Background()
	first, body := s.http("PUT", "/v1/keys/k", "v", "Idempotency-Key: abc")
	require.Equal(t, http.StatusOK, first.StatusCode, body)
	again, body := s.http("PUT", "/v1/keys/k", "v", `Idempotency-Key: "abc"`)
	require.Equal(t, http.StatusOK, again.StatusCode, body)
	require.Equal(t, first.Header.Get("ETag"), again.Header.Get("ETag"))
	other, body := s.http("PUT", "/v1/keys/k", "w", "Idempotency-Key: abc")
	require.Equal(t, http.StatusUnprocessableEntity, other.StatusCode)
	require.Contains(t, body, `"reason":"KEY_REUSED"`)

	for range 2 {
		_, body = s.http("POST", "/v1/keys/n?add=5", "", `Idempotency-Key: "a \"quoted\" \\ key"`)
		require.Contains(t, body, `"value":"5"`)
		_, body = s.http("POST", "/kv.v1.KV/Increment", `{"key":"bQ=="}`, "Content-Type: application/json", "Idempotency-Key: m-1")
		require.Contains(t, body, `"value":"1"`)
	}
	for range 2 {
		_, body = s.http("DELETE", "/v1/keys/n", "", "Idempotency-Key: n-1")
		require.JSONEq(t, `{"deleted":true}`, body)
	}
	conn, err := grpc.NewClient(s.api, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer conn.Close()
	for range 2 {
		var added kvv1.IncrementResponse
		require.NoError(t, conn.Invoke(metadata.AppendToOutgoingContext(ctx, "idempotency-key", "g-1"), "/kv.v1.KV/Increment",
			&kvv1.IncrementRequest{Key: []byte("g")}, &added))
		require.Equal(t, int64(1), added.Value)
	}

	for _, bad := range []string{`"open`, `"a"b`, `"a\b"`, "é", `""`, "", strings.Repeat("x", MaxIdempotencyKeyBytes+1)} {
		for method, path := range map[string]string{"PUT": "/v1/keys/k", "DELETE": "/v1/keys/k", "POST": "/v1/keys/k?add=1"} {
			resp, body := s.http(method, path, "1", "Idempotency-Key: "+bad)
			require.Equal(t, http.StatusBadRequest, resp.StatusCode, "%s %q: %s", method, bad, body)
		}
	}
	resp, body := s.http("POST", "/kv.v1.KV/Increment", `{"key":"bQ==","idempotencyKey":"x"}`, "Content-Type: application/json", "Idempotency-Key: y")
	require.Equal(t, http.StatusBadRequest, resp.StatusCode)
	require.Contains(t, body, "give one")
}

// TestACounterGrowsExactlyOnceWhileLeadersDie: writers repeat an Increment, at any node,
// until one answers it. Meanwhile leaders are killed and come back, from snapshots and the
// log. No increment is lost and none is executed twice, and when everything has been
// restarted every request is still answered as it was.
func TestACounterGrowsExactlyOnceWhileLeadersDie(t *testing.T) {
	seats := startCluster(t, 3, 1, 3)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	placement, _ := seats[0].node.Placement()
	m := placement.Map.Clone()
	m.Revision++
	m.Settings.CompactionOperations = 25
	for _, s := range seats {
		require.NoError(t, s.node.PublishMap(ctx, m))
	}
	// repeat sends a request until it is answered, and once more.
	repeat := func(request *kvv1.IncrementRequest, from int) *kvv1.IncrementResponse {
		var answer *kvv1.IncrementResponse
		for n := from; ; n++ {
			attempt, done := context.WithTimeout(ctx, 5*time.Second)
			response, err := seats[n%3].kv.Increment(attempt, request)
			done()
			switch {
			case ctx.Err() != nil:
				t.Error("no node answers")
				return nil
			case err != nil:
				continue
			case answer == nil:
				answer = response
			default:
				if answer.Value != response.Value || answer.Version != response.Version {
					t.Errorf("%s was answered %d, and then %d", request.IdempotencyKey, answer.Value, response.Value)
				}
				return answer
			}
		}
	}
	const writers = 4
	var answers [writers][]*kvv1.IncrementResponse
	var wg sync.WaitGroup
	var stop atomic.Bool
	var answered atomic.Int64
	request := func(w, i int) *kvv1.IncrementRequest {
		return &kvv1.IncrementRequest{Key: []byte("n"), IdempotencyKey: fmt.Sprintf("%d-%d", w, i)}
	}
	for w := range writers {
		wg.Go(func() {
			for i := 0; !stop.Load() && ctx.Err() == nil; i++ {
				answers[w] = append(answers[w], repeat(request(w, i), w+i))
				answered.Add(1)
			}
		})
	}
	for range 3 {
		goOn := answered.Load() + 30
		require.Eventually(t, func() bool { return answered.Load() >= goOn }, 2*time.Minute, time.Millisecond)
		leader := leaderOf(t, seats)
		leader.stop()
		goOn = answered.Load() + 30
		require.Eventually(t, func() bool { return answered.Load() >= goOn }, 2*time.Minute, time.Millisecond, "the others go on")
		leader.start()
	}
	stop.Store(true)
	wg.Wait()
	for _, s := range seats {
		s.stop()
	}
	for _, s := range seats {
		s.start()
	}
	seen := map[int64]bool{}
	for w := range writers {
		for i, want := range answers[w] {
			require.NotNil(t, want)
			require.False(t, seen[want.Value], "two requests were answered %d", want.Value)
			seen[want.Value] = true
			if i%20 == 0 {
				require.Equal(t, want.Value, repeat(request(w, i), i).Value)
			}
		}
	}
	total := repeat(&kvv1.IncrementRequest{Key: []byte("n"), Delta: new(int64(0)), IdempotencyKey: "total"}, 0)
	require.Equal(t, int64(len(seen)), total.Value)
}

// leaderOf returns the seat that leads partition 0.
func leaderOf(t *testing.T, seats []*seat) *seat {
	var leader *seat
	require.Eventually(t, func() bool {
		for _, s := range seats {
			if p, ok := s.node.Placement(); ok && p.Leaders[0].Leader.Node == s.node.ID() {
				leader = s
			}
		}
		return leader != nil
	}, time.Minute, 10*time.Millisecond)
	return leader
}
