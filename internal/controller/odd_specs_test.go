package controller

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ringkv/ringkv/api/v1alpha1"
)

// oddSpecs draws specs of which some are wrong in every way that a person or a
// program gets them wrong: values of another kind, out of range, too long, missing.
type oddSpecs struct{ *rand.Rand }

// goodFields are those of a spec, by path, with values that are good for them.
var goodFields = map[string][]any{
	"nodes": {1, 3, 5}, "replicationFactor": {1, 2, 3}, "partitions": {1, 16, 64}, "virtualNodes": {1, 128}, "reads": {"Lease", "ReadIndex", "Any"},
	"sync": {"Always", "Interval"}, "compaction.operations": {100, 100000}, "compaction.bytes": {"64Ki", 1 << 20}, "storage.size": {"1Gi", "64Mi"},
	"storage.storageClassName": {"fast", ""}, "storage.whenScaled": {"Retain", "Delete"}, "storage.whenDeleted": {"Retain", "Delete"},
	"failover.onQuorumLoss": {"Wait", "PromoteSurvivor"}, "rebalance.maxConcurrentMoves": {1, 256}, "rebalance.bytesPerSecond": {"10Mi", 0},
	"rebalance.paused": {true, false}, "image": {"x/y:z", ""}, "imagePullSecrets": {[]any{map[string]any{"name": "s"}}},
	"resources.limits": {map[string]any{"memory": "1Gi"}}, "resources.requests": {map[string]any{"cpu": "10m", "memory": "2Gi"}},
	"placement.nodeSelector": {map[string]any{"a": "b"}}, "placement.tolerations": {[]any{map[string]any{"operator": "Exists"}}},
	"placement.priorityClassName": {"high"}, "service.type": {"ClusterIP", "NodePort", "LoadBalancer"}, "service.annotations": {map[string]any{"a": "b"}},
	"service.clusterAddress": {"$(POD_NAME).example.com:6380"}, "service.outsideAddress": {"$(POD_NAME).example.com"},
	"tls.secretName": {"s"}, "tls.clientAuth": {"None", "Require"}, "podLabels": {map[string]any{"a": "b"}}, "podAnnotations": {map[string]any{"a": "b"}},
	"unknown": {1},
}

// odd is a value of no use, or of use by chance.
func (o oddSpecs) odd() any {
	return []any{
		nil, -1, 0, 1 << 31, int64(1) << 62, 1.5, "", "x", "-1", "1e400", "999999999999999999999Ei", "0.0000001n", true, []any{}, []any{nil},
		map[string]any{}, map[string]any{"": ""}, map[string]any{"not a label!": "\x00"}, "\u202e", fmt.Sprintf("%0600d", 1), "$(POD_NAME)", []any{map[string]any{"name": 1}},
	}[o.IntN(22)]
}

func (o oddSpecs) draw() map[string]any {
	spec := map[string]any{}
	for _, path := range slices.Sorted(maps.Keys(goodFields)) {
		good := goodFields[path]
		switch o.IntN(10) {
		case 0, 1, 2:
			set(spec, path, good[o.IntN(len(good))])
		case 3:
			if o.IntN(4) == 0 {
				set(spec, path, o.odd())
			}
		}
	}
	return spec
}

// set puts a value at a path of field names.
func set(object map[string]any, path string, value any) {
	name, rest, nested := strings.Cut(path, ".")
	if !nested {
		object[name] = value
		return
	}
	below, ok := object[name].(map[string]any)
	if !ok {
		below = map[string]any{}
		object[name] = below
	}
	set(below, rest, value)
}

var _ = Describe("An odd spec", func() {
	// Every KVCluster is refused by the API server, or taken up by the operator, which
	// says on the object what it makes of it. RINGKV_SEED=n draws others.
	It("is refused clearly or taken up, and harms no other", func(ctx context.Context) {
		b := &bench{ns: newNamespace(ctx), image: "ringkv:one"}
		b.kube = newFakeKube(b.ns) // it does not run: there are no pods
		b.startOperator()
		DeferCleanup(b.stopOperator)
		seed, _ := strconv.ParseUint(os.Getenv("RINGKV_SEED"), 10, 64) // 0 when there is none
		odd := oddSpecs{rand.New(rand.NewPCG(seed, 7))}
		admitted := map[string]string{}
		for i := range 60 {
			spec, err := json.Marshal(odd.draw())
			Expect(err).NotTo(HaveOccurred())
			name := fmt.Sprintf("odd-%d", i)
			if err = api.Create(ctx, parse(b.ns, name, string(spec))); err == nil {
				admitted[name] = string(spec)
				continue
			}
			Expect(apierrors.IsInvalid(err) || apierrors.IsBadRequest(err)).To(BeTrue(), "%s: %v", spec, err)
			Expect(err.Error()).To(ContainSubstring("spec"), "%s: the refusal names the place", spec)
		}
		Expect(admitted).NotTo(BeEmpty())
		Expect(len(admitted)).To(BeNumerically("<", 60), "some are refused")
		Expect(api.Create(ctx, parse(b.ns, "plain", ""))).To(Succeed())
		admitted["plain"] = ""
		for name, spec := range admitted {
			Eventually(func(g Gomega) {
				c := &v1alpha1.KVCluster{}
				g.Expect(api.Get(ctx, client.ObjectKey{Namespace: b.ns, Name: name}, c)).To(Succeed())
				g.Expect(c.Status.ObservedGeneration).To(Equal(c.Generation))
				for _, condition := range []string{v1alpha1.ConditionAvailable, v1alpha1.ConditionProgressing, v1alpha1.ConditionRebalanced, v1alpha1.ConditionDegraded} {
					found := meta.FindStatusCondition(c.Status.Conditions, condition)
					g.Expect(found).NotTo(BeNil(), condition)
					g.Expect(found.Message).NotTo(BeEmpty(), condition)
				}
			}).Should(Succeed(), "%s: %s", name, spec)
		}
	})
})
