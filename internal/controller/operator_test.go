package controller

import (
	"cmp"
	"context"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/ringkv/ringkv/api/v1alpha1"
	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/coordinator"
	"github.com/ringkv/ringkv/internal/kv/coordinator/coordtest"
)

// bench is one namespace with a fake Kubernetes and an operator of its own.
type bench struct {
	ns     string
	kube   *fakeKube
	image  string       // the operator's default
	writes atomic.Int64 // that the operator made, events aside
	cut    atomic.Bool  // true: no node answers the operator
	seen   eventLog
	loses  bool               // data is lost in this spec on purpose
	stop   context.CancelFunc // stops the operator
	done   chan struct{}
}

func newBench(ctx context.Context) *bench {
	b := &bench{ns: newNamespace(ctx), image: "ringkv:one"}
	b.kube = newFakeKube(b.ns)
	b.kube.data.Faults = func(string, string) coordtest.Fault {
		if b.cut.Load() {
			return coordtest.FaultLost
		}
		return coordtest.FaultNone
	}
	background, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { b.kube.run(background) })
	running.Go(func() { b.kube.data.Run(background, 20*time.Millisecond) })
	b.startOperator()
	DeferCleanup(func() {
		b.stopOperator()
		stop()
		running.Wait()
		if !b.loses {
			Expect(b.kube.data.Violations()).To(BeEmpty(), "nothing that must never be done was done")
		}
	})
	return b
}

// startOperator starts a manager that looks after the namespace only.
func (b *bench) startOperator() {
	GinkgoHelper()
	mgr, err := ctrl.NewManager(operatorConfig, ctrl.Options{
		Scheme:     scheme,
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Cache:      cache.Options{DefaultNamespaces: map[string]cache.Config{b.ns: {}}, ByObject: map[client.Object]cache.ByObject{}},
		Controller: config.Controller{SkipNameValidation: ptr.To(true)},
		NewClient: func(c *rest.Config, o client.Options) (client.Client, error) {
			inner, err := client.NewWithWatch(c, o)
			if err != nil {
				return nil, err
			}
			return b.counting(inner), nil
		},
	})
	Expect(err).NotTo(HaveOccurred())
	r := &Reconciler{
		Client: mgr.GetClient(), Reader: mgr.GetAPIReader(), Events: &b.seen, DefaultImage: b.image,
		Dial: func(owner types.NamespacedName, seat coordinator.Seat) cluster.Admin { return b.kube.data.Dial(seat) },
	}
	Expect(r.SetupWithManager(mgr, 2)).To(Succeed())
	ctx, stop := context.WithCancel(context.Background())
	b.stop, b.done = stop, make(chan struct{})
	go func() {
		defer GinkgoRecover()
		defer close(b.done)
		Expect(mgr.Start(ctx)).To(Succeed())
	}()
}

func (b *bench) stopOperator() {
	b.stop()
	Eventually(b.done).Should(BeClosed())
}

// counting counts what changes the API server.
func (b *bench) counting(inner client.WithWatch) client.Client {
	count := func(err error) error { b.writes.Add(1); return err }
	return interceptor.NewClient(inner, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			return count(c.Create(ctx, o, opts...))
		},
		Update: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
			return count(c.Update(ctx, o, opts...))
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
			return count(c.Patch(ctx, o, p, opts...))
		},
		Apply: func(ctx context.Context, c client.WithWatch, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			return count(c.Apply(ctx, o, opts...))
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			return count(c.Delete(ctx, o, opts...))
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
			return count(c.SubResource(sub).Patch(ctx, o, p, opts...))
		},
		SubResourceCreate: func(ctx context.Context, c client.Client, sub string, o, body client.Object, opts ...client.SubResourceCreateOption) error {
			return count(c.SubResource(sub).Create(ctx, o, body, opts...))
		},
	})
}

// partitions is how many a KVCluster here has: few, so that moves are quick.
const partitions = 16

// create makes the KVCluster called demo.
func (b *bench) create(ctx context.Context, spec string) {
	GinkgoHelper()
	c := parse(b.ns, "demo", cmp.Or(spec, "{}"))
	Expect(unstructured.SetNestedField(c.Object, int64(partitions), "spec", "partitions")).To(Succeed())
	Expect(api.Create(ctx, c)).To(Succeed())
}

// get reads it.
func (b *bench) get(ctx context.Context) *v1alpha1.KVCluster {
	GinkgoHelper()
	c := &v1alpha1.KVCluster{}
	Expect(api.Get(ctx, client.ObjectKey{Namespace: b.ns, Name: "demo"}, c)).To(Succeed())
	return c
}

