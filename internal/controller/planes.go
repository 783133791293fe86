package controller

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/ringkv/ringkv/api/v1alpha1"
	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/coordinator"
)

// plane is the data plane of one KVCluster: its coordinator, whose heartbeats
// run in the background.
type plane struct {
	uid         types.UID
	coordinator *coordinator.Coordinator
	store       *recordStore
	stop        context.CancelFunc

	// status is the last status that was written. Only the pass over this
	// KVCluster touches it, and passes run one at a time.
	status writtenStatus
	// leaderless is since when partitions lack a leader; zero while none does.
	// restarted is the pod that was last told to go. Both as status.
	leaderless time.Time
	restarted  types.UID
}

// writtenStatus remembers a write of the status: when, and what it made of what.
type writtenStatus struct {
	at       time.Time
	from, to v1alpha1.KVClusterStatus
}

// seen returns the status as it is by now, given what the cache says, which may
// be what was there before the last write.
func (w *writtenStatus) seen(cached v1alpha1.KVClusterStatus) v1alpha1.KVClusterStatus {
	if !w.at.IsZero() && equality.Semantic.DeepEqual(cached, w.from) {
		return *w.to.DeepCopy()
	}
	return cached
}

// planes has one plane for each KVCluster. It is a manager.Runnable: it stops
// all of them, and waits, when the manager ends.
type planes struct {
	reconciler *Reconciler
	// wake carries the KVClusters that a heartbeat found worth a pass.
	wake chan event.GenericEvent

	mu      sync.Mutex
	byName  map[types.NamespacedName]*plane
	stopped bool
	running sync.WaitGroup
}

func newPlanes(r *Reconciler) *planes {
	return &planes{reconciler: r, wake: make(chan event.GenericEvent), byName: map[types.NamespacedName]*plane{}}
}

// Start implements manager.Runnable.
func (p *planes) Start(ctx context.Context) error {
	<-ctx.Done()
	p.mu.Lock()
	p.stopped = true
	for _, one := range p.byName {
		one.stop()
	}
	p.mu.Unlock()
	p.running.Wait()
	return nil
}

// of returns the plane of a KVCluster, and starts it if there is none. A
// KVCluster that was deleted and made again under its name gets a new one.
func (p *planes) of(kvc *v1alpha1.KVCluster) *plane {
	key := client.ObjectKeyFromObject(kvc)
	p.mu.Lock()
	defer p.mu.Unlock()
	if one := p.byName[key]; one != nil {
		if one.uid == kvc.UID {
			one.store.remember(kvc.Status.ClusterID)
			return one
		}
		one.stop()
	}
	one := p.start(key, kvc)
	p.byName[key] = one
	return one
}

// status returns the memory of the status of a KVCluster; one that is thrown
// away when the KVCluster has no plane.
func (p *planes) status(key types.NamespacedName) *writtenStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	if one := p.byName[key]; one != nil {
		return &one.status
	}
	return &writtenStatus{}
}

// start makes a plane and its goroutines. The caller holds mu.
func (p *planes) start(key types.NamespacedName, kvc *v1alpha1.KVCluster) *plane {
	r := p.reconciler
	log := ctrl.Log.WithName("coordinator").WithValues("namespace", key.Namespace, "kvcluster", key.Name)
	store := newRecordStore(r.Client, r.Reader, kvc, r.Clock)
	ctx, stop := context.WithCancel(context.Background())
	one := &plane{uid: kvc.UID, store: store, stop: stop, coordinator: coordinator.New(coordinator.Config{
		Store:  store,
		Dial:   func(seat coordinator.Seat) cluster.Admin { return r.Dial(key, seat) },
		Logger: slog.New(logr.ToSlogHandler(log)),
	})}
	if p.stopped {
		stop()
		return one
	}
	about := &v1alpha1.KVCluster{}
	about.Namespace, about.Name = key.Namespace, key.Name
	p.running.Go(func() { one.coordinator.Run(ctx) })
	p.running.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-one.coordinator.Changed():
			}
			select {
			case <-ctx.Done():
				return
			case p.wake <- event.GenericEvent{Object: about}:
			}
		}
	})
	return one
}

// stop ends the plane of a KVCluster that is gone.
func (p *planes) stop(key types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if one := p.byName[key]; one != nil {
		one.stop()
		delete(p.byName, key)
	}
}
