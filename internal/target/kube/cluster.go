// Package kube makes a target of a KVCluster: wishes change its spec, the nodes are
// reached through the API server as kubectl port-forward does.
package kube

import (
	"context"
	"fmt"
	"sync"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ringkv/ringkv/api/v1alpha1"
	"github.com/ringkv/ringkv/internal/controller/objects"
	"github.com/ringkv/ringkv/internal/target"
)

// Options choose a KVCluster.
type Options struct {
	Kubeconfig string // a file; empty means as kubectl finds it
	Context    string // empty means the current one
	Namespace  string // empty means that of the context
	Name       string // empty means the only one in the namespace
}

// Cluster is a KVCluster.
type Cluster struct {
	client  client.Client
	forward Forwarder
	key     types.NamespacedName
	asker   target.Asker

	mu       sync.Mutex
	forwards map[portOf]*forward // guarded by mu
}

var _ target.Target = (*Cluster)(nil)

// Open finds the KVCluster.
func Open(ctx context.Context, o Options) (*Cluster, error) {
	klog.SetLogger(logr.Discard()) // what the forwarding of ports has to say about single connections
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.Kubeconfig
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: o.Context})
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, unreachable("Kubernetes is not configured: %w", err)
	}
	if o.Namespace == "" {
		if o.Namespace, _, err = loader.Namespace(); err != nil {
			return nil, unreachable("Kubernetes is not configured: %w", err)
		}
	}
	// A person waits: the limits that are meant for controllers only slow that down.
	config.QPS, config.Burst = 100, 200
	c, err := client.New(config, client.Options{Scheme: scheme()})
	if err != nil {
		return nil, unreachable("talk to the API server: %w", err)
	}
	return New(ctx, c, PodForwarder(config, o.Namespace), o.Namespace, o.Name)
}

// scheme knows the types that are used here.
func scheme() *runtime.Scheme {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(s); err != nil {
			panic(err) // two types of one name: a defect
		}
	}
	return s
}

// New returns the KVCluster of that name or, without a name, the only one in the
// namespace.
func New(ctx context.Context, c client.Client, f Forwarder, namespace, name string) (*Cluster, error) {
	k := &Cluster{client: c, forward: f, key: types.NamespacedName{Namespace: namespace, Name: name}, forwards: make(map[portOf]*forward)}
	if name != "" {
		return k, nil
	}
	var all v1alpha1.KVClusterList
	if err := c.List(ctx, &all, client.InNamespace(namespace)); err != nil {
		return nil, unreachable("list the KVClusters in namespace %s: %w", namespace, err)
	}
	switch len(all.Items) {
	case 0:
		return nil, unreachable("there is no KVCluster in namespace %s: choose another with --namespace", namespace)
	case 1:
		k.key.Name = all.Items[0].Name
		return k, nil
	}
	names := ""
	for _, item := range all.Items {
		names += " " + item.Name
	}
	return nil, fmt.Errorf("namespace %s has several KVClusters, choose one with --cluster:%s", namespace, names)
}

func unreachable(format string, args ...any) error {
	return &unreachableError{fmt.Errorf(format, args...)}
}

// unreachableError is target.ErrUnreachable with a text of its own.
type unreachableError struct{ cause error }

func (u *unreachableError) Error() string   { return u.cause.Error() }
func (u *unreachableError) Unwrap() []error { return []error{target.ErrUnreachable, u.cause} }

func (k *Cluster) String() string { return fmt.Sprintf("KVCluster %s/%s", k.key.Namespace, k.key.Name) }

// get reads the KVCluster.
func (k *Cluster) get(ctx context.Context) (*v1alpha1.KVCluster, error) {
	kvc := &v1alpha1.KVCluster{}
	err := k.client.Get(ctx, k.key, kvc)
	if apierrors.IsNotFound(err) {
		return nil, unreachable("there is no KVCluster %s in namespace %s", k.key.Name, k.key.Namespace)
	}
	if err != nil {
		return nil, unreachable("read %s: %w", k, err)
	}
	return kvc, nil
}

// Close implements target.Target.
func (k *Cluster) Close() error {
	k.asker.Close()
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, f := range k.forwards {
		f.stop()
	}
	clear(k.forwards)
	return nil
}

// NextName implements target.Target: the pod after the last wanted one.
func (k *Cluster) NextName(o *target.Observation) string {
	n := 0
	for i := range o.Nodes {
		if !o.Nodes[i].Leaving {
			n++
		}
	}
	return objects.PodName(k.key.Name, n)
}

// LastToGo implements target.Target: the last wanted pod.
func (k *Cluster) LastToGo(o *target.Observation) string {
	for i := len(o.Nodes) - 1; i >= 0; i-- {
		if !o.Nodes[i].Leaving {
			return o.Nodes[i].Name
		}
	}
	return ""
}
