package controller

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ringkv/ringkv/api/v1alpha1"
	"github.com/ringkv/ringkv/internal/controller/objects"
	"github.com/ringkv/ringkv/internal/kv/coordinator"
)

// The pace of writing a status that tells of no turning point.
const (
	movingPace  = time.Second      // while moves run, for their progress
	wordingPace = 10 * time.Second // when a message is worded differently
	figuresPace = 5 * time.Minute  // when only the members' figures are new
)

// writeStatus brings the status up to date with one patch, or none. It returns
// when to come back for figures that were held back; 0 if there are none.
func (r *Reconciler) writeStatus(ctx context.Context, s *scope) (time.Duration, error) {
	if s.skipStatus {
		return 0, nil
	}
	written := r.planes.status(s.key())
	s.before = written.seen(s.before)
	next := r.makeStatus(s)
	if equality.Semantic.DeepEqual(s.before, next) {
		return 0, nil
	}
	pace, worth := paceOf(s.before, next)
	if !worth {
		return 0, nil
	}
	if since := r.Clock().Sub(written.at); since < pace {
		return pace - since, nil
	}
	before := s.kvc.DeepCopy()
	before.Status = s.before
	s.kvc.Status = next
	if err := r.Status().Patch(ctx, s.kvc, client.MergeFrom(before)); err != nil {
		return 0, client.IgnoreNotFound(fmt.Errorf("write the status: %w", err))
	}
	*written = writtenStatus{at: r.Clock(), from: s.before, to: *next.DeepCopy()}
	r.tellTransitions(s, s.before.Conditions, next.Conditions)
	return 0, nil
}

// makeStatus computes the status of this pass. What this pass could not see
// stays as it was, and the conditions say that it is not known.
func (r *Reconciler) makeStatus(s *scope) v1alpha1.KVClusterStatus {
	next := *s.before.DeepCopy()
	next.ObservedGeneration = s.kvc.Generation
	next.Selector = objects.Selector(s.kvc.Name).String()
	next.Nodes = int32(len(s.pods))
	next.ReadyNodes = 0
	for _, pod := range s.pods {
		if podReady(pod) && pod.DeletionTimestamp == nil {
			next.ReadyNodes++
		}
	}
	next.Image = r.image(s)
	now := metav1.NewTime(r.Clock().Truncate(time.Second))
	for _, c := range conditions(s.situation()) {
		c.LastTransitionTime = now // kept by SetStatusCondition where the status is the same
		meta.SetStatusCondition(&next.Conditions, c)
	}
	if p := s.plane; p != nil {
		next.ClusterID = cmp.Or(p.ClusterID, next.ClusterID)
		next.Epoch = int64(p.Epoch)
		next.ReplicationFactor = cmp.Or(int32(p.ReplicationFactor), s.kvc.Spec.ReplicationFactor)
		next.Members = members(s, s.before.Members)
		next.Rebalance = rebalance(p, now.Time)
	}
	next.Rebalance.Progress = progress(next.Conditions, s.plane)
	if next.Rebalance.Progress == "Pending" {
		next.Rebalance.Percent = 0
	}
	return next
}

func (s *scope) situation() situation {
	return situation{
		generation: s.kvc.Generation, deleting: !s.kvc.DeletionTimestamp.IsZero(),
		wanted: s.wanted(), replicas: s.replicas, refusals: s.refusals, pods: s.pods,
		restart: s.restart, growing: s.growing, paused: s.kvc.Spec.Rebalance.Paused,
		plane: s.plane, planeErr: s.planeErr,
		electing: s.electing && meta.IsStatusConditionTrue(s.before.Conditions, v1alpha1.ConditionAvailable),
	}
}

// members translates what the coordinator knows of each node.
func members(s *scope, before []v1alpha1.MemberStatus) []v1alpha1.MemberStatus {
	var out []v1alpha1.MemberStatus
	for _, m := range s.plane.Members {
		ordinal, _ := objects.Ordinal(s.kvc.Name, m.Name)
		one := v1alpha1.MemberStatus{
			Name: m.Name, NodeID: string(m.Node), State: v1alpha1.MemberState(m.State), Zone: m.Zone,
			Up: m.Up, Leaders: int32(m.Leaders), Replicas: int32(m.Replicas), Keys: int64(m.Keys), Bytes: int64(m.Bytes),
		}
		if one.State == "" {
			one.State = v1alpha1.MemberJoining
			if ordinal >= s.wanted() {
				one.State = v1alpha1.MemberLeaving
			}
		}
		if pod := s.pods[ordinal]; pod != nil && one.State != v1alpha1.MemberLost {
			one.Ready = podReady(pod) && pod.DeletionTimestamp == nil
		}
		if !m.Up {
			i := slices.IndexFunc(before, func(b v1alpha1.MemberStatus) bool {
				return b.Name == one.Name && (b.NodeID == one.NodeID || one.NodeID == "")
			})
			if i >= 0 {
				// A node that is away keeps the figures that it had.
				one.Leaders = 0
				one.Replicas, one.Keys, one.Bytes, one.LastSeen = before[i].Replicas, before[i].Keys, before[i].Bytes, before[i].LastSeen
			}
			if one.LastSeen == nil && one.NodeID != "" && !m.Since.IsZero() {
				one.LastSeen = &metav1.Time{Time: m.Since.Truncate(time.Second)}
			}
		}
		out = append(out, one)
	}
	return out
}

