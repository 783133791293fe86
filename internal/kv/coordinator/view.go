package coordinator

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// view is an Input sorted out: which answers can be believed, and what they say
// about each group.
type view struct {
	in     Input
	spec   Spec
	limits Limits
	m      *cluster.Map // of the record; nil before the first

	seats  map[string]Seat
	nodes  map[cluster.NodeID]*node // believed answers only
	bySeat map[string]*node         // believed answers only
	doubts map[string]doubt         // by seat: why its answer does not count
	groups []*group                 // by partition; empty without a map
	active []cluster.Member         // the members that the ring counts on
	member map[cluster.NodeID]*cluster.Member
}

// node is a believed answer.
type node struct {
	seat   Seat
	status *cluster.NodeStatus
	member *cluster.Member // nil when the map does not have it
}

// active tells whether the ring counts on the node.
func (n *node) active() bool { return n.member != nil && n.member.State == cluster.MemberActive }

// doubt is why an answer does not count.
type doubt struct {
	reason  Reason
	message string
}

func newView(in Input) *view {
	v := &view{
		in: in, spec: in.Spec.withDefaults(), limits: in.Limits.withDefaults(),
		seats: map[string]Seat{}, nodes: map[cluster.NodeID]*node{}, bySeat: map[string]*node{}, doubts: map[string]doubt{},
		member: map[cluster.NodeID]*cluster.Member{},
	}
	if in.Record != nil && in.Record.Map != nil {
		v.m = in.Record.Map
		for i, member := range v.m.Members {
			v.member[member.ID] = &v.m.Members[i]
			if member.State == cluster.MemberActive {
				v.active = append(v.active, member)
			}
		}
	}
	v.believe()
	if v.m != nil {
		v.groupReports()
	}
	return v
}

// groupReports sorts what nodes report by partition.
func (v *view) groupReports() {
	v.groups = make([]*group, v.m.Partitions)
	for p := range v.groups {
		v.groups[p] = &group{v: v, partition: uint32(p)}
	}
	for _, n := range v.sortedNodes() {
		for i := range n.status.Replicas {
			r := &n.status.Replicas[i]
			g := v.groups[r.Partition]
			g.reports = append(g.reports, report{n, r})
		}
	}
	for _, g := range v.groups {
		g.conclude()
	}
}

func (v *view) initialized() bool { return v.in.Record != nil && v.in.Record.Initialized }

// believe sorts the answers into those that count and those that do not.
func (v *view) believe() {
	seatOf := map[cluster.NodeID]string{}
	for _, seat := range v.spec.Seats {
		v.seats[seat.Name] = seat
		answer, asked := v.in.Observation[seat.Name]
		if d := v.doubtful(seat, answer, asked); d != nil {
			v.doubts[seat.Name] = *d
			continue
		}
		id := answer.Status.Node
		if other, twice := seatOf[id]; twice {
			message := fmt.Sprintf("%s and %s both answer as node %s", other, seat.Name, id.Short())
			v.doubts[seat.Name], v.doubts[other] = doubt{ReasonNodeUnknown, message}, doubt{ReasonNodeUnknown, message}
			delete(v.nodes, id)
			delete(v.bySeat, other)
			continue
		}
		seatOf[id] = seat.Name
		n := &node{seat: seat, status: answer.Status, member: v.member[id]}
		v.nodes[id], v.bySeat[seat.Name] = n, n
	}
}

// doubtful returns why an answer is no evidence, or nil when it is.
func (v *view) doubtful(seat Seat, a Answer, asked bool) *doubt {
	unknown := func(format string, args ...any) *doubt {
		return &doubt{ReasonNodeUnknown, seat.Name + " " + fmt.Sprintf(format, args...)}
	}
	switch {
	case !asked:
		return unknown("was not asked")
	case a.Err != nil:
		return unknown("does not answer: %v", a.Err)
	case a.Status == nil:
		return unknown("does not answer")
	case v.in.Now.Sub(a.At) > v.limits.FreshFor:
		return unknown("answered %s ago, which is too long ago to count", v.in.Now.Sub(a.At).Round(1e8))
	case a.At.After(v.in.Now):
		return unknown("answered in the future")
	case a.Status.Node == "":
		return unknown("answers without a node ID")
	case a.Status.Name != "" && a.Status.Name != seat.Name:
		return unknown("is answered by %s: the address leads elsewhere", a.Status.Name)
	case a.Status.ClusterID == "" && (len(a.Status.Replicas) > 0 || a.Status.Revision > 0):
		return unknown("says that it belongs to no cluster, and yet has a map or replicas")
	case v.m == nil && a.Status.ClusterID != "":
		return &doubt{ReasonForeignData, fmt.Sprintf("%s belongs to cluster %s already, of which there is no record: restore the coordinator's record, or give the node an empty volume", seat.Name, a.Status.ClusterID)}
	case v.m != nil && a.Status.ClusterID != "" && a.Status.ClusterID != v.m.ClusterID:
		return &doubt{ReasonForeignData, fmt.Sprintf("%s belongs to cluster %s and not to %s: give the node an empty volume", seat.Name, a.Status.ClusterID, v.m.ClusterID)}
	case v.m != nil && (a.Status.Revision > v.m.Revision || a.Status.Epoch > v.m.Epoch):
		return &doubt{ReasonStaleRecord, fmt.Sprintf("%s has map revision %d, the coordinator's record only %d: the record is out of date, nothing is changed", seat.Name, a.Status.Revision, v.m.Revision)}
	}
	seen := map[uint32]bool{}
	for _, r := range a.Status.Replicas {
		if r.ID == 0 || seen[r.Partition] || v.m != nil && int(r.Partition) >= v.m.Partitions {
			return unknown("reports replicas that cannot be (partition %d, replica %d)", r.Partition, r.ID)
		}
		seen[r.Partition] = true
	}
	return nil
}

// staleRecord tells whether some node knows a newer map than the record.
func (v *view) staleRecord() bool {
	for _, d := range v.doubts {
		if d.reason == ReasonStaleRecord {
			return true
		}
	}
	return false
}

// memberAt returns the members of the map that were last seen at a seat.
func membersAt(m *cluster.Map, seat string) []*cluster.Member {
	var out []*cluster.Member
	for i := range m.Members {
		if m.Members[i].Name == seat {
			out = append(out, &m.Members[i])
		}
	}
	return out
}

// seatOf returns the seat name of a member for people; its short ID if unknown,
// and both for a lost one, in whose seat there is another node.
func (v *view) seatOf(id cluster.NodeID) string {
	if n := v.nodes[id]; n != nil {
		return n.seat.Name
	}
	switch member := v.member[id]; {
	case member == nil:
		return id.Short()
	case member.State == cluster.MemberLost:
		return fmt.Sprintf("the lost node %s of %s", id.Short(), member.Name)
	default:
		return member.Name
	}
}

func (v *view) zoneOf(id cluster.NodeID) string {
	if member := v.member[id]; member != nil {
		return member.Zone
	}
	return ""
}

// current tells whether the node holds the map of the current epoch: it knows
// everybody's address.
func (v *view) current(n *node) bool {
	return n.status.ClusterID == v.m.ClusterID && n.status.Epoch == v.m.Epoch
}

// sortedNodes returns the believed nodes by seat name.
func (v *view) sortedNodes() []*node {
	out := make([]*node, 0, len(v.nodes))
	for _, n := range v.nodes {
		out = append(out, n)
	}
	slices.SortFunc(out, func(a, b *node) int { return cmp.Compare(a.seat.Name, b.seat.Name) })
	return out
}
