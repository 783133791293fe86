// Package controller turns KVClusters into Kubernetes objects, and feeds and
// obeys the coordinator, which moves the data.
//
// The operator is off the data path: while it is away, nodes serve under their
// last map, and when it returns it looks before it does anything.
package controller

import (
	"context"
	"errors"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/ringkv/ringkv/api/v1alpha1"
	"github.com/ringkv/ringkv/internal/controller/objects"
	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/coordinator"
)

// The rights of the manager; config/rbac and the chart are made from these.
//
// +kubebuilder:rbac:groups=ringkv.dev,resources=kvclusters,verbs=get;list;watch;update;patch
// +kubebuilder:rbac:groups=ringkv.dev,resources=kvclusters/status,verbs=update;patch
// +kubebuilder:rbac:groups=ringkv.dev,resources=kvclusters/finalizers,verbs=update
// +kubebuilder:rbac:groups=apps,resources=statefulsets,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=services;serviceaccounts,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups=policy,resources=poddisruptionbudgets,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=configmaps,verbs=get;create;update;patch;delete
// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch;delete
// +kubebuilder:rbac:groups="",resources=pods/eviction,verbs=create
// +kubebuilder:rbac:groups="",resources=persistentvolumeclaims,verbs=get;list;watch;patch;delete
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get
// +kubebuilder:rbac:groups="",resources=nodes,verbs=get;list;watch
// +kubebuilder:rbac:groups=storage.k8s.io,resources=storageclasses,verbs=get
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// tickTimeout bounds how long a pass of Reconcile may wait for nodes.
const tickTimeout = 8 * time.Second

// idleLook is how often a cluster at rest is looked at without being woken.
const idleLook = time.Minute

// Reconciler brings KVClusters to what their specs say. All fields but Clock are
// required.
type Reconciler struct {
	client.Client
	// Reader reads past the cache.
	Reader client.Reader
	Events events.EventRecorder
	// Dial returns the admin service of a node; it is called for every call and
	// connects to nothing by itself.
	Dial func(owner types.NamespacedName, seat coordinator.Seat) cluster.Admin
	// DefaultImage is what the nodes of a new cluster run when its spec names no
	// image.
	DefaultImage string
	// Clock defaults to time.Now.
	Clock func() time.Time

	applier *applier
	planes  *planes
}

// phase is one step of a pass. An error ends the pass; the status is written
// all the same.
type phase func(ctx context.Context, s *scope) error

// Reconcile makes one pass over one KVCluster.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (result ctrl.Result, err error) {
	kvc := &v1alpha1.KVCluster{}
	if err := r.Get(ctx, req.NamespacedName, kvc); err != nil {
		if apierrors.IsNotFound(err) {
			r.planes.stop(req.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	s := newScope(kvc)
	defer func() {
		wait, statusErr := r.writeStatus(ctx, s)
		switch err = errors.Join(err, statusErr); {
		case err == nil:
			result.RequeueAfter = sooner(s.requeueAfter, wait)
		case apierrors.IsConflict(err):
			// The cache is behind what was just written; it will not be for long.
			result, err = ctrl.Result{RequeueAfter: 100 * time.Millisecond}, nil
		}
	}()
	if !kvc.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, r.delete(ctx, s)
	}
	for _, p := range []phase{
		r.addFinalizer,
		r.observe,          // what Kubernetes has
		r.coordinate,       // what the nodes say, and the next moves of data
		r.decideSize,       // how many pods there should be, by proof
		r.settleClaims,     // volumes of nodes that left: marked first, deleted last
		r.checkCertificate, // that pods are to serve TLS with
		r.applyObjects,     // everything else follows
		r.growVolumes,      // where storage.size grew
		r.restartPods,      // at most one, where the template changed
		r.chooseNextVisit,  // when to look again
	} {
		if err := p(ctx, s); err != nil {
			return ctrl.Result{}, err
		}
	}
	return ctrl.Result{}, nil
}

// chooseNextVisit follows the coordinator's pace while there is something to do,
// and looks once in a while when there is not: whatever changes wakes it anyway.
func (r *Reconciler) chooseNextVisit(_ context.Context, s *scope) error {
	switch {
	case s.plane == nil:
		s.requeueAfter = 2 * time.Second
	case s.plane.RequeueAfter > 0:
		s.requeueAfter = s.plane.RequeueAfter
	case len(s.refusals) > 0 || len(s.restart.pending) > 0 || len(s.growing) > 0 || s.replicas != s.wanted():
		s.requeueAfter = 5 * time.Second
	default:
		s.requeueAfter = idleLook
	}
	return nil
}

func sooner(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// SetupWithManager registers the reconciler and what wakes it.
func (r *Reconciler) SetupWithManager(mgr manager.Manager, concurrency int) error {
	if r.Clock == nil {
		r.Clock = time.Now
	}
	r.applier = newApplier(r.Client, r.Reader)
	r.planes = newPlanes(r)
	if err := mgr.Add(r.planes); err != nil {
		return fmt.Errorf("add the coordinators: %w", err)
	}
	ofLabel := handler.EnqueueRequestsFromMapFunc(func(_ context.Context, o client.Object) []reconcile.Request {
		name := o.GetLabels()[objects.LabelInstance]
		if name == "" {
			return nil
		}
		return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: o.GetNamespace(), Name: name}}}
	})
	err := ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.KVCluster{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Owns(&appsv1.StatefulSet{}).
		Owns(&corev1.Service{}).
		Owns(&corev1.ServiceAccount{}).
		Owns(&policyv1.PodDisruptionBudget{}).
		Watches(&corev1.Pod{}, ofLabel).
		Watches(&corev1.PersistentVolumeClaim{}, ofLabel).
		WatchesRawSource(source.Channel(r.planes.wake, &handler.TypedEnqueueRequestForObject[client.Object]{})).
		WithOptions(controller.Options{MaxConcurrentReconciles: concurrency}).
		Complete(r)
	if err != nil {
		return fmt.Errorf("set up the controller: %w", err)
	}
	return nil
}
