package controller

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/ringkv/ringkv/api/v1alpha1"
)

// annotationLeft marks the volume claim of a node that has left, with what was
// proven. It is set before the StatefulSet is made smaller, so that an operator
// that dies in between still knows which volumes may go, and which are kept for
// another reason. It is taken off when the node is wanted again.
const annotationLeft = "ringkv.dev/left"

// claimAction is what to do with one volume claim.
type claimAction string

const (
	claimKeep   claimAction = ""
	claimMark   claimAction = "mark"   // proven empty: set annotationLeft
	claimUnmark claimAction = "unmark" // in use again: take it off
	claimDelete claimAction = "delete"
)

// claimState is what decides over one volume claim.
type claimState struct {
	ordinal  int
	replicas int // that the StatefulSet will have after this pass
	live     int // that it has now
	marked   bool
	podGone  bool
	member   bool       // the map names the seat
	leaves   *departure // the proof, if there is one in this pass
	policy   v1alpha1.RetentionPolicy
}

// decideClaim walks this table, from the top:
//
//	the seat is a member, or below replicas, and marked        unmark
//	the seat is a member, or below replicas                    keep
//	marked, the StatefulSet is smaller already, the pod gone   delete
//	marked                                                     keep (until the pod is gone)
//	whenScaled is Delete and the proof says that it is empty   mark
//	else                                                       keep
//
// "Marked" is enough to delete even when the policy has become Retain since:
// the user wanted it deleted when the node left. The other way round, a volume
// that was kept stays when the policy becomes Delete.
func decideClaim(s claimState) claimAction {
	switch {
	case s.member || s.ordinal < s.replicas:
		if s.marked {
			return claimUnmark
		}
		return claimKeep
	case s.marked && s.ordinal >= s.live && s.podGone:
		return claimDelete
	case s.marked:
		return claimKeep
	case s.policy == v1alpha1.Delete && s.leaves != nil && s.leaves.empty:
		return claimMark
	}
	return claimKeep
}

// growth says what is to be done to bring the volume of a claim to the size that
// is wanted.
type growth struct {
	grow    bool   // ask for more
	waiting string // it has been asked for: what it waits for
	refused string // it cannot be granted, and why
}

// decideGrowth compares a claim with the size wanted. expandable is whether its
// class lets volumes grow.
func decideGrowth(claim *corev1.PersistentVolumeClaim, wanted resource.Quantity, expandable bool) growth {
	asked := claim.Spec.Resources.Requests[corev1.ResourceStorage]
	has := claim.Status.Capacity[corev1.ResourceStorage]
	switch {
	case claim.DeletionTimestamp != nil || claim.Spec.VolumeName == "":
		return growth{} // a claim without a volume cannot be resized yet
	case asked.Cmp(wanted) > 0:
		return growth{refused: fmt.Sprintf("%s has %s and storage.size asks for %s: a volume cannot be made smaller", claim.Name, asked.String(), wanted.String())}
	case asked.Cmp(wanted) < 0 && !expandable:
		return growth{refused: fmt.Sprintf("%s cannot grow from %s to %s: its storage class does not allow volume expansion", claim.Name, asked.String(), wanted.String())}
	case asked.Cmp(wanted) < 0:
		return growth{grow: true, waiting: fmt.Sprintf("%s grows from %s to %s", claim.Name, asked.String(), wanted.String())}
	case has.Cmp(asked) < 0:
		return growth{waiting: fmt.Sprintf("%s grows from %s to %s", claim.Name, has.String(), asked.String())}
	}
	return growth{}
}
