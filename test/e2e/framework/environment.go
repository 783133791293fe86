package framework

import (
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ringkv/ringkv/api/v1alpha1"
)

// The namespaces that the suite uses. They are made and deleted by it.
const (
	OperatorNamespace = "ringkv-system"
	Namespace         = "ringkv-e2e"
)

// Environment is the Kubernetes cluster under test and the programs that the
// suite runs, as `make e2e` hands them over.
type Environment struct {
	// Client reads and writes without a cache.
	Client client.WithWatch
	// Clientset is for logs and for the API server's proxy.
	Clientset kubernetes.Interface
	// Image is the image with kvnode, manager and kvctl, as repository:tag, which
	// all Kubernetes nodes have.
	Image string
	// PreviousImage is the same with an earlier kvnode, or empty.
	PreviousImage string
	// Root is the folder of the project, Artifacts the folder for what is collected.
	Root, Artifacts string

	kubeconfig, kubectl, helm, docker string
}

// NewEnvironment reads KUBECONFIG, RINGKV_IMAGE, RINGKV_PREVIOUS_IMAGE, HELM, KUBECTL,
// DOCKER and RINGKV_ARTIFACTS. The programs default to those on the PATH.
func NewEnvironment() (*Environment, error) {
	e := &Environment{
		Image:      os.Getenv("RINGKV_IMAGE"),
		kubeconfig: os.Getenv("KUBECONFIG"),

		PreviousImage: os.Getenv("RINGKV_PREVIOUS_IMAGE"),
		kubectl:       fromEnvironment("KUBECTL", "kubectl"),
		helm:          fromEnvironment("HELM", "helm"),
		docker:        fromEnvironment("DOCKER", "docker"),
	}
	if e.kubeconfig == "" || e.Image == "" {
		return nil, fmt.Errorf("KUBECONFIG is %q and RINGKV_IMAGE is %q: both are needed; `make e2e` sets them", e.kubeconfig, e.Image)
	}
	here, err := os.Getwd() // go test runs in the folder of the package
	if err != nil {
		return nil, err
	}
	e.Root = filepath.Dir(filepath.Dir(here))
	e.Artifacts = fromEnvironment("RINGKV_ARTIFACTS", filepath.Join(e.Root, "build", "e2e-artifacts"))

	config, err := clientcmd.BuildConfigFromFlags("", e.kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", e.kubeconfig, err)
	}
	// The suite asks a lot; being slowed down would look like a slow product.
	config.QPS, config.Burst = 200, 400
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	if e.Client, err = client.NewWithWatch(config, client.Options{Scheme: scheme}); err != nil {
		return nil, fmt.Errorf("connect to the cluster of %s: %w", e.kubeconfig, err)
	}
	if e.Clientset, err = kubernetes.NewForConfig(config); err != nil {
		return nil, fmt.Errorf("connect to the cluster of %s: %w", e.kubeconfig, err)
	}
	return e, nil
}

func fromEnvironment(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}
