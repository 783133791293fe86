package controller

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/ringkv/ringkv/api/v1alpha1"
)

// parse reads a KVCluster as a user writes it: what is not there is not sent.
func parse(namespace, name, spec string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{}}
	if spec != "" {
		m := map[string]any{}
		ExpectWithOffset(1, yaml.Unmarshal([]byte(spec), &m)).To(Succeed())
		u.Object["spec"] = m
	}
	u.SetAPIVersion(v1alpha1.GroupVersion.String())
	u.SetKind("KVCluster")
	u.SetNamespace(namespace)
	u.SetName(name)
	return u
}

// newNamespace makes a namespace for one spec.
func newNamespace(ctx context.Context) string {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "spec-"}}
	ExpectWithOffset(1, api.Create(ctx, ns)).To(Succeed())
	return ns.Name
}

var _ = Describe("The schema of a KVCluster", func() {
	var ns string
	BeforeEach(func(ctx context.Context) { ns = newNamespace(ctx) })

	It("completes an empty spec", func(ctx context.Context) {
		Expect(api.Create(ctx, parse(ns, "demo", ""))).To(Succeed())
		var c v1alpha1.KVCluster
		Expect(api.Get(ctx, client.ObjectKey{Namespace: ns, Name: "demo"}, &c)).To(Succeed())
		Expect(c.Spec.Nodes).To(BeEquivalentTo(3))
		Expect(c.Spec.ReplicationFactor).To(BeEquivalentTo(3))
		Expect(c.Spec.Partitions).To(BeEquivalentTo(64))
		Expect(c.Spec.VirtualNodes).To(BeEquivalentTo(128))
		Expect(c.Spec.Reads).To(Equal(v1alpha1.ReadLease))
		Expect(c.Spec.Sync).To(Equal(v1alpha1.SyncAlways))
		Expect(c.Spec.Compaction.Operations).To(BeEquivalentTo(100_000))
		Expect(c.Spec.Compaction.Bytes.Value()).To(BeEquivalentTo(16 << 20))
		Expect(c.Spec.Storage.Size.Value()).To(BeEquivalentTo(1 << 30))
		Expect(c.Spec.Storage.WhenScaled).To(Equal(v1alpha1.Delete))
		Expect(c.Spec.Storage.WhenDeleted).To(Equal(v1alpha1.Retain))
		Expect(c.Spec.Failover.OnQuorumLoss).To(Equal(v1alpha1.QuorumLossWait))
		Expect(c.Spec.Rebalance.MaxConcurrentMoves).To(BeEquivalentTo(4))
		Expect(c.Spec.Rebalance.Paused).To(BeFalse())
		Expect(c.Spec.Service.Type).To(Equal(corev1.ServiceTypeClusterIP))
	})

	DescribeTable("accepts", func(ctx context.Context, spec string) {
		Expect(api.Create(ctx, parse(ns, "demo", spec))).To(Succeed())
	},
		Entry("one node", `{nodes: 1, replicationFactor: 1}`),
		Entry("as many replicas as nodes", `{nodes: 7, replicationFactor: 7}`),
		Entry("the most partitions", `{partitions: 1024}`),
		Entry("one partition", `{partitions: 1}`),
		Entry("a size as a number", `{storage: {size: 1073741824}}`),
		Entry("everything", `{nodes: 5, replicationFactor: 3, partitions: 128, virtualNodes: 64, reads: ReadIndex, sync: Interval,
			compaction: {operations: 5000, bytes: 1Mi}, storage: {size: 10Gi, storageClassName: fast, whenScaled: Retain, whenDeleted: Delete},
			failover: {onQuorumLoss: PromoteSurvivor}, rebalance: {maxConcurrentMoves: 2, bytesPerSecond: 50Mi, paused: true},
			image: "example.com/ringkv:v1", imagePullSecrets: [{name: pull}], resources: {limits: {memory: 1Gi}},
			placement: {nodeSelector: {a: b}, tolerations: [{operator: Exists}], priorityClassName: high,
				topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}]},
			service: {type: LoadBalancer, annotations: {a: b}, loadBalancerClass: example.com/x, loadBalancerSourceRanges: [10.0.0.0/8], clusterAddress: "$(POD_NAME).kv.example.com:6380", outsideAddress: "$(POD_NAME).example.com:443"},
			tls: {secretName: demo-tls, clientAuth: Require}, podLabels: {team: a}, podAnnotations: {b: c}}`),
		Entry("an outside address without a port", `{service: {outsideAddress: "kv-$(POD_NAME).example.com"}}`),
	)

	DescribeTable("refuses", func(ctx context.Context, spec, message string) {
		err := api.Create(ctx, parse(ns, "demo", spec))
		Expect(apierrors.IsInvalid(err)).To(BeTrue(), "got %v", err)
		Expect(err.Error()).To(ContainSubstring(message))
	},
		Entry("no nodes", `{nodes: 0, replicationFactor: 1}`, "should be greater than or equal to 1"),
		Entry("more replicas than nodes", `{nodes: 2}`, "every replica of a key needs a node of its own"),
		Entry("no replicas", `{replicationFactor: 0}`, "should be greater than or equal to 1"),
		Entry("too many replicas", `{nodes: 9, replicationFactor: 8}`, "should be less than or equal to 7"),
		Entry("partitions that are no power of two", `{partitions: 100}`, "Unsupported value: 100"),
		Entry("too many partitions", `{partitions: 2048}`, "Unsupported value: 2048"),
		Entry("no virtual nodes", `{virtualNodes: 0}`, "should be greater than or equal to 1"),
		Entry("an unknown read mode", `{reads: Dirty}`, "Unsupported value"),
		Entry("an unknown sync mode", `{sync: Never}`, "Unsupported value"),
		Entry("compaction all the time", `{compaction: {bytes: 1Ki}}`, "compaction.bytes must be at least 64Ki"),
		Entry("a tiny volume", `{storage: {size: 1Mi}}`, "storage.size must be at least 64Mi"),
		Entry("a size that is none", `{storage: {size: big}}`, "spec.storage.size"),
		Entry("an unknown retention", `{storage: {whenScaled: Recycle}}`, "Unsupported value"),
		Entry("a negative pace", `{rebalance: {bytesPerSecond: "-1"}}`, "must not be negative"),
		Entry("no concurrent moves", `{rebalance: {maxConcurrentMoves: 0}}`, "should be greater than or equal to 1"),
		Entry("a load balancer class without a load balancer", `{service: {loadBalancerClass: a/b}}`, "needs service.type LoadBalancer"),
		Entry("an unknown service type", `{service: {type: ExternalName}}`, "Unsupported value"),
		Entry("one address for all pods", `{service: {clusterAddress: "kv.example.com:6380"}}`, "should match"),
		Entry("one outside address for all pods", `{service: {outsideAddress: "kv.example.com"}}`, "should match"),
		Entry("TLS without a Secret", `{tls: {clientAuth: None}}`, "spec.tls.secretName: Required value"),
		Entry("a Secret that cannot be", `{tls: {secretName: "Demo TLS"}}`, "should match"),
		Entry("a Secret without a name", `{tls: {secretName: ""}}`, "should be at least 1 chars"),
		Entry("an unknown way of asking clients", `{tls: {secretName: a, clientAuth: Maybe}}`, "Unsupported value"),
		Entry("the operator's pod labels", `{podLabels: {app.kubernetes.io/instance: other}}`, "the operator selects its pods by them"),
		Entry("the operator's annotations", `{podAnnotations: {ringkv.dev/x: other}}`, "those are the operator's"),
	)

	DescribeTable("refuses the name", func(ctx context.Context, name string) {
		err := api.Create(ctx, parse(ns, name, ""))
		Expect(apierrors.IsInvalid(err)).To(BeTrue(), "got %v", err)
		Expect(err.Error()).To(ContainSubstring("becomes part of DNS names"))
	},
		Entry("that starts with a digit", "1st"),
		Entry("with a dot", "a.b"),
		Entry("that is too long", "a123456789-123456789-123456789-123456789-123456789-12"),
	)

	DescribeTable("refuses to change", func(ctx context.Context, before, after, message string) {
		Expect(api.Create(ctx, parse(ns, "demo", before))).To(Succeed())
		live := parse(ns, "demo", "")
		Expect(api.Get(ctx, client.ObjectKeyFromObject(live), live)).To(Succeed())
		next := parse(ns, "demo", after)
		next.SetResourceVersion(live.GetResourceVersion())
		err := api.Update(ctx, next)
		Expect(apierrors.IsInvalid(err)).To(BeTrue(), "got %v", err)
		Expect(err.Error()).To(ContainSubstring(message))
	},
		Entry("the partitions", `{partitions: 64}`, `{partitions: 128}`, "partitions cannot be changed"),
		Entry("the partitions by leaving them out", `{partitions: 128}`, ``, "partitions cannot be changed"),
		Entry("the volume to a smaller one", `{storage: {size: 2Gi}}`, `{storage: {size: 1Gi}}`, "storage.size may only grow"),
		Entry("the class", `{storage: {storageClassName: a}}`, `{storage: {storageClassName: b}}`, "storageClassName cannot be changed"),
		Entry("the class to none", `{storage: {storageClassName: a}}`, ``, "storageClassName cannot be changed"),
		Entry("the class from none", ``, `{storage: {storageClassName: a}}`, "storageClassName cannot be changed"),
		Entry("the nodes to fewer than the replicas", `{nodes: 5}`, `{nodes: 2}`, "every replica of a key needs a node of its own"),
	)

	It("lets everything else change", func(ctx context.Context) {
		Expect(api.Create(ctx, parse(ns, "demo", `{storage: {size: 1Gi}}`))).To(Succeed())
		live := parse(ns, "demo", "")
		Expect(api.Get(ctx, client.ObjectKeyFromObject(live), live)).To(Succeed())
		next := parse(ns, "demo", `{nodes: 6, replicationFactor: 5, virtualNodes: 64, reads: Any, sync: Interval, compaction: {operations: 500},
			storage: {size: 2Gi, whenScaled: Retain, whenDeleted: Delete}, failover: {onQuorumLoss: PromoteSurvivor}, rebalance: {paused: true},
			image: x, service: {type: NodePort}}`)
		next.SetResourceVersion(live.GetResourceVersion())
		Expect(api.Update(ctx, next)).To(Succeed())
	})

	It("holds for kubectl scale, with a message that says what to do", func(ctx context.Context) {
		Expect(api.Create(ctx, parse(ns, "demo", `{nodes: 5}`))).To(Succeed())
		c := &v1alpha1.KVCluster{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "demo"}}
		scale := func(n int32) error {
			s := &autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: n}}
			return api.SubResource("scale").Update(ctx, c, client.WithSubResourceBody(s))
		}
		Expect(scale(4)).To(Succeed())
		err := scale(2)
		Expect(apierrors.IsInvalid(err)).To(BeTrue(), "got %v", err)
		Expect(err.Error()).To(ContainSubstring("lower replicationFactor first"))
		Expect(api.Get(ctx, client.ObjectKeyFromObject(c), c)).To(Succeed())
		Expect(c.Spec.Nodes).To(BeEquivalentTo(4))
	})

	It("keeps every figure of the status", func(ctx context.Context) {
		Expect(api.Create(ctx, parse(ns, "demo", ""))).To(Succeed())
		c := &v1alpha1.KVCluster{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "demo"}}
		Expect(api.Get(ctx, client.ObjectKeyFromObject(c), c)).To(Succeed())
		c.Status.Rebalance = v1alpha1.RebalanceStatus{Progress: "50%", Percent: 50, MovesTotal: 4, BytesTotal: resource.NewQuantity(1<<40, resource.BinarySI).Value()}
		c.Status.Members = []v1alpha1.MemberStatus{{Name: "demo-0"}}
		want := c.Status
		Expect(api.Status().Update(ctx, c)).To(Succeed())
		Expect(api.Get(ctx, client.ObjectKeyFromObject(c), c)).To(Succeed())
		Expect(c.Status).To(Equal(want))
	})
})
