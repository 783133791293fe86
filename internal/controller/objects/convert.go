package objects

import (
	"encoding/json"
	"fmt"

	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/ringkv/ringkv/api/v1alpha1"
)

// convert turns an API type into its apply configuration. The two have the same
// JSON form, which is what they are for: failing is a programming error.
func convert[T any](in any) *T {
	b, err := json.Marshal(in)
	if err != nil {
		panic(fmt.Sprintf("encode %T: %v", in, err))
	}
	out := new(T)
	if err := json.Unmarshal(b, out); err != nil {
		panic(fmt.Sprintf("decode %T from %T: %v", out, in, err))
	}
	return out
}

// Owner is the reference that ties an object to its KVCluster.
func Owner(c *v1alpha1.KVCluster) *metav1ac.OwnerReferenceApplyConfiguration {
	return metav1ac.OwnerReference().
		WithAPIVersion(v1alpha1.GroupVersion.String()).
		WithKind("KVCluster").
		WithName(c.Name).
		WithUID(c.UID).
		WithController(true).
		WithBlockOwnerDeletion(true)
}
