package framework

import (
	"context"
	"time"

	"github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
)

// WaitReplaced waits until a pod of the same name but not the same one is ready.
func (d *Demo) WaitReplaced(ctx context.Context, b Budget, old *corev1.Pod) {
	Within(ctx, b, func(g gomega.Gomega) {
		p, err := d.Pod(ctx, old.Name)
		g.Expect(err).NotTo(gomega.HaveOccurred())
		g.Expect(p.UID).NotTo(gomega.Equal(old.UID), "the pod %s is still the old one", p.Name)
		g.Expect(ready(p)).To(gomega.BeTrue(), "the pod %s is not ready", p.Name)
	})
}

// WaitRestarted waits until the container of the pod runs again and is ready.
func (d *Demo) WaitRestarted(ctx context.Context, b Budget, old *corev1.Pod) {
	Within(ctx, b, func(g gomega.Gomega) {
		p, err := d.Pod(ctx, old.Name)
		g.Expect(err).NotTo(gomega.HaveOccurred())
		g.Expect(p.UID).To(gomega.Equal(old.UID), "the pod %s was replaced", p.Name)
		g.Expect(p.Status.ContainerStatuses[0].RestartCount).To(gomega.BeNumerically(">", old.Status.ContainerStatuses[0].RestartCount), "restarts of %s", p.Name)
		g.Expect(ready(p)).To(gomega.BeTrue(), "the pod %s is not ready", p.Name)
	})
}

func ready(p *corev1.Pod) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue && p.DeletionTimestamp == nil
		}
	}
	return false
}

// Wait lets time pass. It is for scenarios in which time itself is the test:
// whoever waits for something waits for that.
func Wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
