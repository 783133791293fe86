package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/ringkv/ringkv/api/v1alpha1"
	"github.com/ringkv/ringkv/internal/controller/objects"
	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/rpc"
	"github.com/ringkv/ringkv/internal/target"
	"github.com/ringkv/ringkv/internal/target/targettest"
)

// pods are the nodes of a test cluster, each behind a server of its own, as pods
// are behind forwarded ports.
type pods struct {
	servers map[string]*httptest.Server
	ended   map[string]chan struct{}
	opened  atomic.Int32 // forwards
}

// node answers with the status that it is given.
type node struct {
	cluster.Admin
	status *cluster.NodeStatus
}

func (n node) Status(context.Context) (*cluster.NodeStatus, error) { return n.status, nil }

func startPods(t *testing.T, seen *target.Observation) *pods {
	p := &pods{servers: map[string]*httptest.Server{}, ended: map[string]chan struct{}{}}
	for i := range seen.Nodes {
		name := objects.PodName("demo", i)
		seen.Nodes[i].Status.Name = name
		p.servers[name] = httptest.NewServer(rpc.NewHandler(node{status: seen.Nodes[i].Status}))
		p.ended[name] = make(chan struct{})
		t.Cleanup(p.servers[name].Close)
	}
	return p
}

func (p *pods) forward(_ context.Context, pod string, port int) (string, <-chan struct{}, func(), error) {
	server := p.servers[pod]
	if server == nil || port != objects.PortPeer {
		return "", nil, nil, errors.New("no such pod")
	}
	p.opened.Add(1)
	return strings.TrimPrefix(server.URL, "http://"), p.ended[pod], func() {}, nil
}

func pod(i int) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: objects.PodName("demo", i), Labels: objects.SelectorLabels("demo")},
		Status: corev1.PodStatus{
			Phase:             corev1.PodRunning,
			Conditions:        []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
			ContainerStatuses: []corev1.ContainerStatus{{Name: objects.ContainerName, RestartCount: 2}},
		},
	}
}

// demo is a KVCluster with all well.
func demo(seen *target.Observation) (*v1alpha1.KVCluster, *corev1.ConfigMap) {
	kvc := &v1alpha1.KVCluster{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "demo", Generation: 4},
		Spec:       v1alpha1.KVClusterSpec{Nodes: int32(len(seen.Nodes)), ReplicationFactor: 3, Partitions: 16, VirtualNodes: 128},
		Status: v1alpha1.KVClusterStatus{
			ObservedGeneration: 4, Nodes: int32(len(seen.Nodes)), ClusterID: "c1",
			Conditions: []metav1.Condition{
				{Type: v1alpha1.ConditionAvailable, Status: metav1.ConditionTrue},
				{Type: v1alpha1.ConditionRebalanced, Status: metav1.ConditionTrue},
				{Type: v1alpha1.ConditionProgressing, Status: metav1.ConditionFalse},
			},
		},
	}
	data, err := objects.RecordData(seen.Record)
	if err != nil {
		panic(err) // plain data
	}
	return kvc, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "demo-map"}, Data: data}
}

// open makes a cluster of the objects; the pods are those that seen has.
func open(t *testing.T, seen *target.Observation, name string, objs ...client.Object) (*Cluster, client.Client, *pods) {
	t.Helper()
	p := startPods(t, seen)
	for i := range seen.Nodes {
		objs = append(objs, pod(i))
	}
	c := fake.NewClientBuilder().WithScheme(scheme()).WithObjects(objs...).WithStatusSubresource(&v1alpha1.KVCluster{}).Build()
	k, err := New(t.Context(), c, p.forward, "shop", name)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, k.Close()) })
	return k, c, p
}

func TestAnObservationHasWhatOperatorAndNodesSay(t *testing.T) {
	seen := targettest.Observe(4, 16, 3)
	kvc, record := demo(seen)
	k, _, p := open(t, seen, "", kvc, record)
	require.Equal(t, "KVCluster shop/demo", k.String(), "the only one needs no name")
	o, err := k.Observe(t.Context())
	require.NoError(t, err)
	require.True(t, o.Ready())
	s := o.Summarize()
	require.EqualValues(t, 16*101, s.Keys)
	require.Equal(t, 3, s.ReplicationFactor)
	require.Len(t, s.Nodes, 4)
	require.Equal(t, "demo-0", s.Nodes[0].Name)
	require.Equal(t, "UP", s.Nodes[0].State)
	require.Equal(t, 2, s.Nodes[0].Restarts)
	require.Equal(t, "demo-0.demo-nodes.shop.svc:6379", s.Nodes[0].RESP)
	require.NotNil(t, o.Record)

	_, err = k.Observe(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 4, p.opened.Load(), "the ways to the pods stay open")
	close(p.ended["demo-1"])
	_, err = k.Observe(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 5, p.opened.Load(), "one that ended is made anew")
}

func TestWhatKubernetesKnowsOfAPodIsSaid(t *testing.T) {
	seen := targettest.Observe(3, 16, 3)
	kvc, record := demo(seen)
	kvc.Spec.Nodes = 5
	k, c, _ := open(t, seen, "demo", kvc, record)
	pending := pod(3)
	pending.Status = corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{
		{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/3 nodes are available"},
	}}
	require.NoError(t, c.Create(t.Context(), pending))
	crashing := &corev1.Pod{}
	require.NoError(t, c.Get(t.Context(), client.ObjectKeyFromObject(pod(1)), crashing))
	crashing.Status.ContainerStatuses[0].State.Waiting = &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}
	crashing.Status.ContainerStatuses[0].LastTerminationState.Terminated = &corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 2}
	require.NoError(t, c.Status().Update(t.Context(), crashing))

	o, err := k.Observe(t.Context())
	require.NoError(t, err)
	require.False(t, o.Settled, "there are fewer nodes than wanted")
	require.Len(t, o.Nodes, 5)
	require.Equal(t, "its container does not run: CrashLoopBackOff", o.Nodes[1].Problem())
	require.Equal(t, "Error, exit code 2", o.Nodes[1].LastExit)
	require.Equal(t, "its pod is Pending: Unschedulable: 0/3 nodes are available", o.Nodes[3].Problem())
	require.Equal(t, "there is no pod demo-4", o.Nodes[4].Problem())
	require.True(t, o.Nodes[2].Up())
}

