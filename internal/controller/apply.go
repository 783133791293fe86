package controller

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// fieldOwner is the name under which the operator applies objects.
const fieldOwner = "ringkv-operator"

// applier writes objects by server-side apply, and only when there is something
// to write.
//
// What "something" means without knowing every default that the API server
// fills in: after an apply the API server says which fields are ours
// (metadata.managedFields). Whoever changes one of them takes it away from us,
// so as long as we still own all of them, and want the same, nothing has to be
// written. The memory of that is in this process only; a new one applies every
// object once, which changes nothing and is not a new resource version.
type applier struct {
	client client.Client
	reader client.Reader // without a cache

	mu   sync.Mutex
	seen map[types.UID]applied
}

// applied is what was wanted at the last apply, and the fields that were ours
// after it.
type applied struct {
	wanted, owned [sha256.Size]byte
}

func newApplier(c client.Client, reader client.Reader) *applier {
	return &applier{client: c, reader: reader, seen: map[types.UID]applied{}}
}

// errNotOurs says that an object of that name exists and is somebody else's.
type errNotOurs struct{ kind, name, owner string }

func (e *errNotOurs) Error() string {
	return fmt.Sprintf("%s %s exists and belongs to %s: delete or rename it, or give the KVCluster another name", e.kind, e.name, e.owner)
}

// apply brings the object to what config says, and tells whether it wrote.
// live is the object as the cache has it, nil when the cache has none. owner is
// the KVCluster: an object that belongs to somebody else is not touched.
func (a *applier) apply(ctx context.Context, owner types.UID, live client.Object, config any) (bool, error) {
	raw, err := json.Marshal(config)
	if err != nil {
		return false, fmt.Errorf("encode %T: %w", config, err)
	}
	wanted := sha256.Sum256(raw)
	if live != nil && a.upToDate(live, wanted) {
		return false, nil
	}
	u := &unstructured.Unstructured{}
	if err := json.Unmarshal(raw, &u.Object); err != nil {
		return false, fmt.Errorf("decode %T: %w", config, err)
	}
	before, err := a.refuseForeign(ctx, owner, u)
	if err != nil {
		return false, err
	}
	err = a.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(u), client.FieldOwner(fieldOwner), client.ForceOwnership)
	if err != nil {
		return false, fmt.Errorf("apply %s %s: %w", u.GetKind(), u.GetName(), err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen[u.GetUID()] = applied{wanted: wanted, owned: ownedFields(u.GetManagedFields())}
	return u.GetResourceVersion() != before, nil
}

func (a *applier) upToDate(live client.Object, wanted [sha256.Size]byte) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	last, ok := a.seen[live.GetUID()]
	return ok && last.wanted == wanted && last.owned == ownedFields(live.GetManagedFields())
}

// refuseForeign looks at the object without a cache, since the cache holds the
// operator's own only, and returns its resource version; empty when there is none.
func (a *applier) refuseForeign(ctx context.Context, owner types.UID, wanted *unstructured.Unstructured) (string, error) {
	live := &metav1.PartialObjectMetadata{}
	live.SetGroupVersionKind(wanted.GroupVersionKind())
	err := a.reader.Get(ctx, client.ObjectKeyFromObject(wanted), live)
	if apierrors.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look at %s %s: %w", wanted.GetKind(), wanted.GetName(), err)
	}
	name := wanted.GetKind() + " " + wanted.GetName()
	if ref := metav1.GetControllerOf(live); ref != nil && ref.UID != owner {
		return "", &errNotOurs{wanted.GetKind(), wanted.GetName(), ref.Kind + " " + ref.Name}
	} else if ref == nil && !hasLabels(live, wanted.GetLabels()) {
		return "", &errNotOurs{wanted.GetKind(), wanted.GetName(), "somebody else"}
	}
	if live.GetDeletionTimestamp() != nil {
		return "", fmt.Errorf("%s is being deleted: it is made again when it is gone", name)
	}
	return live.GetResourceVersion(), nil
}

// hasLabels tells whether the object has the labels, which an object without an
// owner must: it is one that a deleted KVCluster left behind.
func hasLabels(o client.Object, labels map[string]string) bool {
	for k, v := range labels {
		if o.GetLabels()[k] != v {
			return false
		}
	}
	return true
}

// forget drops what is known of an object that is gone.
func (a *applier) forget(uid types.UID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.seen, uid)
}

// ownedFields is a digest of the fields that the operator owns.
func ownedFields(entries []metav1.ManagedFieldsEntry) [sha256.Size]byte {
	for _, e := range entries {
		if e.Manager == fieldOwner && e.Operation == metav1.ManagedFieldsOperationApply && e.Subresource == "" && e.FieldsV1 != nil {
			return sha256.Sum256(e.FieldsV1.GetRawBytes())
		}
	}
	return [sha256.Size]byte{}
}
