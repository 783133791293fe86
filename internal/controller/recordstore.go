package controller

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ringkv/ringkv/api/v1alpha1"
	"github.com/ringkv/ringkv/internal/controller/objects"
	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/coordinator"
)

// recordStore keeps the coordinator's record in a ConfigMap, which etcd keeps on
// stable storage and which only changes by compare and swap (resourceVersion).
//
// A KVCluster that once had a record (status.clusterID) and has none now is not
// a new cluster: Load fails, and nothing is started on its volumes.
type recordStore struct {
	client client.Client
	reader client.Reader // without a cache: a stale record helps nobody
	clock  func() time.Time
	key    types.NamespacedName

	mu        sync.Mutex
	owner     metav1.OwnerReference
	labels    map[string]string
	clusterID string // status.clusterID: not empty once there was a record
	// known is the record as last loaded or saved, nil when that is not known.
	// Heartbeats ask for the record every second and this process is the only
	// one that writes it, so it is read again only once in a while; a wrong idea
	// of it is found out by Save at the latest, which then forgets it.
	known     *coordinator.Record
	knownFrom time.Time
}

// recordTrust is how long a record is taken to be as it was read.
const recordTrust = 30 * time.Second

var _ coordinator.Store = (*recordStore)(nil)

func newRecordStore(c client.Client, reader client.Reader, kvc *v1alpha1.KVCluster, clock func() time.Time) *recordStore {
	s := &recordStore{
		client: c, reader: reader, clock: clock,
		key:    types.NamespacedName{Namespace: kvc.Namespace, Name: objects.RecordName(kvc.Name)},
		owner:  *metav1.NewControllerRef(kvc, v1alpha1.GroupVersion.WithKind("KVCluster")),
		labels: objects.Labels(kvc),
	}
	s.remember(kvc.Status.ClusterID)
	return s
}

// remember tells the store that the cluster has been started under that ID. It
// never forgets.
func (s *recordStore) remember(clusterID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if clusterID != "" {
		s.clusterID = clusterID
	}
}

// Load implements coordinator.Store.
func (s *recordStore) Load(ctx context.Context) (*coordinator.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known != nil && s.clock().Sub(s.knownFrom) < recordTrust {
		return s.known.Clone(), nil
	}
	s.known = nil
	r, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	s.known, s.knownFrom = r.Clone(), s.clock()
	return r, nil
}

// read gets the record from the API server. The caller holds mu.
func (s *recordStore) read(ctx context.Context) (*coordinator.Record, error) {
	var cm corev1.ConfigMap
	err := s.reader.Get(ctx, s.key, &cm)
	if apierrors.IsNotFound(err) {
		if s.clusterID != "" {
			return nil, fmt.Errorf("ConfigMap %s, the record of cluster %s, is gone: restore it (see docs/operations.md), nothing is started anew on volumes that may hold data", s.key.Name, s.clusterID)
		}
		return &coordinator.Record{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read ConfigMap %s: %w", s.key.Name, err)
	}
	if err := s.checkOwner(&cm); err != nil {
		return nil, err
	}
	r, err := objects.ReadRecord(&cm)
	if err != nil {
		return nil, err
	}
	if s.clusterID != "" && r.ClusterID != s.clusterID {
		return nil, fmt.Errorf("ConfigMap %s is the record of cluster %q, and this is cluster %s: restore the right one", s.key.Name, r.ClusterID, s.clusterID)
	}
	return r, nil
}

// Save implements coordinator.Store.
func (s *recordStore) Save(ctx context.Context, r *coordinator.Record) error {
	data, err := objects.RecordData(r)
	if err != nil {
		return err
	}
	cm := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: s.key.Namespace, Name: s.key.Name, ResourceVersion: r.Version,
			Labels: s.labels, OwnerReferences: []metav1.OwnerReference{s.owner},
		},
		Data: data,
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known = nil // until it is known to be saved
	if r.Version == "" {
		err = s.client.Create(ctx, cm, client.FieldOwner(fieldOwner))
	} else {
		err = s.client.Update(ctx, cm, client.FieldOwner(fieldOwner))
	}
	switch {
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err):
		return fmt.Errorf("save ConfigMap %s: %w", s.key.Name, cluster.ErrConflict)
	case err != nil:
		return fmt.Errorf("save ConfigMap %s: %w", s.key.Name, err)
	}
	r.Version = cm.ResourceVersion
	s.known, s.knownFrom = r.Clone(), s.clock()
	return nil
}

// checkOwner refuses a ConfigMap that is somebody else's, or that goes away with
// an earlier KVCluster of this name. One without an owner was kept by such a
// KVCluster on purpose (storage.whenDeleted: Retain), and is taken over.
func (s *recordStore) checkOwner(cm *corev1.ConfigMap) error {
	ref := metav1.GetControllerOf(cm)
	switch {
	case cm.DeletionTimestamp != nil:
		return fmt.Errorf("ConfigMap %s is being deleted", s.key.Name)
	case ref != nil && ref.UID != s.owner.UID:
		return &errNotOurs{"ConfigMap", s.key.Name, ref.Kind + " " + ref.Name + " with UID " + string(ref.UID)}
	case ref == nil && !hasLabels(cm, s.labels):
		return &errNotOurs{"ConfigMap", s.key.Name, "somebody else"}
	}
	return nil
}
