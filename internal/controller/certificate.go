package controller

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ringkv/ringkv/api/v1alpha1"
	"github.com/ringkv/ringkv/internal/certificate"
	"github.com/ringkv/ringkv/internal/controller/objects"
)

// checkCertificate decides what TLS the pods should serve with: what spec.tls says, as
// soon as its Secret can be used. Until then pods that run keep what they have, since
// one that was replaced could not start again. Those of a new cluster wait for the
// Secret as pods do.
//
// The Secret is read past the cache, and only by its name: the operator may not list
// Secrets. So nothing wakes it when the Secret comes; a refusal makes it look again.
func (r *Reconciler) checkCertificate(ctx context.Context, s *scope) error {
	s.tls = s.kvc.Spec.TLS
	if s.tls == nil {
		return nil
	}
	secret := &corev1.Secret{}
	err := r.Reader.Get(ctx, client.ObjectKey{Namespace: s.kvc.Namespace, Name: s.tls.SecretName}, secret)
	switch {
	case apierrors.IsNotFound(err):
		s.noCertificate = fmt.Sprintf("there is no Secret %s: make it with kubectl create secret tls %s --cert=tls.crt --key=tls.key", s.tls.SecretName, s.tls.SecretName)
	case apierrors.IsForbidden(err):
		s.noCertificate = fmt.Sprintf("the operator may not read Secret %s: bring its role up to date: %v", s.tls.SecretName, err)
	case err != nil:
		return fmt.Errorf("read Secret %s: %w", s.tls.SecretName, err)
	default:
		s.noCertificate = unusable(secret, s.tls.ClientAuth)
	}
	if s.noCertificate == "" {
		return nil
	}
	s.refuse(reasonCertificateUnusable, s.noCertificate)
	if s.statefulSet != nil {
		s.tls = objects.TLSOf(s.statefulSet)
	}
	return nil
}

// unusable says why nodes could not serve with what is in a Secret; empty if they can.
func unusable(secret *corev1.Secret, auth v1alpha1.ClientAuth) string {
	needed := []string{corev1.TLSCertKey, corev1.TLSPrivateKeyKey}
	pem := certificate.PEM{Cert: secret.Data[corev1.TLSCertKey], Key: secret.Data[corev1.TLSPrivateKeyKey]}
	if auth == v1alpha1.ClientAuthRequire {
		needed = append(needed, objects.ClientCAKey)
		pem.ClientCA = secret.Data[objects.ClientCAKey]
	}
	for _, key := range needed {
		if len(secret.Data[key]) == 0 {
			return fmt.Sprintf("Secret %s has no %s: spec.tls needs %s", secret.Name, key, strings.Join(needed, ", "))
		}
	}
	if _, err := pem.Config(); err != nil {
		return fmt.Sprintf("Secret %s cannot be used: %v", secret.Name, err)
	}
	return ""
}