func rebalance(p *coordinator.Result, now time.Time) v1alpha1.RebalanceStatus {
	out := v1alpha1.RebalanceStatus{
		Percent:    int32(p.Progress.Percent),
		MovesTotal: int32(p.Progress.MovesTotal), MovesDone: int32(p.Progress.MovesDone),
		BytesTotal: int64(p.Progress.BytesTotal), BytesDone: int64(p.Progress.BytesDone),
	}
	if !p.Progress.Active {
		return out
	}
	out.Reason = rebalanceReason(p.Progress.ByCause)
	if p.Progress.ETA > 0 {
		out.ETA = &metav1.Time{Time: now.Add(p.Progress.ETA).Truncate(time.Second)}
	}
	if len(p.Blocked) > 0 {
		out.Blocked = string(p.Blocked[0].Reason) + ": " + p.Blocked[0].Message
	}
	return out
}

// rebalanceReason says why there are moves, the most urgent first.
func rebalanceReason(by map[coordinator.Cause]int) string {
	words := []struct {
		cause coordinator.Cause
		text  string
	}{
		{coordinator.CauseRepair, "copies are lost or damaged"},
		{coordinator.CauseReplication, "the replication factor was raised"},
		{coordinator.CauseScaleIn, "nodes leave"},
		{coordinator.CauseBalance, "nodes joined or zones changed"},
	}
	var out []string
	for _, w := range words {
		if by[w.cause] > 0 {
			out = append(out, w.text)
		}
	}
	return strings.Join(out, "; ")
}

// progress is the cell of the printer column.
func progress(conditions []metav1.Condition, p *coordinator.Result) string {
	switch c := meta.FindStatusCondition(conditions, v1alpha1.ConditionRebalanced); {
	case c.Status == metav1.ConditionTrue:
		return "100%"
	case c.Status == metav1.ConditionUnknown || p == nil:
		return "Unknown"
	case p.Progress.Active:
		return fmt.Sprintf("%d%%", p.Progress.Percent)
	default:
		return "Pending"
	}
}

// paceOf tells whether a status is worth writing over another, and how long
// after the last one. A cluster at rest must cause no writes, whatever load it
// is under: that data grows is no reason for one until it has outgrown what the
// status says by far, and not often then.
func paceOf(before, next v1alpha1.KVClusterStatus) (time.Duration, bool) {
	switch {
	case !equality.Semantic.DeepEqual(outline(before), outline(next)):
		return 0, true
	case !equality.Semantic.DeepEqual(withoutFigures(before), withoutFigures(next)):
		if next.Rebalance.Percent < 100 {
			return movingPace, true
		}
		return wordingPace, true
	}
	return figuresPace, slices.ContainsFunc(next.Members, func(m v1alpha1.MemberStatus) bool {
		i := slices.IndexFunc(before.Members, func(b v1alpha1.MemberStatus) bool { return b.Name == m.Name && b.NodeID == m.NodeID })
		return i < 0 || farOff(before.Members[i], m)
	})
}

// outline is a status without wording, progress and figures: what is left
// changes at turning points only.
func outline(s v1alpha1.KVClusterStatus) v1alpha1.KVClusterStatus {
	s = withoutFigures(s)
	for i := range s.Conditions {
		s.Conditions[i].Message = ""
	}
	s.Rebalance = v1alpha1.RebalanceStatus{}
	return s
}

func withoutFigures(s v1alpha1.KVClusterStatus) v1alpha1.KVClusterStatus {
	s = *s.DeepCopy()
	for i := range s.Members {
		m := &s.Members[i]
		m.Leaders, m.Replicas, m.Keys, m.Bytes = 0, 0, 0, 0
	}
	return s
}

// farOff tells whether the figures of a member are no first impression of it any
// more: data that is off by more than half, or other partitions.
func farOff(before, next v1alpha1.MemberStatus) bool {
	near := func(a, b int64) bool { return 2*min(a, b) >= max(a, b) }
	return before.Leaders != next.Leaders || before.Replicas != next.Replicas ||
		!near(before.Keys, next.Keys) || !near(before.Bytes, next.Bytes)
}
