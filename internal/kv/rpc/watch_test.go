package rpc

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"

	kvv1 "github.com/ringkv/ringkv/api/kv/v1"
	"github.com/ringkv/ringkv/internal/kv/cluster"
)

func watchKey(key string) *kvv1.WatchRequest {
	return &kvv1.WatchRequest{Target: &kvv1.WatchRequest_Key{Key: []byte(key)}}
}

func watchPrefix(prefix string) *kvv1.WatchRequest {
	return &kvv1.WatchRequest{Target: &kvv1.WatchRequest_Prefix{Prefix: []byte(prefix)}}
}

// watcher reads a watch.
type watcher struct {
	t      *testing.T
	stream *connect.ServerStreamForClient[kvv1.WatchResponse]
	events []*kvv1.Event
	token  []byte
}

// watch begins a watch; it has begun when it returns.
func (s *seat) watch(r *kvv1.WatchRequest) *watcher {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	s.t.Cleanup(cancel)
	stream, err := s.kv.Watch(ctx, r)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { stream.Close() })
	w := &watcher{t: s.t, stream: stream}
	w.receive()
	return w
}

func (w *watcher) receive() {
	w.t.Helper()
	require.True(w.t, w.stream.Receive(), "%v", w.stream.Err())
	w.events = append(w.events, w.stream.Msg().Events...)
	w.token = w.stream.Msg().ResumeToken
}

// next returns the next n events.
func (w *watcher) next(n int) []*kvv1.Event {
	w.t.Helper()
	for len(w.events) < n {
		w.receive()
	}
	out := w.events[:n]
	w.events = w.events[n:]
	return out
}

func TestAWatchShowsWhatHappensToAKey(t *testing.T) {
	seats, ctx := startCluster(t, 3, 4, 2), context.Background()
	for i, s := range seats { // some hold the key's partition, some do not
		key := fmt.Sprint("k", i)
		w := s.watch(watchKey(key))
		first, err := seats[0].kv.Put(ctx, put(key, "1"))
		require.NoError(t, err)
		_, err = seats[1].kv.Put(ctx, put(key+"x", "another key"))
		require.NoError(t, err)
		_, err = seats[2].kv.Delete(ctx, &kvv1.DeleteRequest{Key: []byte(key)})
		require.NoError(t, err)
		_, err = s.kv.Put(ctx, with(put(key, "2"), func(r *kvv1.PutRequest) { r.Ttl = durationpb.New(50 * time.Millisecond) }))
		require.NoError(t, err)
		events := w.next(4)
		require.Equal(t, "1", string(events[0].Item.Value))
		require.Equal(t, first.Version, events[0].Item.Version)
		require.Equal(t, kvv1.Event_KIND_DELETE, events[1].Kind)
		require.Equal(t, kvv1.Event_KIND_PUT, events[2].Kind)
		require.NotNil(t, events[2].Item.ExpireTime)
		require.Equal(t, kvv1.Event_KIND_EXPIRE, events[3].Kind)

		again := s.watch(with(watchKey(key), func(r *kvv1.WatchRequest) {
			r.Start = &kvv1.WatchRequest_AfterVersion{AfterVersion: first.Version}
		}))
		require.Equal(t, events[1].Revision, again.next(1)[0].Revision)
	}
}

// TestAWatchHasNoGapAndNothingTwiceWhileLeadersChange: also when it is given up and goes
// on through another node with its token.
func TestAWatchHasNoGapAndNothingTwiceWhileLeadersChange(t *testing.T) {
	seats, ctx := startCluster(t, 3, 2, 3), context.Background()
	w := seats[0].watch(watchPrefix(""))
	const writes = 300
	before := terms(seats[0])
	done := make(chan error, 1)
	go func() {
		for i := range writes {
			ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
			_, err := seats[i%2].kv.Put(ctx, put(fmt.Sprint("key-", i%7), strconv.Itoa(i)))
			cancel()
			if err != nil && connect.CodeOf(err) != connect.CodeAborted {
				done <- err
				return
			}
			if i%40 == 20 {
				handOver(seats)
			}
		}
		done <- nil
	}()
	last := map[uint32]uint64{}
	values := map[string]int{}
	check := func(events []*kvv1.Event) {
		for _, e := range events {
			if before, seen := last[e.Partition]; seen {
				require.Equal(t, before+1, e.Revision, "partition %d", e.Partition)
			}
			last[e.Partition] = e.Revision
			n, err := strconv.Atoi(string(e.Item.Value))
			require.NoError(t, err)
			values[string(e.Item.Key)] = n
		}
	}
	for round := 0; ; round++ {
		w.receive()
		check(w.next(len(w.events)))
		if round%20 == 19 {
			token := w.token
			require.NoError(t, w.stream.Close())
			w = seats[round/20%3].watch(with(watchPrefix(""), func(r *kvv1.WatchRequest) {
				r.Start = &kvv1.WatchRequest_ResumeToken{ResumeToken: token}
			}))
			check(w.next(len(w.events)))
		}
		if values[fmt.Sprint("key-", (writes-1)%7)] == writes-1 {
			break
		}
	}
	require.NoError(t, <-done)
	require.Greater(t, terms(seats[0]), before+2, "no leadership was handed over: nothing was shown")
	for key := range values {
		got, err := seats[1].kv.Get(ctx, get(key))
		require.NoError(t, err)
		require.Equal(t, string(got.Item.Value), strconv.Itoa(values[key]))
	}
}

