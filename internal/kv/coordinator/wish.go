package coordinator

import (
	"fmt"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/ring"
)

// wish is a change of size or copies that is granted as a whole or refused with
// a reason.
type wish struct {
	replicationFactor int
	leaving           map[cluster.NodeID]bool // active members whose seat is not wanted
	staying           []cluster.Member        // active members whose seat is wanted
}

// followWish grants what the spec asks of the map, or says why not.
func (p *planner) followWish(next *cluster.Map) {
	if p.spec.Partitions != p.m.Partitions {
		p.block(ReasonPartitionsFixed, "the cluster has %d partitions and cannot change to %d: the number is fixed when it is made", p.m.Partitions, p.spec.Partitions)
	}
	if next.Settings != p.spec.Settings {
		next.Settings = p.spec.Settings
		p.event("SettingsChanged", "new settings are handed out")
	}
	if next.VirtualNodes != p.spec.VirtualNodes {
		p.event("SettingsChanged", "virtual nodes: %d, were %d", p.spec.VirtualNodes, next.VirtualNodes)
		next.VirtualNodes = p.spec.VirtualNodes
	}
	w := p.wish(next)
	if refused := p.refuse(next, w); refused != nil {
		p.block(refused.Reason, "%s", refused.Message)
		return
	}
	for i := range next.Members {
		if member := &next.Members[i]; w.leaving[member.ID] {
			member.State = cluster.MemberLeaving
			p.event("MemberLeaving", "%s leaves: its copies move to the other nodes", member.Name)
		}
	}
	if next.ReplicationFactor != w.replicationFactor {
		p.event("ReplicationFactorChanged", "replication factor: %d, was %d", w.replicationFactor, next.ReplicationFactor)
		next.ReplicationFactor = w.replicationFactor
	}
}

// wish reads the wish from the spec. Members that are wanted again come back
// whatever else is wished: that only ever adds.
func (p *planner) wish(next *cluster.Map) wish {
	w := wish{replicationFactor: p.spec.ReplicationFactor, leaving: map[cluster.NodeID]bool{}}
	for i := range next.Members {
		member := &next.Members[i]
		if p.seats[member.Name].Wanted && member.State == cluster.MemberLeaving {
			member.State = cluster.MemberActive
			p.event("MemberBack", "%s is wanted again and stays", member.Name)
		}
		switch {
		case member.State != cluster.MemberActive:
		case p.seats[member.Name].Wanted:
			w.staying = append(w.staying, *member)
		default:
			w.leaving[member.ID] = true
		}
	}
	return w
}

// refuse returns why the wish cannot be granted now, or nil.
func (p *planner) refuse(next *cluster.Map, w wish) *Blocked {
	wanted := p.spec.wanted()
	switch {
	case wanted < w.replicationFactor:
		return &Blocked{ReasonTooFewNodes, fmt.Sprintf(
			"%d nodes are wanted, fewer than the replication factor %d: ask for at least %d nodes or for fewer copies; until then nothing is changed (replication factor %d, %d nodes)",
			wanted, w.replicationFactor, w.replicationFactor, next.ReplicationFactor, len(w.staying)+len(w.leaving))}
	case len(w.staying) < w.replicationFactor:
		return &Blocked{ReasonWaitingForNodes, fmt.Sprintf(
			"%d of the %d wanted nodes are members, and %d copies need as many: waiting for the others",
			len(w.staying), wanted, w.replicationFactor)}
	case len(w.leaving) > 0 || w.replicationFactor > next.ReplicationFactor:
		return p.lacksRoom(w, next)
	}
	return nil
}

// lacksRoom returns which node would not have the room for what the wish brings
// it, or nil. A node that does not answer cannot say that it has room.
func (p *planner) lacksRoom(w wish, next *cluster.Map) *Blocked {
	previous := p.placement()
	after := ring.Assign(ring.AssignInput{
		Previous: previous, Members: ringMembers(w.staying), VirtualNodes: next.VirtualNodes,
		Partitions: p.m.Partitions, ReplicationFactor: w.replicationFactor,
	})
	incoming := map[cluster.NodeID]uint64{}
	for partition, nodes := range after {
		for _, id := range nodes {
			if !containsString(previous[partition], id) {
				incoming[cluster.NodeID(id)] += p.groups[partition].bytes()
			}
		}
	}
	for _, member := range w.staying {
		bytes := incoming[member.ID]
		if bytes == 0 {
			continue
		}
		n := p.nodes[member.ID]
		if n == nil {
			return &Blocked{ReasonNodeUnknown, fmt.Sprintf("%s would take %s of data and does not say whether it has room; waiting for its answer", member.Name, formatBytes(bytes))}
		}
		if problem := roomFor(n.status, bytes); problem != "" {
			return &Blocked{ReasonNotEnoughRoom, fmt.Sprintf("%s would take %s of data: %s; keep more nodes, fewer copies, or give the nodes more room", member.Name, formatBytes(bytes), problem)}
		}
	}
	return nil
}

// roomFor returns why a node has no room for so many more bytes of keys and
// values, or an empty string. Disk: the data arrives as a snapshot and grows a
// log beside it. Memory: the limit less a tenth.
func roomFor(s *cluster.NodeStatus, bytes uint64) string {
	if disk := 2 * bytes; s.DiskTotal > 0 && disk > s.DiskFree {
		return fmt.Sprintf("its disk has %s free and %s are needed", formatBytes(s.DiskFree), formatBytes(disk))
	}
	if limit := s.MemoryLimit / 10 * 9; s.MemoryLimit > 0 && s.MemoryUsed+bytes > limit {
		return fmt.Sprintf("it holds %s in memory and may hold %s", formatBytes(s.MemoryUsed), formatBytes(limit))
	}
	return ""
}

func formatBytes(n uint64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, prefix := float64(n)/unit, 0
	for value >= unit && prefix < 4 {
		value /= unit
		prefix++
	}
	return fmt.Sprintf("%.1f %ciB", value, "KMGTP"[prefix])
}

func containsString(list []string, s string) bool {
	for _, item := range list {
		if item == s {
			return true
		}
	}
	return false
}
