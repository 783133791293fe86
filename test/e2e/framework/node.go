package framework

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// NodeStatus asks the node in a pod for its status, without the operator: through
// the API server's proxy, on the peer port.
func (d *Demo) NodeStatus(ctx context.Context, pod string) (*cluster.NodeStatus, error) {
	body, err := d.env.proxy(ctx, "GET", pod, 7000, "admin/status", nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s for its status: %w", pod, err)
	}
	var s cluster.NodeStatus
	if err := json.Unmarshal(body, &s); err != nil {
		return nil, fmt.Errorf("read the status of %s: %w", pod, err)
	}
	return &s, nil
}

// proxy calls a port of a pod through the API server.
func (e *Environment) proxy(ctx context.Context, method, pod string, port int, path string, query map[string]string) ([]byte, error) {
	r := e.Clientset.CoreV1().RESTClient().Verb(method).Namespace(Namespace).Resource("pods").
		Name(fmt.Sprintf("%s:%d", pod, port)).SubResource("proxy").Suffix(path)
	for k, v := range query {
		r = r.Param(k, v)
	}
	return r.Do(ctx).Raw()
}

// View is what all nodes that answered say at about the same time.
type View struct {
	Pods     []corev1.Pod
	Statuses map[string]*cluster.NodeStatus // by the name of the pod; only those that answered
	Errors   map[string]error               // by the name of the pod; of those that did not
}

// Look asks every node once.
func (d *Demo) Look(ctx context.Context) (*View, error) {
	pods, err := d.Pods(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(pods, func(a, b corev1.Pod) int { return cmp.Compare(a.Name, b.Name) })
	v := &View{Pods: pods, Statuses: map[string]*cluster.NodeStatus{}, Errors: map[string]error{}}
	for _, p := range pods {
		s, err := d.NodeStatus(ctx, p.Name)
		if err != nil {
			v.Errors[p.Name] = err
			continue
		}
		v.Statuses[p.Name] = s
	}
	return v, nil
}

// MustLook is Look for when every node must answer. The way to a node leads through
// the API server, which may fail once where the node does not.
func (d *Demo) MustLook(ctx context.Context) *View {
	ginkgo.GinkgoHelper()
	var v *View
	Within(ctx, AllAnswer, func(g gomega.Gomega) {
		var err error
		v, err = d.Look(ctx)
		g.Expect(err).NotTo(gomega.HaveOccurred())
		g.Expect(v.Errors).To(gomega.BeEmpty(), "nodes that do not answer")
	})
	return v
}

// Groups are the partitions as their leaders see them, by partition. A partition
// is missing when nobody claims to lead it; of two leaders the one of the higher
// term counts.
func (v *View) Groups() map[uint32]*cluster.ReplicaStatus {
	groups := map[uint32]*cluster.ReplicaStatus{}
	for _, s := range v.Statuses {
		for i := range s.Replicas {
			r := &s.Replicas[i]
			if r.Role != cluster.RoleLeader {
				continue
			}
			if g := groups[r.Partition]; g == nil || g.Term < r.Term {
				groups[r.Partition] = r
			}
		}
	}
	return groups
}

// PodOf is the pod in which a node answered, or "".
func (v *View) PodOf(id cluster.NodeID) string {
	for pod, s := range v.Statuses {
		if s.Node == id {
			return pod
		}
	}
	return ""
}

// Leaders counts the partitions that the node in a pod leads.
func (v *View) Leaders(pod string) int {
	n := 0
	if s := v.Statuses[pod]; s != nil {
		for _, r := range s.Replicas {
			if r.Role == cluster.RoleLeader {
				n++
			}
		}
	}
	return n
}

// BusiestPod leads the most partitions; "" when nobody leads any.
func (v *View) BusiestPod() string {
	best := ""
	for _, p := range v.Pods {
		if n := v.Leaders(p.Name); n > 0 && (best == "" || n > v.Leaders(best)) {
			best = p.Name
		}
	}
	return best
}

// CopiesMade is the number of copies of partitions that were ever made, those at
// the start included: every copy takes a replica ID that is never used again. The
// difference of two views is the number of copies that were moved in between.
func (v *View) CopiesMade() int {
	n := 0
	for _, g := range v.Groups() {
		n += int(g.Config.NextReplicaID) - 1
	}
	return n
}

// Copies is the number of voters that a pod's node is, as the leaders see it.
func (v *View) Copies(pod string) int {
	s := v.Statuses[pod]
	if s == nil {
		return 0
	}
	n := 0
	for _, g := range v.Groups() {
		if slices.ContainsFunc(g.Config.Voters, func(r cluster.Replica) bool { return r.Node == s.Node }) {
			n++
		}
	}
	return n
}

// Placement is a line for every partition: who holds it, in configuration. Two
// views with equal placements had no move in between.
func (v *View) Placement() []string {
	var lines []string
	for p, g := range v.Groups() {
		lines = append(lines, fmt.Sprintf("%4d: voters %v learners %v outgoing %v next %d",
			p, g.Config.Voters, g.Config.Learners, g.Config.Outgoing, g.Config.NextReplicaID))
	}
	slices.Sort(lines)
	return lines
}
