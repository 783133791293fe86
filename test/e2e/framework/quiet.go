package framework

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ringkv/ringkv/api/v1alpha1"
)

// Versions are the resource versions of everything in the namespace that a
// KVCluster consists of or that follows from it, by kind and name.
func (e *Environment) Versions(ctx context.Context) (map[string]string, error) {
	versions := map[string]string{}
	for _, list := range []client.ObjectList{
		&v1alpha1.KVClusterList{}, &appsv1.StatefulSetList{}, &corev1.PodList{}, &corev1.ServiceList{},
		&corev1.ServiceAccountList{}, &corev1.ConfigMapList{}, &corev1.PersistentVolumeClaimList{},
		&policyv1.PodDisruptionBudgetList{}, &discoveryv1.EndpointSliceList{}, &corev1.EventList{},
	} {
		if err := e.Client.List(ctx, list, client.InNamespace(Namespace)); err != nil {
			return nil, fmt.Errorf("list %T: %w", list, err)
		}
		if err := meta.EachListItem(list, func(o runtime.Object) error {
			item := o.(client.Object)
			versions[fmt.Sprintf("%T %s", item, item.GetName())] = item.GetResourceVersion()
			return nil
		}); err != nil {
			return nil, err
		}
	}
	return versions, nil
}

// watched are the resources that only the operator writes, or others because of
// what it wrote. Leases, nodes and tokens are renewed by the clock.
var watched = []string{
	"kvclusters", "statefulsets", "deployments", "pods", "services", "serviceaccounts", "configmaps", "secrets",
	"persistentvolumeclaims", "persistentvolumes", "poddisruptionbudgets", "endpointslices", "events",
}

var (
	requestLine = regexp.MustCompile(`^apiserver_request_total\{(.*)\} ([0-9.e+]+)$`)
	labelPair   = regexp.MustCompile(`([a-z_]+)="([^"]*)"`)
)

// Writes counts all writes that the API server was ever asked for, by verb and
// resource: those that changed nothing too, which no resource version shows.
func (e *Environment) Writes(ctx context.Context) (map[string]int, error) {
	body, err := e.Clientset.CoreV1().RESTClient().Get().AbsPath("/metrics").Do(ctx).Raw()
	if err != nil {
		return nil, fmt.Errorf("read the API server's metrics: %w", err)
	}
	writes := map[string]int{}
	lines := bufio.NewScanner(bytes.NewReader(body))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		match := requestLine.FindStringSubmatch(lines.Text())
		if match == nil {
			continue
		}
		labels := map[string]string{}
		for _, pair := range labelPair.FindAllStringSubmatch(match[1], -1) {
			labels[pair[1]] = pair[2]
		}
		if !slices.Contains([]string{"APPLY", "PATCH", "PUT", "POST", "DELETE", "DELETECOLLECTION"}, labels["verb"]) ||
			!slices.Contains(watched, labels["resource"]) || slices.Contains([]string{"token", "proxy"}, labels["subresource"]) {
			continue
		}
		n, err := strconv.ParseFloat(match[2], 64)
		if err != nil {
			return nil, fmt.Errorf("read %q: %w", lines.Text(), err)
		}
		what := labels["verb"] + " " + labels["resource"]
		if s := labels["subresource"]; s != "" {
			what += "/" + s
		}
		writes[what] += int(n)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(writes) == 0 {
		return nil, fmt.Errorf("the API server's metrics count no writes at all: apiserver_request_total is not what it was")
	}
	return writes, nil
}

// Changes are the entries of after that differ from before, and those that are
// gone.
func Changes[T comparable](before, after map[string]T) []string {
	var changes []string
	for k, v := range after {
		if old, ok := before[k]; !ok || old != v {
			changes = append(changes, fmt.Sprintf("%s: %v -> %v", k, old, v))
		}
	}
	for k := range before {
		if _, ok := after[k]; !ok {
			changes = append(changes, k+": gone")
		}
	}
	slices.Sort(changes)
	return changes
}

// WaitSettled waits until what earlier scenarios have left to do is done, volumes
// that are still being deleted for instance: ten seconds without a write, and every
// pod's status says that it runs. A kubelet may notice that a minute after the pod does,
// and writes then; the load's pod serves before.
// The API server counts for all namespaces together, so no other KVCluster may be
// there.
func (e *Environment) WaitSettled(ctx context.Context) {
	var all v1alpha1.KVClusterList
	gomega.Expect(e.Client.List(ctx, &all)).To(gomega.Succeed())
	for _, c := range all.Items {
		gomega.Expect(c.Namespace).To(gomega.Equal(Namespace), "namespace of %s: another KVCluster makes writes too", c.Name)
	}
	var before map[string]int
	settled := Settled
	settled.Poll = 10 * time.Second
	Within(ctx, settled, func(g gomega.Gomega) {
		last := before
		now, err := e.Writes(ctx)
		g.Expect(err).NotTo(gomega.HaveOccurred())
		before = now
		g.Expect(last).NotTo(gomega.BeNil(), "look twice")
		g.Expect(Changes(last, now)).To(gomega.BeEmpty(), "writes in ten seconds")
		var pods corev1.PodList
		g.Expect(e.Client.List(ctx, &pods, client.InNamespace(Namespace))).To(gomega.Succeed())
		for _, p := range pods.Items {
			g.Expect(ready(&p)).To(gomega.BeTrue(), "%s is ready, as its kubelet sees it", p.Name)
		}
	})
}
