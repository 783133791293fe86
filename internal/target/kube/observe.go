package kube

import (
	"cmp"
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ringkv/ringkv/api/v1alpha1"
	"github.com/ringkv/ringkv/internal/controller/objects"
	"github.com/ringkv/ringkv/internal/target"
)

// Observe implements target.Target.
func (k *Cluster) Observe(ctx context.Context) (*target.Observation, error) {
	kvc, err := k.get(ctx)
	if err != nil {
		return nil, err
	}
	var pods corev1.PodList
	if err := k.client.List(ctx, &pods, client.InNamespace(k.key.Namespace), client.MatchingLabelsSelector{Selector: objects.Selector(k.key.Name)}); err != nil {
		return nil, unreachable("list the pods of %s: %w", k, err)
	}
	o := describe(kvc)
	o.Name, o.At = k.String(), time.Now()
	o.Nodes = nodesOf(kvc, pods.Items)
	k.ask(ctx, o)

	var cm corev1.ConfigMap
	if o.RecordErr = k.client.Get(ctx, types.NamespacedName{Namespace: k.key.Namespace, Name: objects.RecordName(k.key.Name)}, &cm); o.RecordErr == nil {
		o.Record, o.RecordErr = objects.ReadRecord(&cm)
	} else if kvc.Status.ClusterID == "" {
		o.RecordErr = nil // there is none yet
	}
	return o, nil
}

// ask asks those nodes whose pods run.
func (k *Cluster) ask(ctx context.Context, o *target.Observation) {
	excuses := map[string]error{}
	for i := range o.Nodes {
		excuses[o.Nodes[i].Name] = o.Nodes[i].Err
	}
	k.asker.Ask(ctx, o.Nodes, func(ctx context.Context, node string) (string, error) {
		if err := excuses[node]; err != nil {
			return "", err
		}
		return k.Address(ctx, node, target.Peer)
	})
}

// describe is what the operator says.
func describe(kvc *v1alpha1.KVCluster) *target.Observation {
	s := &kvc.Status
	is := func(condition string) bool { return meta.IsStatusConditionTrue(s.Conditions, condition) }
	o := &target.Observation{
		Wanted: target.Wanted{
			Nodes: int(cmp.Or(kvc.Spec.Nodes, 3)), ReplicationFactor: int(cmp.Or(kvc.Spec.ReplicationFactor, 3)),
			Partitions: int(cmp.Or(kvc.Spec.Partitions, 64)), VirtualNodes: int(cmp.Or(kvc.Spec.VirtualNodes, 128)),
		},
		Available: is(v1alpha1.ConditionAvailable),
		Progress: target.Progress{
			MovesDone: int(s.Rebalance.MovesDone), MovesTotal: int(s.Rebalance.MovesTotal),
			BytesDone: uint64(s.Rebalance.BytesDone), BytesTotal: uint64(s.Rebalance.BytesTotal),
		},
	}
	current := s.ObservedGeneration == kvc.Generation
	o.Settled = current && is(v1alpha1.ConditionRebalanced) && !is(v1alpha1.ConditionProgressing) && s.Nodes == kvc.Spec.Nodes
	if s.Rebalance.ETA != nil {
		o.Progress.ETA = max(time.Until(s.Rebalance.ETA.Time), 0)
	}
	if s.Rebalance.Reason != "" {
		o.Notes = append(o.Notes, s.Rebalance.Reason)
	}
	if c := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionProgressing); c != nil && c.Status == metav1.ConditionTrue {
		o.Notes = append(o.Notes, c.Message)
	}
	if s.Rebalance.Blocked != "" {
		o.Blocked = append(o.Blocked, s.Rebalance.Blocked)
	}
	for _, c := range s.Conditions {
		bad := c.Type == v1alpha1.ConditionDegraded && c.Status == metav1.ConditionTrue ||
			c.Type == v1alpha1.ConditionAvailable && c.Status == metav1.ConditionFalse
		if bad && c.Message != s.Rebalance.Blocked {
			o.Blocked = append(o.Blocked, fmt.Sprintf("%s: %s", c.Reason, c.Message))
		}
	}
	o.Stale = stale(kvc)
	return o
}

