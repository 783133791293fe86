package framework

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// release is the name of the helm release, and with it of the manager's objects.
const release = "ringkv"

// InstallOperator installs or upgrades the operator from charts/ringkv. More
// values are `--set` arguments. It returns what helm printed.
func (e *Environment) InstallOperator(ctx context.Context, image string, values ...string) (string, error) {
	repository, tag, ok := strings.Cut(image, ":")
	if !ok {
		return "", fmt.Errorf("image %q: want repository:tag", image)
	}
	args := []string{
		"upgrade", "--install", release, filepath.Join(e.Root, "charts", "ringkv"),
		"--namespace", OperatorNamespace, "--create-namespace",
		"--set", "image.repository=" + repository, "--set", "image.tag=" + tag,
		"--wait", "--timeout", OperatorInstalled.Limit.String(),
	}
	for _, v := range values {
		args = append(args, "--set", v)
	}
	return e.Helm(ctx, args...)
}

// OperatorInstalled tells whether the helm release is there.
func (e *Environment) OperatorInstalled(ctx context.Context) bool {
	_, err := e.Helm(ctx, "status", release, "--namespace", OperatorNamespace)
	return err == nil
}

// ScaleOperator sets how many managers run and waits until that is so, and for
// one that leads unless there are none.
func (e *Environment) ScaleOperator(ctx context.Context, replicas int32) {
	d, err := e.manager(ctx)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	patch := client.MergeFrom(d.DeepCopy())
	d.Spec.Replicas = ptr.To(replicas)
	gomega.Expect(e.Client.Patch(ctx, d, patch)).To(gomega.Succeed(), "scale the manager to %d", replicas)
	if replicas == 0 {
		Within(ctx, OperatorGone, func(g gomega.Gomega) {
			pods, err := e.ManagerPods(ctx)
			g.Expect(err).NotTo(gomega.HaveOccurred())
			g.Expect(pods).To(gomega.BeEmpty())
		})
		return
	}
	e.WaitForOperator(ctx)
}

// WaitForOperator waits until all managers are ready and one of them leads.
func (e *Environment) WaitForOperator(ctx context.Context) {
	Within(ctx, OperatorLeads, func(g gomega.Gomega) {
		d, err := e.manager(ctx)
		g.Expect(err).NotTo(gomega.HaveOccurred())
		g.Expect(d.Status.ReadyReplicas).To(gomega.Equal(ptr.Deref(d.Spec.Replicas, 1)), "ready managers")
		leader, err := e.Leader(ctx)
		g.Expect(err).NotTo(gomega.HaveOccurred())
		g.Expect(leader).NotTo(gomega.BeNil(), "a manager that leads")
	})
}

// manager is the Deployment of the helm release.
func (e *Environment) manager(ctx context.Context) (*appsv1.Deployment, error) {
	var list appsv1.DeploymentList
	if err := e.Client.List(ctx, &list, client.InNamespace(OperatorNamespace), client.MatchingLabels{"app.kubernetes.io/instance": release}); err != nil {
		return nil, err
	}
	if len(list.Items) != 1 {
		return nil, fmt.Errorf("%d deployments of the helm release %s in %s: want 1", len(list.Items), release, OperatorNamespace)
	}
	return &list.Items[0], nil
}

// WaitForOtherManagers waits until none of the old pods is left, and the others
// work.
func (e *Environment) WaitForOtherManagers(ctx context.Context, old []corev1.Pod) {
	Within(ctx, OperatorLeads, func(g gomega.Gomega) {
		pods, err := e.ManagerPods(ctx)
		g.Expect(err).NotTo(gomega.HaveOccurred())
		for _, p := range pods {
			for _, o := range old {
				g.Expect(p.UID).NotTo(gomega.Equal(o.UID), "the manager %s is one of the old ones", p.Name)
			}
		}
	})
	e.WaitForOperator(ctx)
}

// ManagerPods are the pods of the managers, those that are ending included.
func (e *Environment) ManagerPods(ctx context.Context) ([]corev1.Pod, error) {
	d, err := e.manager(ctx)
	if err != nil {
		return nil, err
	}
	var list corev1.PodList
	err = e.Client.List(ctx, &list, client.InNamespace(OperatorNamespace), client.MatchingLabels(d.Spec.Selector.MatchLabels))
	return list.Items, err
}

// Leader is the pod of the manager that holds the lease, or nil when its holder
// has no pod (any more).
func (e *Environment) Leader(ctx context.Context) (*corev1.Pod, error) {
	var leases coordinationv1.LeaseList
	if err := e.Client.List(ctx, &leases, client.InNamespace(OperatorNamespace)); err != nil {
		return nil, err
	}
	pods, err := e.ManagerPods(ctx)
	if err != nil {
		return nil, err
	}
	for _, lease := range leases.Items {
		holder, _, _ := strings.Cut(ptr.Deref(lease.Spec.HolderIdentity, ""), "_")
		for i := range pods {
			if pods[i].Name == holder && pods[i].DeletionTimestamp == nil {
				return &pods[i], nil
			}
		}
	}
	return nil, nil
}

// KillLeader kills the leading manager with SIGKILL, so that it cannot give its
// lease back, and lets its Deployment make another pod: the kubelet would only
// restart the container after longer and longer pauses. It returns the name of
// the pod, or "" when no manager leads right now, which is then killed enough.
func (e *Environment) KillLeader(ctx context.Context) (string, error) {
	leader, err := e.Leader(ctx)
	if err != nil || leader == nil {
		return "", err
	}
	if err := e.KillContainer(ctx, leader); err != nil {
		return "", err
	}
	return leader.Name, client.IgnoreNotFound(e.Client.Delete(ctx, leader, client.GracePeriodSeconds(0)))
}

// KillContainer sends SIGKILL to the only container of a pod, from outside: our
// images have no shell.
func (e *Environment) KillContainer(ctx context.Context, pod *corev1.Pod) error {
	if len(pod.Status.ContainerStatuses) != 1 {
		return fmt.Errorf("pod %s reports %d containers: want 1", pod.Name, len(pod.Status.ContainerStatuses))
	}
	id := strings.TrimPrefix(pod.Status.ContainerStatuses[0].ContainerID, "containerd://")
	_, err := e.OnNode(ctx, pod.Spec.NodeName, "ctr", "--namespace", "k8s.io", "tasks", "kill", "--signal", "SIGKILL", id)
	return err
}
