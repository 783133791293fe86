package framework

import (
	"context"
	"math"

	"github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// ExpectShape asks the nodes themselves whether the cluster at rest is as its
// spec says: every partition has a leader and exactly the wanted number of
// voters, on different nodes and in as many zones as there are, nobody holds
// anything else, and no node holds more than its bounded share.
//
// Only placement by load is bound: where the zones have different numbers of
// nodes, spreading over zones comes first, so the bound is that of each zone.
func (d *Demo) ExpectShape(ctx context.Context) {
	c := d.Current(ctx)
	zones, err := d.zones(ctx)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	v := d.MustLook(ctx)
	factor := int(c.Spec.ReplicationFactor)
	gomega.Expect(v.Statuses).To(gomega.HaveLen(int(c.Spec.Nodes)), "nodes")

	groups := v.Groups()
	gomega.Expect(groups).To(gomega.HaveLen(int(c.Spec.Partitions)), "partitions with a leader")
	for p, g := range groups {
		gomega.Expect(g.Config.Voters).To(gomega.HaveLen(factor), "voters of partition %d", p)
		gomega.Expect(g.Config.Learners).To(gomega.BeEmpty(), "learners of partition %d", p)
		gomega.Expect(g.Config.Outgoing).To(gomega.BeEmpty(), "old voters of partition %d", p)
		gomega.Expect(v.zonesOf(g.Config.Voters, zones)).To(gomega.HaveLen(min(factor, len(distinct(zones)))), "zones of partition %d", p)
	}
	held := 0
	for _, p := range v.Pods {
		replicas := v.Statuses[p.Name].Replicas
		held += len(replicas)
		gomega.Expect(replicas).To(gomega.HaveLen(v.Copies(p.Name)), "replicas on %s: as many as the groups know of", p.Name)
	}
	gomega.Expect(held).To(gomega.Equal(int(c.Spec.Partitions)*factor), "replicas on all nodes")
	v.expectBalance(int(c.Spec.Partitions)*factor, zones)
}

// loadBound is how much above the average a node's copies may be.
const loadBound = 0.15

// expectBalance checks the bound on all nodes together where all zones have the
// same number of nodes, else in each zone.
func (v *View) expectBalance(copies int, zones map[string]string) {
	perZone := map[string][]string{}
	for _, p := range v.Pods {
		perZone[zones[p.Name]] = append(perZone[zones[p.Name]], p.Name)
	}
	even := true
	for _, pods := range perZone {
		even = even && len(pods)*len(perZone) == len(v.Pods)
	}
	if even {
		perZone = map[string][]string{"": nil}
		for _, p := range v.Pods {
			perZone[""] = append(perZone[""], p.Name)
		}
	}
	for zone, pods := range perZone {
		total := copies
		if !even {
			total = 0
			for _, p := range pods {
				total += v.Copies(p)
			}
		}
		average := float64(total) / float64(len(pods))
		limit := int(math.Max(math.Ceil(average), math.Floor((1+loadBound)*average)))
		for _, p := range pods {
			gomega.Expect(v.Copies(p)).To(gomega.BeNumerically("<=", limit), "copies on %s (zone %q, average %.1f)", p, zone, average)
		}
	}
}

// zones are the zones of the Kubernetes nodes that the pods run on, by pod.
func (d *Demo) zones(ctx context.Context) (map[string]string, error) {
	var nodes corev1.NodeList
	if err := d.env.Client.List(ctx, &nodes); err != nil {
		return nil, err
	}
	byNode := map[string]string{}
	for _, n := range nodes.Items {
		byNode[n.Name] = n.Labels[corev1.LabelTopologyZone]
	}
	pods, err := d.Pods(ctx)
	if err != nil {
		return nil, err
	}
	byPod := map[string]string{}
	for _, p := range pods {
		if p.Spec.NodeName != "" {
			byPod[p.Name] = byNode[p.Spec.NodeName]
		}
	}
	return byPod, nil
}

// zonesOf are the distinct zones of replicas whose nodes answered.
func (v *View) zonesOf(replicas []cluster.Replica, zones map[string]string) []string {
	in := map[string]string{}
	for _, r := range replicas {
		if pod := v.PodOf(r.Node); pod != "" {
			in[pod] = zones[pod]
		}
	}
	return distinct(in)
}

func distinct(m map[string]string) []string {
	seen := map[string]bool{}
	var values []string
	for _, v := range m {
		if !seen[v] {
			seen[v] = true
			values = append(values, v)
		}
	}
	return values
}
