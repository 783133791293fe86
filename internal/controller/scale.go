package controller

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/ringkv/ringkv/internal/controller/objects"
	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/coordinator"
)

// Three numbers make the size of a cluster:
//
//	spec.nodes            what is wanted
//	members of the map    what is true: who may hold data
//	StatefulSet.replicas  follows: raised first when growing, lowered last
//
// A StatefulSet removes its highest ordinal first, so replicas goes down only
// over a run of the highest ordinals that may all go, each for a reason that is
// positive evidence (see departure). Whoever scales the StatefulSet by hand is
// corrected by the same rule: up again as far as there are members, down again
// as far as there is proof.

// departure is why the pod of an ordinal may go.
type departure struct {
	ordinal int
	why     string
	// empty is true if the volume is proven to hold nothing that the cluster
	// needs by the node's own word, or has never been written. Only then may the
	// volume go with the pod.
	empty bool
	node  cluster.NodeID // as which the node said so; may be empty
}

// replicas is how many pods the StatefulSet should have. live is what it has
// now; members are the ordinals of all members of the map, whatever their state.
func replicas(wanted, live int, members []int, departures []departure) int {
	n := max(wanted, live)
	for _, m := range members {
		n = max(n, m+1)
	}
	for n > wanted && slices.ContainsFunc(departures, func(d departure) bool { return d.ordinal == n-1 }) {
		n--
	}
	return n
}

// departures lists the ordinals whose pods may go:
//
//   - those that the coordinator has proven to be empty and not needed, or
//   - those of seats that are in no map and whose node has never run: their
//     containers never started, and every partition is full without them. It is
//     how a pod that cannot be scheduled, or that has no image, is given up
//     again; it cannot speak for itself.
func departures(name string, seats []coordinator.Seat, plane *coordinator.Result, pods map[int]*corev1.Pod, claims map[int]*corev1.PersistentVolumeClaim) []departure {
	if plane == nil {
		return nil
	}
	members := memberOrdinals(name, plane.Members)
	var out []departure
	for _, seat := range seats {
		ordinal, ok := objects.Ordinal(name, seat.Name)
		if !ok || seat.Wanted || slices.Contains(members, ordinal) {
			continue
		}
		if i := slices.IndexFunc(plane.Removable, func(r coordinator.Removal) bool { return r.Seat == seat.Name }); i >= 0 {
			out = append(out, departure{
				ordinal: ordinal, empty: true, node: plane.Removable[i].Node,
				why: fmt.Sprintf("%s (node %s) holds nothing, and every partition is full without it", seat.Name, plane.Removable[i].Node.Short()),
			})
			continue
		}
		if pod := pods[ordinal]; plane.Health.AllFull() && neverRan(pod) {
			claim := claims[ordinal]
			out = append(out, departure{
				ordinal: ordinal, empty: claim == nil || claim.Spec.VolumeName == "",
				why: fmt.Sprintf("%s never started, is no member, and every partition is full without it", seat.Name),
			})
		}
	}
	return out
}

// neverRan tells whether no container of the pod has ever been started. A pod
// that is not there proves nothing: it may have run before.
func neverRan(pod *corev1.Pod) bool {
	if pod == nil || pod.Status.Phase != corev1.PodPending {
		return false
	}
	for _, s := range pod.Status.ContainerStatuses {
		if s.State.Running != nil || s.State.Terminated != nil || s.LastTerminationState.Terminated != nil || s.RestartCount > 0 {
			return false
		}
	}
	return true
}

// memberOrdinals are the ordinals of the seats that the map names.
func memberOrdinals(name string, members []coordinator.MemberStatus) []int {
	var out []int
	for _, m := range members {
		if m.State == "" {
			continue // a seat that is in no map
		}
		if n, ok := objects.Ordinal(name, m.Name); ok && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}
