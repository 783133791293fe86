package controller

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ringkv/ringkv/api/v1alpha1"
	"github.com/ringkv/ringkv/internal/controller/objects"
	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/coordinator"
)

var _ = Describe("The record of a cluster", func() {
	var (
		kvc *v1alpha1.KVCluster
		now time.Time
	)
	BeforeEach(func(ctx context.Context) {
		now = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		kvc = &v1alpha1.KVCluster{ObjectMeta: metav1.ObjectMeta{Namespace: newNamespace(ctx), Name: "demo", UID: "this-one"}}
	})
	open := func() *recordStore { return newRecordStore(api, api, kvc, func() time.Time { return now }) }
	live := func(ctx context.Context) *corev1.ConfigMap {
		cm := &corev1.ConfigMap{}
		ExpectWithOffset(1, api.Get(ctx, client.ObjectKey{Namespace: kvc.Namespace, Name: objects.RecordName(kvc.Name)}, cm)).To(Succeed())
		return cm
	}
	save := func(ctx context.Context) {
		r := &coordinator.Record{ClusterID: "c1", Initialized: true, Map: &cluster.Map{ClusterID: "c1", Revision: 1}}
		ExpectWithOffset(1, open().Save(ctx, r)).To(Succeed())
	}

	It("is empty at first and comes back as it was saved", func(ctx context.Context) {
		r, err := open().Load(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(r).To(Equal(&coordinator.Record{}))
		r.ClusterID, r.Initialized, r.Map = "c1", true, &cluster.Map{ClusterID: "c1", Revision: 4, Initial: [][]cluster.Replica{{{ID: 1, Node: "n"}}}}
		Expect(open().Save(ctx, r)).To(Succeed())
		again, err := open().Load(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(again).To(Equal(r))
	})

	It("is saved by compare and swap", func(ctx context.Context) {
		one, two := open(), open()
		a, err := one.Load(ctx)
		Expect(err).NotTo(HaveOccurred())
		b, err := two.Load(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(one.Save(ctx, a)).To(Succeed())
		Expect(two.Save(ctx, b)).To(MatchError(cluster.ErrConflict), "both made the first")
		b, err = two.Load(ctx)
		Expect(err).NotTo(HaveOccurred(), "a conflict makes it read again")
		a.ClusterID = "c1"
		Expect(one.Save(ctx, a)).To(Succeed())
		Expect(two.Save(ctx, b)).To(MatchError(cluster.ErrConflict))
	})

	It("is not asked of the API server at every heartbeat, and yet not for ever", func(ctx context.Context) {
		s := open()
		save(ctx)
		first, err := s.Load(ctx)
		Expect(err).NotTo(HaveOccurred())
		first.Map.Revision = 99 // what was handed out is a copy
		Expect(api.Delete(ctx, live(ctx))).To(Succeed())
		again, err := s.Load(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(again.Map.Revision).To(BeEquivalentTo(1))
		now = now.Add(recordTrust)
		again, err = s.Load(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(again).To(Equal(&coordinator.Record{}))
	})

	It("must not be gone once the cluster was started", func(ctx context.Context) {
		kvc.Status.ClusterID = "c1"
		_, err := open().Load(ctx)
		Expect(err).To(MatchError(ContainSubstring("the record of cluster c1, is gone")))
	})

	DescribeTable("is refused", func(ctx context.Context, change func(*corev1.ConfigMap), message string) {
		kvc.Status.ClusterID = "c1"
		save(ctx)
		cm := live(ctx)
		change(cm)
		Expect(api.Update(ctx, cm)).To(Succeed())
		_, err := open().Load(ctx)
		Expect(err).To(MatchError(ContainSubstring(message)))
	},
		Entry("when it is damaged", func(cm *corev1.ConfigMap) { cm.Data["record.json"] = `{"clusterID":` }, "is damaged"),
		Entry("when it is empty", func(cm *corev1.ConfigMap) { cm.Data = nil }, `has format ""`),
		Entry("when it is of a later format", func(cm *corev1.ConfigMap) { cm.Data["format"] = "2" }, `has format "2"`),
		Entry("when it is another cluster's", func(cm *corev1.ConfigMap) { cm.Data["record.json"] = `{"clusterID":"c2"}` }, `the record of cluster "c2"`),
		Entry("when it goes with an earlier KVCluster", func(cm *corev1.ConfigMap) { cm.OwnerReferences[0].UID = "earlier" }, "belongs to KVCluster demo with UID earlier"),
		Entry("when it is somebody else's", func(cm *corev1.ConfigMap) { cm.OwnerReferences, cm.Labels = nil, nil }, "belongs to somebody else"),
	)

	It("is taken over when an earlier KVCluster left it on purpose", func(ctx context.Context) {
		save(ctx)
		cm := live(ctx)
		cm.OwnerReferences = nil
		Expect(api.Update(ctx, cm)).To(Succeed())
		s := open()
		r, err := s.Load(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(r.ClusterID).To(Equal("c1"))
		Expect(s.Save(ctx, r)).To(Succeed())
		Expect(live(ctx).OwnerReferences).To(HaveLen(1))
	})
})
