package controller

import (
	"context"
	"os"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ringkv/ringkv/api/v1alpha1"
	"github.com/ringkv/ringkv/internal/certificate/certtest"
	"github.com/ringkv/ringkv/internal/controller/objects"
)

// certified is a Secret with a certificate, its key and the authority.
func certified(namespace, name string) *corev1.Secret {
	GinkgoHelper()
	authority, err := certtest.NewAuthority()
	Expect(err).NotTo(HaveOccurred())
	files, err := authority.Write(GinkgoT().TempDir(), "server", "demo")
	Expect(err).NotTo(HaveOccurred())
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Type:       corev1.SecretTypeTLS, Data: map[string][]byte{},
	}
	for key, file := range map[string]string{corev1.TLSCertKey: files.Cert, corev1.TLSPrivateKeyKey: files.Key, objects.ClientCAKey: files.ClientCA} {
		secret.Data[key], err = os.ReadFile(file)
		Expect(err).NotTo(HaveOccurred())
	}
	return secret
}

var _ = Describe("TLS of a KVCluster", func() {
	var b *bench
	BeforeEach(func(ctx context.Context) { b = newBench(ctx) })

	// serves returns what the StatefulSet has in its template.
	serves := func(ctx context.Context) *v1alpha1.TLSSpec {
		GinkgoHelper()
		var set appsv1.StatefulSet
		Expect(api.Get(ctx, client.ObjectKey{Namespace: b.ns, Name: "demo"}, &set)).To(Succeed())
		return objects.TLSOf(&set)
	}
	ports := func(ctx context.Context) (out []int32) {
		GinkgoHelper()
		var service corev1.Service
		Expect(api.Get(ctx, client.ObjectKey{Namespace: b.ns, Name: "demo"}, &service)).To(Succeed())
		for _, p := range service.Spec.Ports {
			out = append(out, p.Port)
		}
		return out
	}

	It("waits for a Secret that can be used, and then comes pod by pod", func(ctx context.Context) {
		b.create(ctx, "")
		b.settles(ctx)
		before := b.pods(ctx)
		b.kube.set(func(k *fakeKube) { k.watching, k.restarts = true, nil })

		tls := &v1alpha1.TLSSpec{SecretName: "demo-tls", ClientAuth: v1alpha1.ClientAuthRequire}
		b.change(ctx, func(s *v1alpha1.KVClusterSpec) { s.TLS = tls })
		Expect(b.says(ctx, v1alpha1.ConditionDegraded, "True CertificateUnusable")).To(ContainSubstring("there is no Secret demo-tls: make it with kubectl create secret tls"))
		Expect(b.says(ctx, v1alpha1.ConditionAvailable, "True AllPartitionsAvailable")).NotTo(BeEmpty())
		secret := certified(b.ns, "demo-tls")
		authority := secret.Data[objects.ClientCAKey]
		delete(secret.Data, objects.ClientCAKey)
		Expect(api.Create(ctx, secret)).To(Succeed())
		says := func() string { return b.says(ctx, v1alpha1.ConditionDegraded, "True CertificateUnusable") }
		Eventually(says).Should(ContainSubstring("has no ca.crt"))
		Expect(serves(ctx)).To(BeNil())
		Expect(b.pods(ctx)).To(Equal(before), "nothing is restarted for what could not start")

		secret.Data[objects.ClientCAKey] = authority
		Expect(api.Update(ctx, secret)).To(Succeed())
		Eventually(func(g Gomega) {
			after := b.pods(ctx)
			g.Expect(after).To(HaveLen(3))
			for name, uid := range before {
				g.Expect(after[name]).NotTo(Equal(uid))
			}
		}).Should(Succeed())
		b.settles(ctx)
		Expect(serves(ctx)).To(Equal(tls))
		Expect(ports(ctx)).To(ConsistOf(int32(6379), int32(6380), int32(8080), int32(6389), int32(6390)))
		b.kube.set(func(k *fakeKube) { Expect(k.mostStopped).To(Equal(1), "never two at a time") })
	})

	It("stays as it is while its Secret is gone, and nothing is restarted", func(ctx context.Context) {
		secret := certified(b.ns, "demo-tls")
		Expect(api.Create(ctx, secret)).To(Succeed())
		b.create(ctx, `{tls: {secretName: demo-tls}}`)
		b.settles(ctx)
		before := b.pods(ctx)
		Expect(api.Delete(ctx, secret)).To(Succeed())
		b.change(ctx, func(s *v1alpha1.KVClusterSpec) { s.Image = "ringkv:three" })
		b.says(ctx, v1alpha1.ConditionDegraded, "True CertificateUnusable")
		Consistently(func() any { return b.pods(ctx) }, "2s", "200ms").Should(Equal(before))
		Expect(serves(ctx)).To(Equal(&v1alpha1.TLSSpec{SecretName: "demo-tls", ClientAuth: v1alpha1.ClientAuthNone}))

		Expect(api.Create(ctx, certified(b.ns, "demo-tls"))).To(Succeed())
		Expect(b.settles(ctx).Status.Image).To(Equal("ringkv:three"))
		b.change(ctx, func(s *v1alpha1.KVClusterSpec) { s.TLS = nil })
		Eventually(func() any { return serves(ctx) }).Should(BeNil())
		b.settles(ctx)
		Expect(ports(ctx)).To(ConsistOf(int32(6379), int32(6380), int32(8080)))
	})

	DescribeTable("names what is wrong with a Secret", func(change func(*corev1.Secret), says string) {
		secret := certified("shop", "demo-tls")
		change(secret)
		Expect(unusable(secret, v1alpha1.ClientAuthRequire)).To(ContainSubstring(says))
	},
		Entry("no certificate", func(s *corev1.Secret) { delete(s.Data, "tls.crt") }, "Secret demo-tls has no tls.crt: spec.tls needs tls.crt, tls.key, ca.crt"),
		Entry("no key", func(s *corev1.Secret) { s.Data["tls.key"] = nil }, "has no tls.key"),
		Entry("a certificate that is none", func(s *corev1.Secret) { s.Data["tls.crt"] = []byte("x") }, "cannot be used: the certificate and its key"),
		Entry("the key of another", func(s *corev1.Secret) { s.Data["tls.key"] = certified("shop", "other").Data["tls.key"] }, "does not match"),
		Entry("authorities that are none", func(s *corev1.Secret) { s.Data["ca.crt"] = []byte("x") }, "the authorities of clients"),
	)
})