// operatorPatience is how long the operator may take to notice a change of the spec.
const operatorPatience = 30 * time.Second

// stale says why what the operator says may be old: it has not looked at a spec that
// is not that new.
func stale(kvc *v1alpha1.KVCluster) string {
	if kvc.Status.ObservedGeneration == kvc.Generation {
		return ""
	}
	changed := kvc.CreationTimestamp.Time
	for _, f := range kvc.ManagedFields {
		if f.Time != nil && f.Subresource != "status" && f.Time.After(changed) {
			changed = f.Time.Time
		}
	}
	since := time.Since(changed)
	if since < operatorPatience {
		return ""
	}
	return fmt.Sprintf("the operator has not looked at the spec since it was changed %s ago", since.Round(time.Second))
}

// nodesOf are the pods that are wanted, that there are, and that are members still.
func nodesOf(kvc *v1alpha1.KVCluster, pods []corev1.Pod) []target.Node {
	wanted := int(cmp.Or(kvc.Spec.Nodes, 3))
	n := wanted
	byOrdinal := map[int]*corev1.Pod{}
	for i := range pods {
		if ordinal, ok := objects.Ordinal(kvc.Name, pods[i].Name); ok {
			byOrdinal[ordinal] = &pods[i]
			n = max(n, ordinal+1)
		}
	}
	zones := map[string]string{}
	for _, m := range kvc.Status.Members {
		if ordinal, ok := objects.Ordinal(kvc.Name, m.Name); ok && m.State != v1alpha1.MemberLost {
			zones[m.Name] = m.Zone
			n = max(n, ordinal+1)
		}
	}
	nodes := make([]target.Node, n)
	for i := range nodes {
		name := objects.PodName(kvc.Name, i)
		host := objects.PodHost(kvc.Namespace, kvc.Name, name)
		nodes[i] = target.Node{
			Name: name, Zone: zones[name], Leaving: i >= wanted, Asked: time.Now(),
			Addresses: map[target.Port]string{
				target.RESP: fmt.Sprintf("%s:%d", host, objects.PortRESP), target.Peer: fmt.Sprintf("%s:%d", host, objects.PortPeer),
				target.HTTP: fmt.Sprintf("%s:%d", host, objects.PortHTTP), target.Metrics: fmt.Sprintf("%s:%d", host, objects.PortMetrics),
				target.ClusterRESP: fmt.Sprintf("%s:%d", host, objects.PortCluster),
			},
		}
		describePod(&nodes[i], byOrdinal[i])
	}
	return nodes
}

// describePod fills in what Kubernetes knows. Err is why the node need not be asked.
func describePod(n *target.Node, pod *corev1.Pod) {
	if pod == nil {
		n.Err = fmt.Errorf("there is no pod %s", n.Name)
		return
	}
	for _, c := range pod.Status.ContainerStatuses {
		if c.Name != objects.ContainerName {
			continue
		}
		n.Restarts = int(c.RestartCount)
		if end := c.LastTerminationState.Terminated; end != nil {
			n.LastExit = fmt.Sprintf("%s, exit code %d", end.Reason, end.ExitCode)
		}
		if waiting := c.State.Waiting; waiting != nil {
			n.Err = fmt.Errorf("its container does not run: %s", joined(waiting.Reason, waiting.Message))
			return
		}
	}
	if pod.Status.Phase != corev1.PodRunning {
		n.Err = fmt.Errorf("its pod is %s", pod.Status.Phase)
		for _, c := range pod.Status.Conditions {
			if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
				n.Err = fmt.Errorf("its pod is %s: %s", pod.Status.Phase, joined(c.Reason, c.Message))
			}
		}
		return
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status != corev1.ConditionTrue {
			n.NotReady = "its pod is not ready: " + joined(c.Reason, c.Message)
		}
	}
}

func joined(reason, message string) string {
	if message == "" {
		return reason
	}
	return reason + ": " + message
}
