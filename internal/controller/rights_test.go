package controller

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

var _ = Describe("The operator's rights", func() {
	// All specs here run the operator under these rights, so they are enough.
	It("end at what it does", func(ctx context.Context) {
		operator, err := client.New(operatorConfig, client.Options{Scheme: scheme})
		Expect(err).NotTo(HaveOccurred())
		ns := newNamespace(ctx)
		meta := metav1.ObjectMeta{Namespace: ns, Name: "x"}
		for name, attempt := range map[string]func() error{
			"list secrets":       func() error { return operator.List(ctx, &corev1.SecretList{}) },
			"change secrets":     func() error { return operator.Create(ctx, &corev1.Secret{ObjectMeta: meta}) },
			"list config maps":   func() error { return operator.List(ctx, &corev1.ConfigMapList{}) },
			"make pods":          func() error { return operator.Create(ctx, &corev1.Pod{ObjectMeta: meta}) },
			"make deployments":   func() error { return operator.Create(ctx, &appsv1.Deployment{ObjectMeta: meta}) },
			"make volume claims": func() error { return operator.Create(ctx, &corev1.PersistentVolumeClaim{ObjectMeta: meta}) },
			"delete services":    func() error { return operator.Delete(ctx, &corev1.Service{ObjectMeta: meta}) },
			"delete Kubernetes nodes": func() error {
				return operator.Delete(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: workerOf(0)}})
			},
		} {
			Expect(apierrors.IsForbidden(attempt())).To(BeTrue(), name)
		}
	})
})