// terms returns the sum of the terms that a node knows.
func terms(s *seat) (sum uint64) {
	placement, _ := s.node.Placement()
	for _, l := range placement.Leaders {
		sum += l.Term
	}
	return sum
}

// handOver gives partitions other leaders: at least one, if that is possible.
func handOver(seats []*seat) {
	before, end := terms(seats[0]), time.Now().Add(time.Minute)
	for terms(seats[0]) == before && time.Now().Before(end) {
		// Refused while the other one is not known to have caught up.
		transferAll(seats)
		time.Sleep(10 * time.Millisecond) // between two looks
	}
}

// transferAll starts to give every partition another leader.
func transferAll(seats []*seat) {
	for _, s := range seats {
		status, err := s.node.Status(context.Background())
		if err != nil {
			continue
		}
		placement, _ := s.node.Placement()
		for _, r := range status.Replicas {
			if r.Role != cluster.RoleLeader {
				continue
			}
			for _, v := range r.Config.Voters {
				if v.ID != r.ID {
					_ = s.node.TransferLeader(context.Background(), cluster.TransferLeader{
						ClusterID: placement.Map.ClusterID, Partition: r.Partition, To: v.ID,
					})
					break
				}
			}
		}
	}
}

func TestAWatchOfWhatIsNotKeptAnyMoreSaysSo(t *testing.T) {
	s, ctx := startCluster(t, 1, 1, 1)[0], context.Background()
	first, err := s.kv.Put(ctx, put("k", "1"))
	require.NoError(t, err)
	for range 30 {
		_, err := s.kv.Put(ctx, put("k", strings.Repeat("x", 20<<10)))
		require.NoError(t, err)
	}
	w := s.watch(with(watchKey("k"), func(r *kvv1.WatchRequest) {
		r.Start = &kvv1.WatchRequest_AfterVersion{AfterVersion: first.Version}
	}))
	require.False(t, w.stream.Receive())
	d := requireFailure(t, w.stream.Err(), connect.CodeOutOfRange, kvv1.Reason_REASON_COMPACTED)
	require.Greater(t, d.OldestRevision, first.Version+1)

	again := s.watch(with(watchKey("k"), func(r *kvv1.WatchRequest) {
		r.Start = &kvv1.WatchRequest_AfterVersion{AfterVersion: d.OldestRevision - 1}
	}))
	require.Equal(t, d.OldestRevision, again.next(1)[0].Revision)
	_, err = s.kv.Put(ctx, put("k", strings.Repeat("x", 200<<10)))
	require.NoError(t, err)
	for e := again.next(1)[0]; !e.ValueOmitted; e = again.next(1)[0] {
		require.NotEmpty(t, e.Item.Value)
	}
}

// TestAWatchOfAQuietKeyKeepsItsPlaceInABusyPartition: more happens to other keys than is
// kept for watches.
func TestAWatchOfAQuietKeyKeepsItsPlaceInABusyPartition(t *testing.T) {
	s, ctx := startCluster(t, 1, 1, 1)[0], context.Background()
	key := s.watch(watchKey("quiet"))
	prefix := s.watch(watchPrefix("qui"))
	for range 2 {
		for range 30 {
			_, err := s.kv.Put(ctx, put("busy", strings.Repeat("x", 20<<10)))
			require.NoError(t, err)
		}
		written, err := s.kv.Put(ctx, put("quiet", "v"))
		require.NoError(t, err)
		require.Equal(t, written.Version, key.next(1)[0].Revision)
		require.Equal(t, written.Version, prefix.next(1)[0].Revision)
	}
}

