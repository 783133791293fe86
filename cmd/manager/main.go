// Command manager is the ringkv operator: it brings KVClusters to what their
// specs say, and runs their coordinators, which move the data.
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/ringkv/ringkv/api/v1alpha1"
	"github.com/ringkv/ringkv/internal/controller"
	"github.com/ringkv/ringkv/internal/controller/objects"
)

// stopWithin is how long the manager waits for passes under way when it stops.
// Cutting one short does no harm.
const stopWithin = 15 * time.Second

func main() {
	if err := command().Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "manager:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	var f flags
	cmd := &cobra.Command{
		Use:           "manager",
		Short:         "Run the ringkv operator",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(*cobra.Command, []string) error {
			handler, err := f.logHandler()
			if err != nil {
				return err
			}
			log := logr.FromSlogHandler(handler)
			ctrl.SetLogger(log)
			klog.SetLogger(log.WithName("client-go"))
			config, err := ctrl.GetConfig()
			if err != nil {
				return fmt.Errorf("find the API server: %w", err)
			}
			return run(config, &f)
		},
	}
	f.register(cmd.Flags())
	return cmd
}

// run works until the process is told to stop.
func run(config *rest.Config, f *flags) error {
	// One pass makes few calls, but many clusters can be in motion at once.
	config.QPS, config.Burst = 50, 100
	mgr, err := newManager(config, f)
	if err != nil {
		return err
	}
	nodes := newDialer()
	r := &controller.Reconciler{
		Client:       mgr.GetClient(),
		Reader:       mgr.GetAPIReader(),
		Events:       mgr.GetEventRecorder("ringkv-operator"),
		Dial:         nodes.dial,
		DefaultImage: f.defaultImage,
	}
	if err := r.SetupWithManager(mgr, f.concurrency); err != nil {
		return err
	}
	if err := mgr.Add(manager.RunnableFunc(nodes.run)); err != nil {
		return fmt.Errorf("add the connections: %w", err)
	}
	for name, add := range map[string]func(string, healthz.Checker) error{"healthz": mgr.AddHealthzCheck, "readyz": mgr.AddReadyzCheck} {
		if err := add(name, healthz.Ping); err != nil {
			return fmt.Errorf("add the check %s: %w", name, err)
		}
	}
	ctrl.Log.Info("the operator starts", "image", f.defaultImage, "namespaces", f.namespaces)
	return mgr.Start(ctrl.SetupSignalHandler())
}

func newManager(config *rest.Config, f *flags) (manager.Manager, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("register API types: %w", err)
		}
	}
	within := stopWithin
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                  scheme,
		Metrics:                 metricsserver.Options{BindAddress: f.metricsAddress},
		HealthProbeBindAddress:  f.healthAddress,
		GracefulShutdownTimeout: &within,

		LeaderElection:          f.leaderElect,
		LeaderElectionID:        "ringkv-operator.ringkv.dev",
		LeaderElectionNamespace: f.leaderElectionNamespace,
		// The process ends when the manager does, so another may take over at once.
		LeaderElectionReleaseOnCancel: true,

		Cache: cacheOptions(f.namespaces),
	})
	if err != nil {
		return nil, fmt.Errorf("make the manager: %w", err)
	}
	return mgr, nil
}

// cacheOptions keep the operator's own objects only, so that its memory does not
// grow with whatever else the Kubernetes cluster runs. The fields that show who
// set what are kept where server-side apply needs them.
func cacheOptions(namespaces []string) cache.Options {
	mine := labels.SelectorFromSet(labels.Set{objects.LabelName: objects.AppName})
	applied := cache.ByObject{Label: mine}
	watched := cache.ByObject{Label: mine, Transform: cache.TransformStripManagedFields()}
	node := &metav1.PartialObjectMetadata{}
	node.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Node"))
	o := cache.Options{ByObject: map[client.Object]cache.ByObject{
		&appsv1.StatefulSet{}:           applied,
		&corev1.Service{}:               applied,
		&corev1.ServiceAccount{}:        applied,
		&policyv1.PodDisruptionBudget{}: applied,
		&corev1.Pod{}:                   watched,
		&corev1.PersistentVolumeClaim{}: watched,
		node:                            {Transform: cache.TransformStripManagedFields()},
	}}
	if len(namespaces) > 0 {
		o.DefaultNamespaces = map[string]cache.Config{}
		for _, ns := range namespaces {
			o.DefaultNamespaces[ns] = cache.Config{}
		}
	}
	return o
}
