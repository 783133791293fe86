package coordinator

import (
	"cmp"
	"slices"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// How a member's state follows from its seat and from who answers there:
//
//	seat      answers there     member was      becomes
//	wanted    a new, empty node  -              Active (joins)
//	wanted    the member         Leaving, Lost  Active (back)
//	unwanted  the member         Active         Leaving, if the wish is granted
//	unwanted  nobody             Active         Leaving, if the wish is granted
//	any       another node       not Lost       Lost
//	wanted    nobody             Leaving        Active (wanted again)
//	-         the member, with   Leaving        removed from the map
//	          a drop proof
//	-         another node, with Lost           removed from the map
//	          a drop proof
//
// Silence changes nothing: whoever does not answer keeps its share of the ring.

// nextMap returns the map as it should be, or nil when it is so.
func (p *planner) nextMap() *cluster.Map {
	if !p.anchored() {
		return nil
	}
	next := p.m.Clone()
	p.followSeats(next)
	p.followWish(next)
	p.dropMembers(next)
	sortMembers(next)
	epoch := !slices.EqualFunc(p.m.Members, next.Members, func(a, b cluster.Member) bool {
		return a.ID == b.ID && a.State == b.State && a.Zone == b.Zone
	})
	if epoch {
		next.Epoch++
	} else if slices.Equal(p.m.Members, next.Members) && p.m.Settings == next.Settings &&
		p.m.ReplicationFactor == next.ReplicationFactor && p.m.VirtualNodes == next.VirtualNodes {
		return nil
	}
	next.Revision++
	return next
}

// anchored tells whether at least one node that answers is a member with the
// cluster's data. Without one, empty nodes would be taken for the cluster.
func (p *planner) anchored() bool {
	wantedUnknown := 0
	for _, seat := range p.spec.Seats {
		n := p.bySeat[seat.Name]
		if n != nil && n.member != nil && n.status.ClusterID == p.m.ClusterID {
			return true
		}
		if seat.Wanted && n == nil {
			wantedUnknown++
		}
	}
	if wantedUnknown == 0 && len(p.bySeat) > 0 {
		p.block(ReasonDataLost, "cluster %s was initialised, and now every node answers without its data: nothing is started on empty volumes. Bring back at least one of the volumes of %s, or delete the cluster and make a new one",
			p.m.ClusterID, list(memberNames(p.m)))
	} else {
		p.block(ReasonUnavailable, "no member of the cluster answers; waiting for %s", list(memberNames(p.m)))
	}
	return false
}

func memberNames(m *cluster.Map) (names []string) {
	for _, member := range m.Members {
		if !slices.Contains(names, member.Name) {
			names = append(names, member.Name)
		}
	}
	slices.Sort(names)
	return names
}

// followSeats lets nodes join, come back and be lost, by who answers where.
func (p *planner) followSeats(next *cluster.Map) {
	for _, n := range p.sortedNodes() {
		known := next.Member(n.status.Node)
		if known == nil && n.seat.Wanted {
			next.Members = append(next.Members, newMember(n))
			p.event("MemberJoined", "%s joins as node %s", n.seat.Name, n.status.Node.Short())
		} else if known != nil {
			describe(known, n)
			if known.State == cluster.MemberLost {
				known.State = cluster.MemberActive
				p.event("MemberBack", "%s is back as node %s, which was taken for lost", n.seat.Name, n.status.Node.Short())
			}
		}
		for _, other := range membersAt(next, n.seat.Name) {
			if other.ID != n.status.Node && other.State != cluster.MemberLost && p.nodes[other.ID] == nil {
				other.State = cluster.MemberLost
				p.event("MemberLost", "%s answers as node %s: the volume of node %s is lost", n.seat.Name, n.status.Node.Short(), other.ID.Short())
			}
		}
	}
	for i := range next.Members { // a seat can change its zone while its node is away
		member := &next.Members[i]
		if seat, named := p.seats[member.Name]; named && p.nodes[member.ID] == nil && member.State != cluster.MemberLost {
			member.Zone = cmp.Or(seat.Zone, member.Zone)
		}
	}
}

// dropMembers takes those off the map that have left or were replaced, by proof.
func (p *planner) dropMembers(next *cluster.Map) {
	next.Members = slices.DeleteFunc(next.Members, func(member cluster.Member) bool {
		was := p.member[member.ID]
		if was == nil || was.State != member.State {
			return false // only what all nodes had the time to see
		}
		var proof []Check
		switch member.State {
		case cluster.MemberLeaving:
			proof = p.check(leftPredicates, member.ID, member.Name)
		case cluster.MemberLost:
			proof = p.check(replacedPredicates, member.ID, member.Name)
		default:
			return false
		}
		if !Proven(proof) {
			return false
		}
		p.event("MemberRemoved", "%s (node %s) is no member any more: nothing is on it, and every partition is full without it", member.Name, member.ID.Short())
		return true
	})
}
