package rpc

import (
	"context"

	"time"

	"connectrpc.com/connect"

	kvv1 "github.com/ringkv/ringkv/api/kv/v1"
	"github.com/ringkv/ringkv/internal/kv/command"
)

const (
	defaultHeartbeat = 5 * time.Second
	shortHeartbeat   = 100 * time.Millisecond
	// longHeartbeat is how long a leader may be asked to wait for a change.
	longHeartbeat = time.Minute
	// watchBytes is about how much one look into a partition brings along.
	watchBytes = 256 << 10
	// watchGrace is how much longer than the wait an answer may take: an election.
	watchGrace = 5 * time.Second
)

// watch is a Watch that runs. A goroutine for each partition asks its leader for
// changes, again and again from the last revision that it got; the leader holds the
// request until there are some. Such a read is linearizable and finds its way to
// whoever leads, so an election is nothing but a longer wait.
type watch struct {
	service   *service
	request   *kvv1.WatchRequest
	position  position
	heartbeat time.Duration
	answers   chan watchAnswer
}

// watchAnswer is what a partition has told.
type watchAnswer struct {
	partition uint32
	changes   *command.Changes
	err       *connect.Error
}

// Watch implements the KV service.
func (s *service) Watch(ctx context.Context, r *kvv1.WatchRequest, stream *connect.ServerStream[kvv1.WatchResponse]) error {
	return s.watch(ctx, r, stream.Send)
}

