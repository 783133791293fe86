package controller

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/ringkv/ringkv/api/v1alpha1"
	"github.com/ringkv/ringkv/internal/controller/objects"
	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/coordinator"
)

// coordinate tells the coordinator what is wanted and where the pods are, and
// lets it make one pass.
func (r *Reconciler) coordinate(ctx context.Context, s *scope) error {
	one := r.planes.of(s.kvc)
	record, err := one.store.Load(ctx)
	if err != nil {
		if ctx.Err() != nil {
			s.skipStatus = true
			return err
		}
		s.planeErr = err.Error()
		ctrl.LoggerFrom(ctx).Error(err, "the coordinator's record cannot be read")
		return nil
	}
	s.seats = r.seats(ctx, s, record.Map)
	one.coordinator.SetSpec(coordinatorSpec(s.kvc, s.seats))

	tick, cancel := context.WithTimeout(ctx, tickTimeout)
	defer cancel()
	result, err := one.coordinator.Tick(tick)
	switch {
	case err == nil:
	case errors.Is(err, context.DeadlineExceeded) && len(result.Members) > 0:
		// It looked, and some steps are left: they are planned again.
	case errors.Is(err, cluster.ErrConflict) || ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded):
		s.skipStatus = true
		return fmt.Errorf("coordinate: %w", err)
	default:
		s.planeErr = err.Error()
		ctrl.LoggerFrom(ctx).Error(err, "the coordinator cannot make its pass")
		return nil
	}
	s.plane = &result
	s.electing = one.electing(r.Clock(), result.Health)
	r.tellStory(s, &result)
	one.store.remember(result.ClusterID)
	return nil
}

// electionGrace is how long partitions may lack a leader before the cluster
// counts as unavailable: an election or a handover takes less, and nodes hold
// requests meanwhile.
const electionGrace = 3 * time.Second

// electing tells whether partitions lack a leader for no longer than an election
// may take.
func (p *plane) electing(now time.Time, h coordinator.Health) bool {
	if h.AllAvailable() {
		p.leaderless = time.Time{}
		return false
	}
	if p.leaderless.IsZero() {
		p.leaderless = now
	}
	return now.Sub(p.leaderless) < electionGrace
}

// seats are the places of nodes: as many pods as are wanted, as there are, and
// as the map has members at, whichever is most. All of them are asked; those
// from spec.nodes on should leave.
func (r *Reconciler) seats(ctx context.Context, s *scope, m *cluster.Map) []coordinator.Seat {
	n := max(s.wanted(), s.liveReplicas())
	if m != nil {
		for _, member := range m.Members {
			if ordinal, ok := objects.Ordinal(s.kvc.Name, member.Name); ok {
				n = max(n, ordinal+1)
			}
		}
	}
	seats := make([]coordinator.Seat, n)
	for i := range seats {
		name := objects.PodName(s.kvc.Name, i)
		seats[i] = coordinator.Seat{Name: name, Wanted: i < s.wanted(), Zone: zoneOf(m, name)}
		pod := s.pods[i]
		if pod == nil {
			continue
		}
		// The pod's address rather than its name: DNS forgets an old address
		// only after a while.
		if ip := pod.Status.PodIP; ip != "" {
			seats[i].PeerAddress = net.JoinHostPort(ip, strconv.Itoa(objects.PortPeer))
		}
		if zone, ok := r.zone(ctx, pod); ok {
			seats[i].Zone = zone
		}
	}
	return seats
}

// zone is the zone of the Kubernetes node that a pod runs on, and false when it
// runs on none or that cannot be told: then the zone known so far stays.
func (r *Reconciler) zone(ctx context.Context, pod *corev1.Pod) (string, bool) {
	if pod.Spec.NodeName == "" {
		return "", false
	}
	// The first question waits for the cache to fill, which it never does without
	// the right to list nodes.
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	node := &metav1.PartialObjectMetadata{}
	node.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Node"))
	if err := r.Get(ctx, types.NamespacedName{Name: pod.Spec.NodeName}, node); err != nil {
		ctrl.LoggerFrom(ctx).V(1).Info("the zone of a pod cannot be told", "pod", pod.Name, "node", pod.Spec.NodeName, "error", err.Error())
		return "", false
	}
	return node.Labels[corev1.LabelTopologyZone], true
}

// coordinatorSpec translates the spec. Values that are not set, which the API
// server does not let through, get the defaults of the schema.
func coordinatorSpec(kvc *v1alpha1.KVCluster, seats []coordinator.Seat) coordinator.Spec {
	spec := kvc.Spec
	settings := cluster.DefaultSettings()
	settings.Reads = cmp.Or(cluster.Reads(spec.Reads), settings.Reads)
	settings.Sync = cmp.Or(cluster.Sync(spec.Sync), settings.Sync)
	settings.CompactionOperations = cmp.Or(spec.Compaction.Operations, settings.CompactionOperations)
	settings.CompactionBytes = cmp.Or(spec.Compaction.Bytes.Value(), settings.CompactionBytes)
	if spec.Rebalance.BytesPerSecond != nil {
		settings.SnapshotBytesPerSecond = spec.Rebalance.BytesPerSecond.Value()
	}
	return coordinator.Spec{
		Seats:              seats,
		ReplicationFactor:  int(cmp.Or(spec.ReplicationFactor, 3)),
		Partitions:         int(cmp.Or(spec.Partitions, 64)),
		VirtualNodes:       int(cmp.Or(spec.VirtualNodes, 128)),
		Settings:           settings,
		MaxConcurrentMoves: int(spec.Rebalance.MaxConcurrentMoves),
		Paused:             spec.Rebalance.Paused,
		OnQuorumLoss:       coordinator.QuorumLoss(spec.Failover.OnQuorumLoss),
	}
}
