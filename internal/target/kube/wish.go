package kube

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ringkv/ringkv/api/v1alpha1"
	"github.com/ringkv/ringkv/internal/controller/objects"
	"github.com/ringkv/ringkv/internal/target"
)

// AddNode implements target.Target: spec.nodes, raised by one.
func (k *Cluster) AddNode(ctx context.Context, n target.NewNode) error {
	if n.Port != 0 || n.Address != "" || n.Zone != "" {
		return fmt.Errorf("%w: where a pod of a KVCluster runs and listens is not chosen by name: kvctl addnode %s", target.ErrRefused, n.Name)
	}
	return k.change(ctx, func(kvc *v1alpha1.KVCluster) error {
		if next := objects.PodName(k.key.Name, int(kvc.Spec.Nodes)); n.Name != next {
			return fmt.Errorf("%w: the next node of %s is %s, not %s", target.ErrRefused, k, next, n.Name)
		}
		kvc.Spec.Nodes++
		return nil
	})
}

// RemoveNode implements target.Target: spec.nodes, lowered by one.
func (k *Cluster) RemoveNode(ctx context.Context, name string) error {
	return k.change(ctx, func(kvc *v1alpha1.KVCluster) error {
		last := objects.PodName(k.key.Name, int(kvc.Spec.Nodes)-1)
		if ordinal, ok := objects.Ordinal(k.key.Name, name); ok && ordinal >= int(kvc.Spec.Nodes) {
			return fmt.Errorf("%w: %s is not wanted already", target.ErrRefused, name)
		}
		if name != last {
			return fmt.Errorf("%w: a StatefulSet gives up its last pod first, which is %s; to move %s to another machine or volume, see docs/operations.md", target.ErrRefused, last, name)
		}
		kvc.Spec.Nodes--
		return nil
	})
}

// SetReplicationFactor implements target.Target.
func (k *Cluster) SetReplicationFactor(ctx context.Context, n int) error {
	return k.change(ctx, func(kvc *v1alpha1.KVCluster) error {
		kvc.Spec.ReplicationFactor = int32(n)
		return nil
	})
}

// Rebalance implements target.Target. The operator looks by itself, every second
// and when anything changes: there is nothing to ask for.
func (k *Cluster) Rebalance(ctx context.Context) error {
	_, err := k.get(ctx)
	return err
}

// change edits the spec, and does so again if somebody else was faster: two wishes
// at once are both granted, or the second is refused for what the first has made of
// the spec.
func (k *Cluster) change(ctx context.Context, edit func(*v1alpha1.KVCluster) error) error {
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		kvc, err := k.get(ctx)
		if err != nil {
			return err
		}
		before := kvc.DeepCopy()
		if err := edit(kvc); err != nil {
			return err
		}
		return k.client.Patch(ctx, kvc, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	})
	if apierrors.IsInvalid(err) || apierrors.IsForbidden(err) {
		return fmt.Errorf("%w: %w", target.ErrRefused, err)
	}
	return err
}
