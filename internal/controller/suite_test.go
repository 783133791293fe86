package controller

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/ringkv/ringkv/api/v1alpha1"
)

// What the specs share: an API server with the CRD and nothing else. There is
// no kubelet and no StatefulSet controller; fakekube_test.go plays them.
var (
	scheme    = runtime.NewScheme()
	apiConfig *rest.Config
	api       client.Client // straight to the API server, no cache
	// operatorConfig has the rights that config/rbac gives to the manager, and
	// no others.
	operatorConfig *rest.Config
)

func TestController(t *testing.T) {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		t.Fatal("KUBEBUILDER_ASSETS is not set: run this suite with `make test`, or set it to the output of hack/envtest")
	}
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(90 * time.Second)
	SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	RunSpecs(t, "controller")
}

var _ = BeforeSuite(func(ctx context.Context) {
	ctrl.SetLogger(logr.FromSlogHandler(slog.NewTextHandler(GinkgoWriter, nil)))
	Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
	Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())

	By("starting an API server and etcd")
	env := &envtest.Environment{
		CRDDirectoryPaths:     []string{"../../config/crd/bases"},
		ErrorIfCRDPathMissing: true,
		Scheme:                scheme,
	}
	// Owner references that block a deletion need a right of their own.
	env.ControlPlane.GetAPIServer().Configure().Append("enable-admission-plugins", "OwnerReferencesPermissionEnforcement")
	var err error
	apiConfig, err = env.Start()
	Expect(err).NotTo(HaveOccurred())
	apiConfig.QPS, apiConfig.Burst = 500, 1000
	DeferCleanup(env.Stop)
	api, err = client.New(apiConfig, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())

	By("giving the operator its role")
	raw, err := os.ReadFile("../../config/rbac/role.yaml")
	Expect(err).NotTo(HaveOccurred())
	role := &rbacv1.ClusterRole{}
	Expect(yaml.UnmarshalStrict(raw, role)).To(Succeed())
	Expect(api.Create(ctx, role)).To(Succeed())
	Expect(api.Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "operator"}},
	})).To(Succeed())
	operatorConfig = rest.CopyConfig(apiConfig)
	operatorConfig.Impersonate = rest.ImpersonationConfig{UserName: "operator"}

	for i, zone := range zones {
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: workerOf(i), Labels: map[string]string{corev1.LabelTopologyZone: zone}}}
		Expect(api.Create(ctx, node)).To(Succeed())
	}
})