// change edits the spec.
func (b *bench) change(ctx context.Context, edit func(spec *v1alpha1.KVClusterSpec)) {
	GinkgoHelper()
	Eventually(func() error {
		c := b.get(ctx)
		edit(&c.Spec)
		return api.Update(ctx, c)
	}).Should(Succeed())
}

func (b *bench) scale(ctx context.Context, nodes int32) {
	GinkgoHelper()
	b.change(ctx, func(s *v1alpha1.KVClusterSpec) { s.Nodes = nodes })
}

// settles waits until the cluster is as wanted, and nothing is under way.
func (b *bench) settles(ctx context.Context) *v1alpha1.KVCluster {
	GinkgoHelper()
	var c *v1alpha1.KVCluster
	Eventually(func(g Gomega) {
		c = b.get(ctx)
		g.Expect(c.Status.ObservedGeneration).To(Equal(c.Generation))
		g.Expect(verdictOf(c, v1alpha1.ConditionAvailable)).To(Equal("True AllPartitionsAvailable"))
		g.Expect(verdictOf(c, v1alpha1.ConditionProgressing)).To(Equal("False Complete"))
		g.Expect(verdictOf(c, v1alpha1.ConditionRebalanced)).To(Equal("True Balanced"))
		g.Expect(verdictOf(c, v1alpha1.ConditionDegraded)).To(Equal("False AsExpected"))
		g.Expect(c.Status.Nodes).To(Equal(c.Spec.Nodes))
		g.Expect(c.Status.ReadyNodes).To(Equal(c.Spec.Nodes))
		g.Expect(c.Status.Members).To(HaveLen(int(c.Spec.Nodes)))
		g.Expect(c.Status.ReplicationFactor).To(Equal(c.Spec.ReplicationFactor))
		g.Expect(c.Status.Rebalance.Progress).To(Equal("100%"))
	}).Should(Succeed())
	return c
}

// verdictOf is a condition in short: "False Blocked".
func verdictOf(c *v1alpha1.KVCluster, conditionType string) string {
	found := meta.FindStatusCondition(c.Status.Conditions, conditionType)
	if found == nil {
		return "missing"
	}
	return string(found.Status) + " " + found.Reason
}

// says waits for a condition and returns its message.
func (b *bench) says(ctx context.Context, conditionType, verdict string) string {
	GinkgoHelper()
	Eventually(func() string { return verdictOf(b.get(ctx), conditionType) }).Should(Equal(verdict))
	return meta.FindStatusCondition(b.get(ctx).Status.Conditions, conditionType).Message
}

// claims lists the names of the volume claims.
func (b *bench) claims(ctx context.Context) []string {
	GinkgoHelper()
	var list corev1.PersistentVolumeClaimList
	Expect(api.List(ctx, &list, client.InNamespace(b.ns))).To(Succeed())
	names := []string{}
	for _, c := range list.Items {
		names = append(names, c.Name)
	}
	return names
}

func (b *bench) pods(ctx context.Context) map[string]types.UID {
	GinkgoHelper()
	var list corev1.PodList
	Expect(api.List(ctx, &list, client.InNamespace(b.ns))).To(Succeed())
	out := map[string]types.UID{}
	for _, p := range list.Items {
		out[p.Name] = p.UID
	}
	return out
}

// eventLog collects events.
type eventLog struct {
	mu      sync.Mutex
	reasons []string
}

// Eventf implements events.EventRecorder.
func (l *eventLog) Eventf(_, _ runtime.Object, _, reason, _, _ string, _ ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reasons = append(l.reasons, reason)
}

func (l *eventLog) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.reasons...)
}

// gone waits until the KVCluster is deleted.
func (b *bench) gone(ctx context.Context) {
	GinkgoHelper()
	Eventually(func() bool {
		err := api.Get(ctx, client.ObjectKey{Namespace: b.ns, Name: "demo"}, &v1alpha1.KVCluster{})
		return apierrors.IsNotFound(err)
	}).Should(BeTrue())
}

// collectGarbage deletes what a deleted KVCluster owned: there is no garbage
// collector here.
func (b *bench) collectGarbage(ctx context.Context) {
	GinkgoHelper()
	for _, o := range []client.Object{&corev1.Service{}, &corev1.ServiceAccount{}, &policyv1.PodDisruptionBudget{}} {
		Expect(api.DeleteAllOf(ctx, o, client.InNamespace(b.ns), client.MatchingLabels{"app.kubernetes.io/instance": "demo"})).To(Succeed())
	}
}

// sleepUnless lets a second pass: for measuring that nothing happens in it.
func sleepUnless(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Second):
	}
}