func TestWhatTheOperatorWaitsForIsSaid(t *testing.T) {
	seen := targettest.Observe(3, 16, 3)
	kvc, record := demo(seen)
	eta := metav1.NewTime(time.Now().Add(time.Minute))
	kvc.Status.Rebalance = v1alpha1.RebalanceStatus{Reason: "2 nodes joined", MovesDone: 1, MovesTotal: 5, Blocked: "waiting for demo-3", ETA: &eta}
	kvc.Status.Conditions[1].Status = metav1.ConditionFalse
	kvc.Status.Conditions = append(kvc.Status.Conditions, metav1.Condition{Type: v1alpha1.ConditionDegraded, Status: metav1.ConditionTrue, Reason: "NodeDown", Message: "demo-2 is down"})
	kvc.Generation, kvc.CreationTimestamp = 5, metav1.NewTime(time.Now().Add(-time.Hour))
	k, _, _ := open(t, seen, "demo", kvc, record)
	o, err := k.Observe(t.Context())
	require.NoError(t, err)
	require.False(t, o.Settled)
	require.Equal(t, []string{"waiting for demo-3", "NodeDown: demo-2 is down"}, o.Blocked)
	require.Equal(t, "2 nodes joined", o.Notes[0])
	require.Equal(t, 5, o.Progress.MovesTotal)
	require.InDelta(t, time.Minute.Seconds(), o.Progress.ETA.Seconds(), 10)
	require.Contains(t, o.Stale, "the operator has not looked at the spec")
}

func TestWishesChangeTheSpec(t *testing.T) {
	seen := targettest.Observe(4, 16, 3)
	kvc, record := demo(seen)
	k, c, _ := open(t, seen, "demo", kvc, record)
	spec := func() (nodes, copies int32) {
		var now v1alpha1.KVCluster
		require.NoError(t, c.Get(t.Context(), client.ObjectKeyFromObject(kvc), &now))
		return now.Spec.Nodes, now.Spec.ReplicationFactor
	}
	o, err := k.Observe(t.Context())
	require.NoError(t, err)
	require.Equal(t, "demo-4", k.NextName(o))
	require.Equal(t, "demo-3", k.LastToGo(o))
	require.NoError(t, k.AddNode(t.Context(), target.NewNode{Name: "demo-4"}))
	nodes, _ := spec()
	require.EqualValues(t, 5, nodes)
	require.NoError(t, k.RemoveNode(t.Context(), "demo-4"))
	require.NoError(t, k.RemoveNode(t.Context(), "demo-3"))
	require.NoError(t, k.SetReplicationFactor(t.Context(), 2))
	require.NoError(t, k.Rebalance(t.Context()))
	nodes, copies := spec()
	require.EqualValues(t, []int32{3, 2}, []int32{nodes, copies})

	for _, refused := range []error{
		k.AddNode(t.Context(), target.NewNode{Name: "demo-9"}), k.AddNode(t.Context(), target.NewNode{Name: "demo-3", Port: 5003}),
		k.RemoveNode(t.Context(), "demo-0"), k.RemoveNode(t.Context(), "demo-3"), k.RemoveNode(t.Context(), "other"),
	} {
		require.ErrorIs(t, refused, target.ErrRefused)
	}
	nodes, copies = spec()
	require.EqualValues(t, []int32{3, 2}, []int32{nodes, copies}, "what is refused changes nothing")
}

func TestTwoWishesAtOnceAreBothGranted(t *testing.T) {
	seen := targettest.Observe(3, 16, 3)
	kvc, record := demo(seen)
	k, c, _ := open(t, seen, "demo", kvc, record)
	errs := make(chan error, 2)
	go func() { errs <- k.SetReplicationFactor(t.Context(), 2) }()
	go func() { errs <- k.AddNode(t.Context(), target.NewNode{Name: "demo-3"}) }()
	require.NoError(t, errors.Join(<-errs, <-errs))
	var now v1alpha1.KVCluster
	require.NoError(t, c.Get(t.Context(), client.ObjectKeyFromObject(kvc), &now))
	require.EqualValues(t, []int32{4, 2}, []int32{now.Spec.Nodes, now.Spec.ReplicationFactor})
}

func TestAClusterThatIsNotThereIsAClearError(t *testing.T) {
	seen := targettest.Observe(0, 16, 1)
	k, c, _ := open(t, seen, "none")
	_, err := k.Observe(t.Context())
	require.ErrorIs(t, err, target.ErrUnreachable)
	require.ErrorContains(t, err, "there is no KVCluster none in namespace shop")
	_, err = New(t.Context(), c, nil, "shop", "")
	require.ErrorContains(t, err, "there is no KVCluster in namespace shop")
	for i := range 2 {
		require.NoError(t, c.Create(t.Context(), &v1alpha1.KVCluster{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprintf("c%d", i)}}))
	}
	_, err = New(t.Context(), c, nil, "shop", "")
	require.ErrorContains(t, err, "choose one with --cluster: c0 c1")
	_, err = Open(t.Context(), Options{Kubeconfig: "/no/such/file"})
	require.ErrorIs(t, err, target.ErrUnreachable)
}