// TestAWatchHasNoGapWhileItsPartitionMoves, from node to node, each of which gets it as a
// snapshot and a log; the one that held it before forgets it. Writes go on at every step.
func TestAWatchHasNoGapWhileItsPartitionMoves(t *testing.T) {
	seats := startCluster(t, 3, 1, 1)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	w := seats[1].watch(watchPrefix(""))
	writes, revision := 0, uint64(0)
	write := func(n int) {
		t.Helper()
		for range n {
			written, err := seats[writes%3].kv.Put(ctx, put(fmt.Sprint("key-", writes%7), strconv.Itoa(writes)))
			require.NoError(t, err)
			e := w.next(1)[0]
			require.Equal(t, strconv.Itoa(writes), string(e.Item.Value))
			require.Equal(t, written.Version, e.Revision)
			require.Equal(t, revision+1, e.Revision)
			writes, revision = writes+1, e.Revision
		}
	}
	write(20)
	for _, to := range []int{1, 2, 0} {
		from := leaderOf(t, seats)
		old := replicaOf(t, from)
		target, id := seats[to], old.Config.NextReplicaID
		clusterID := clusterIDOf(from)
		require.NoError(t, target.node.CreateReplica(ctx, cluster.CreateReplica{ClusterID: clusterID, ID: id}))
		change := func(c cluster.ChangeConfig) {
			c.ClusterID, c.ExpectedIndex = clusterID, replicaOf(t, from).Config.Index
			require.NoError(t, from.node.ChangeConfig(ctx, c))
		}
		change(cluster.ChangeConfig{AddLearners: []cluster.Replica{{ID: id, Node: target.node.ID()}}})
		write(20)
		require.Eventually(t, func() bool {
			leader := replicaOf(t, from)
			for _, p := range leader.Progress {
				if p.ID == id && p.Match >= leader.CommitIndex {
					return true
				}
			}
			return false
		}, time.Minute, 10*time.Millisecond, "the new replica catches up")
		change(cluster.ChangeConfig{Promote: []uint64{id}})
		write(20)
		require.Eventually(t, func() bool {
			_ = from.node.TransferLeader(ctx, cluster.TransferLeader{ClusterID: clusterID, To: id})
			placement, _ := target.node.Placement()
			return placement.Leaders[0].Leader.Node == target.node.ID()
		}, time.Minute, 50*time.Millisecond)
		write(20)
		require.Eventually(t, func() bool {
			config := replicaOf(t, target).Config
			_ = target.node.ChangeConfig(ctx, cluster.ChangeConfig{ClusterID: clusterID, ExpectedIndex: config.Index, Remove: []uint64{old.ID}})
			return len(config.Voters) == 1
		}, time.Minute, 50*time.Millisecond)
		require.NoError(t, from.node.RemoveReplica(ctx, cluster.RemoveReplica{ClusterID: clusterID, ID: old.ID}))
		write(20)
	}
}

// replicaOf returns the status of a node's replica of partition 0.
func replicaOf(t *testing.T, s *seat) cluster.ReplicaStatus {
	status, err := s.node.Status(context.Background())
	require.NoError(t, err)
	require.Len(t, status.Replicas, 1)
	return status.Replicas[0]
}

func clusterIDOf(s *seat) string {
	placement, _ := s.node.Placement()
	return placement.Map.ClusterID
}

func TestAnIdleWatchSaysThatItIsAlive(t *testing.T) {
	seats := startCluster(t, 3, 8, 1)
	begin := time.Now()
	w := seats[1].watch(with(watchPrefix("p"), func(r *kvv1.WatchRequest) { r.Heartbeat = durationpb.New(200 * time.Millisecond) }))
	for range 5 {
		w.receive()
		require.Empty(t, w.events)
	}
	require.GreaterOrEqual(t, time.Since(begin), 400*time.Millisecond)
}

func TestBadWatchesAreToldWhatIsWrong(t *testing.T) {
	s, ctx := startCluster(t, 1, 2, 1)[0], context.Background()
	token := s.watch(watchPrefix("")).token
	for want, r := range map[string]*kvv1.WatchRequest{
		"no target":     {},
		"after_version": with(watchPrefix("p"), func(r *kvv1.WatchRequest) { r.Start = &kvv1.WatchRequest_AfterVersion{AfterVersion: 1} }),
		"is none that":  with(watchKey("k"), func(r *kvv1.WatchRequest) { r.Start = &kvv1.WatchRequest_ResumeToken{ResumeToken: []byte("x")} }),
		"another key":   with(watchKey("k"), func(r *kvv1.WatchRequest) { r.Start = &kvv1.WatchRequest_ResumeToken{ResumeToken: token} }),
		"heartbeat is":  with(watchKey("k"), func(r *kvv1.WatchRequest) { r.Heartbeat = durationpb.New(time.Millisecond) }),
		"another cluster": with(watchKey("k"), func(r *kvv1.WatchRequest) {
			r.Start = &kvv1.WatchRequest_ResumeToken{ResumeToken: append([]byte{positionFormat}, make([]byte, 8)...)}
		}),
		"no revision 99": with(watchKey("k"), func(r *kvv1.WatchRequest) { r.Start = &kvv1.WatchRequest_AfterVersion{AfterVersion: 99} }),
	} {
		stream, err := s.kv.Watch(ctx, r)
		require.NoError(t, err)
		for stream.Receive() {
			require.Empty(t, stream.Msg().Events)
		}
		requireFailure(t, stream.Err(), connect.CodeInvalidArgument, kvv1.Reason_REASON_INVALID)
		require.ErrorContains(t, stream.Err(), want)
		stream.Close()
	}
}
