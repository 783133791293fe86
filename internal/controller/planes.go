package controller

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/go-logr/logr"
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

	// statusWritten is when the status was last written, for its pace. Only the
	// pass over this KVCluster touches it, and passes run one at a time.
	statusWritten time.Time
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

// statusWritten is when the status of a KVCluster was last written; a place for
// it that is thrown away when the KVCluster has no plane.
func (p *planes) statusWritten(key types.NamespacedName) *time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if one := p.byName[key]; one != nil {
		return &one.statusWritten
	}
	return new(time.Time)
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