// watch runs a watch until ctx ends or send fails.
func (s *service) watch(ctx context.Context, r *kvv1.WatchRequest, send func(*kvv1.WatchResponse) error) error {
	w, err := s.newWatch(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := w.begin(ctx); err != nil {
		return err
	}
	for p, revision := range w.position.revisions {
		go w.follow(ctx, p, revision)
	}
	return w.run(ctx, send)
}

// newWatch checks a request.
func (s *service) newWatch(r *kvv1.WatchRequest) (*watch, *connect.Error) {
	t, ok := s.backend.Placement()
	if !ok {
		return nil, noCluster()
	}
	w := &watch{service: s, request: r, heartbeat: defaultHeartbeat, answers: make(chan watchAnswer)}
	if r.Heartbeat != nil {
		if w.heartbeat = r.Heartbeat.AsDuration(); w.heartbeat < shortHeartbeat || w.heartbeat > longHeartbeat {
			return nil, invalid("heartbeat is %v: use %v to %v", w.heartbeat, shortHeartbeat, longHeartbeat)
		}
	}
	w.position = position{cluster: t.Map.ClusterID, revisions: map[uint32]uint64{}}
	switch target := r.GetTarget().(type) {
	case *kvv1.WatchRequest_Key:
		if err := checkKey(target.Key); err != nil {
			return nil, err
		}
		w.position.revisions[t.Partition(target.Key)] = command.FromNow
	case *kvv1.WatchRequest_Prefix:
		if err := checkKey(target.Prefix); err != nil {
			return nil, err
		}
		for p := range t.Map.Partitions {
			w.position.revisions[uint32(p)] = command.FromNow
		}
	default:
		return nil, invalid("no target is set: set key, or prefix (empty for all keys)")
	}
	switch start := r.GetStart().(type) {
	case *kvv1.WatchRequest_AfterVersion:
		if r.GetKey() == nil {
			return nil, invalid("after_version is for a key: a prefix has many partitions with a revision each; use resume_token")
		}
		w.position.revisions[t.Partition(r.GetKey())] = start.AfterVersion
	case *kvv1.WatchRequest_ResumeToken:
		if err := w.position.resume(start.ResumeToken); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// follow asks a partition for its changes until ctx ends.
func (w *watch) follow(ctx context.Context, partition uint32, after uint64) {
	request := command.ChangesRequest{Partition: partition, After: after, Prefix: w.request.GetPrefix(), Bytes: watchBytes}
	if _, ok := w.request.GetTarget().(*kvv1.WatchRequest_Key); ok {
		request.Key = append([]byte{}, w.request.GetKey()...)
	}
	for {
		changes := w.tell(ctx, &request)
		if changes == nil {
			return
		}
		request.After, request.Wait = changes.Revision, w.heartbeat/2
	}
}

// tell asks until there is an answer, gives it to the watch and returns it; nil at the
// end. While there is no leader the watch waits, and sends no heartbeat.
func (w *watch) tell(ctx context.Context, r *command.ChangesRequest) *command.Changes {
	for {
		a := w.ask(ctx, r)
		if a.err != nil && a.err.Code() == connect.CodeUnavailable {
			select {
			case <-time.After(shortHeartbeat):
				continue
			case <-ctx.Done():
				return nil
			}
		}
		select {
		case w.answers <- a:
			return a.changes
		case <-ctx.Done():
			return nil
		}
	}
}

// ask makes one request for changes.
func (w *watch) ask(ctx context.Context, r *command.ChangesRequest) watchAnswer {
	ctx, cancel := context.WithTimeout(ctx, r.Wait+watchGrace)
	defer cancel()
	a := watchAnswer{partition: r.Partition}
	spec, args := command.ChangesArgs(r)
	p := w.service.submit(ctx, spec, args, 0)
	reply, err := p.wait()
	if err != nil {
		a.err = err
		if err.Code() == connect.CodeDeadlineExceeded {
			a.err = notExecuted(err.Message())
		}
		if p.call.IsComplete() {
			a.err = watchError(p.call.Out.Buf, r, err)
		}
		return a
	}
	var derr error
	if a.changes, derr = command.DecodeChanges(reply); derr != nil {
		a.err = unreadable(derr)
	}
	return a
}

// watchError gives the errors that only a watch has their meaning.
func watchError(reply []byte, r *command.ChangesRequest, err *connect.Error) *connect.Error {
	if oldest, ok := command.Compacted(reply); ok {
		return apiError(connect.CodeOutOfRange, &kvv1.ErrorDetail{
			Reason: kvv1.Reason_REASON_COMPACTED, OldestRevision: oldest, Partition: r.Partition,
		}, "compacted: the changes of partition %d after revision %d are not kept any more, the oldest that is has revision %d: read the keys anew",
			r.Partition, r.After, oldest)
	}
	if newest, ok := command.Ahead(reply); ok {
		return invalid("partition %d has no revision %d yet, the newest is %d", r.Partition, r.After, newest)
	}
	return err
}

// begin finds out where now is, in the partitions where the watch is to begin there.
// From its return on, the position is known for all.
func (w *watch) begin(ctx context.Context) *connect.Error {
	asked := 0
	for p, revision := range w.position.revisions {
		if revision == command.FromNow {
			asked++
			go w.tell(ctx, &command.ChangesRequest{Partition: p, After: revision})
		}
	}
	for range asked {
		a, err := w.next(ctx)
		if err != nil {
			return err
		}
		w.position.revisions[a.partition] = a.changes.Revision
	}
	return nil
}

// next waits for an answer.
func (w *watch) next(ctx context.Context) (watchAnswer, *connect.Error) {
	select {
	case a := <-w.answers:
		return a, a.err
	case <-ctx.Done():
		return watchAnswer{}, notExecuted("the watch was given up")
	case <-w.service.stopping:
		return watchAnswer{}, notExecuted("this node is stopping: go on with another one")
	}
}

// run sends what the partitions tell. While nothing changes it sends heartbeats, each
// only when every partition has been heard since the last one.
func (w *watch) run(ctx context.Context, send func(*kvv1.WatchResponse) error) error {
	if err := send(&kvv1.WatchResponse{ResumeToken: w.position.token()}); err != nil {
		return err
	}
	heard, last := map[uint32]bool{}, time.Now()
	for {
		a, aerr := w.next(ctx)
		if aerr != nil {
			return aerr
		}
		heard[a.partition] = true
		events := w.take(&a)
		beat := len(heard) == len(w.position.revisions) && time.Since(last) >= w.heartbeat/2
		if len(events) == 0 && !beat {
			continue
		}
		if beat {
			clear(heard)
		}
		last = time.Now()
		if err := send(&kvv1.WatchResponse{Events: events, ResumeToken: w.position.token()}); err != nil {
			return err
		}
	}
}

// take returns the changes of an answer and moves the position.
func (w *watch) take(a *watchAnswer) (events []*kvv1.Event) {
	for i := range a.changes.Changes {
		c := &a.changes.Changes[i]
		e := &kvv1.Event{Kind: kvv1.Event_Kind(c.Kind), Partition: a.partition, Revision: c.Revision, ValueOmitted: c.Omitted}
		if e.Kind != kvv1.Event_KIND_CLEAR {
			e.Item = &kvv1.KeyValue{Key: c.Key}
		}
		if e.Kind == kvv1.Event_KIND_PUT {
			e.Item.Value, e.Item.Version, e.Item.ExpireTime = c.Value, c.Revision, timeOf(c.ExpireAt)
		}
		events = append(events, e)
	}
	w.position.revisions[a.partition] = a.changes.Revision
	return events
}
