package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/units"
)

// coordinator: what it says itself, and whether it can be believed.
func (e *exam) coordinator() {
	if e.o.Stale != "" {
		e.problem("see whether the operator runs: kubectl get pods -A -l app.kubernetes.io/name=ringkv,app.kubernetes.io/component=manager", "%s", e.o.Stale)
	}
	if e.o.RecordErr != nil {
		e.problem("restore it: nothing is changed without it (docs/operations.md)", "the coordinator's record cannot be read: %v", e.o.RecordErr)
	}
	for _, b := range e.o.Blocked {
		e.problem("", "%s", b) // says itself what to do
	}
	if e.settling() {
		e.note("", "data is moving: %d of %d copies of partitions made", e.o.Progress.MovesDone, e.o.Progress.MovesTotal)
	}
}

// nodes: who does not answer, and who cannot serve.
func (e *exam) nodes() {
	for i := range e.o.Nodes {
		n := &e.o.Nodes[i]
		switch {
		case !n.Up():
			advice := "look at its log and bring it back with its volume; if the volume is lost, see docs/operations.md"
			if n.LastExit != "" {
				advice = fmt.Sprintf("its process ended (%s): %s", n.LastExit, advice)
			}
			e.problem(advice, "node %s is down: %v", n.Name, n.Err)
		case n.NotReady != "":
			e.problem("if it stays so, look at the partitions below and at the node's log", "node %s is not ready: %s", n.Name, n.NotReady)
		}
		if n.Status == nil {
			continue
		}
		for _, p := range n.Status.Problems {
			e.problem("", "node %s: %s", n.Name, p)
		}
	}
}

// leaders: partitions that nobody leads cannot be read or written.
func (e *exam) leaders() {
	var lost, electing []string
	down := map[string]bool{}
	for _, p := range e.partitions {
		switch {
		case p.Leader != nil:
		case p.Majority():
			electing = append(electing, strconv.Itoa(int(p.ID)))
		default:
			lost = append(lost, strconv.Itoa(int(p.ID)))
			for _, c := range p.Copies {
				if !c.Answers {
					down[c.Node] = true
				}
			}
		}
	}
	if len(lost) > 0 {
		advice := "wait until the nodes have started"
		if len(down) > 0 {
			advice = "bring back " + list(slices.Sorted(maps.Keys(down))) + ", enough of them for a majority of each partition's copies"
		}
		e.problem(advice, "%s can be neither read nor written, since no majority of their copies answers: %s", plural(len(lost), "partition"), list(lost))
	}
	if len(electing) > 0 {
		e.problem("an election takes about a second and a half: look again; if it stays so, see whether the nodes reach each other",
			"%s without a leader, although a majority answers: %s", plural(len(electing), "partition"), list(electing))
	}
}

// copies: partitions with fewer than there should be.
func (e *exam) copies() {
	wanted := min(e.o.ReplicationFactor(), len(e.o.Nodes))
	var few, last []string
	for _, p := range e.partitions {
		switch good := p.Good(); {
		case p.Leader == nil || good >= wanted:
		case good == 1:
			last = append(last, strconv.Itoa(int(p.ID)))
		default:
			few = append(few, strconv.Itoa(int(p.ID)))
		}
	}
	if len(last) > 0 {
		e.problem("keep the node that has it running, and bring the others back", "one good copy alone is left of %s: %s", plural(len(last), "partition"), list(last))
	}
	if len(few) > 0 {
		advice := "bring back the nodes that are down"
		if e.settling() {
			advice = "the missing ones are being made"
		}
		e.problem(advice, "fewer than %d good copies of %s: %s", wanted, plural(len(few), "partition"), list(few))
	}
}

// damage: copies that their nodes refuse.
func (e *exam) damage() {
	for _, p := range e.partitions {
		for _, c := range p.Copies {
			if c.Refused != "" {
				e.problem("it is made anew from the others by itself; check the disk of that node (kvctl wal verify on its stopped volume says what is damaged)",
					"the copy of partition %d on %s is damaged: %s", p.ID, c.Node, c.Refused)
			}
		}
	}
}

// Below these parts of a node's disk and memory that are free it is time to act.
const (
	lowDisk   = 0.10
	lowMemory = 0.15
)

func (e *exam) room() {
	for _, n := range e.o.Nodes {
		s := n.Status
		if s == nil {
			continue
		}
		if free := float64(s.DiskFree) / float64(s.DiskTotal); s.DiskTotal > 0 && free < lowDisk {
			e.problem("give it a larger volume or add nodes: writes are refused before the disk is full",
				"the disk of %s is almost full: %s of %s free", n.Name, units.Bytes(s.DiskFree), units.Bytes(s.DiskTotal))
		}
		if used := float64(s.MemoryUsed) / float64(s.MemoryLimit); s.MemoryLimit > 0 && used > 1-lowMemory {
			e.problem("give it more memory or add nodes: writes beyond the limit are refused with OOM",
				"the data of %s takes %s of the %s that it may take", n.Name, units.Bytes(s.MemoryUsed), units.Bytes(s.MemoryLimit))
		}
	}
}

// maps: nodes that have not heard of the newest map.
func (e *exam) maps() {
	if e.o.Record == nil || e.o.Record.Map == nil {
		return
	}
	m := e.o.Record.Map
	for _, n := range e.o.Nodes {
		s := n.Status
		switch {
		case s == nil:
		case s.ClusterID != "" && s.ClusterID != m.ClusterID:
			e.problem("give it an empty volume, or take it away", "node %s belongs to another cluster: %s", n.Name, s.ClusterID)
		case s.Revision > m.Revision:
			e.problem("restore the coordinator's newest record: with an old one nothing is changed",
				"node %s has map revision %d, the coordinator's record only %d", n.Name, s.Revision, m.Revision)
		case s.Revision < m.Revision:
			e.note("", "node %s has map revision %d and is about to get %d", n.Name, s.Revision, m.Revision)
		}
	}
	for _, member := range m.Members {
		if member.State == cluster.MemberLost {
			e.problem("its copies are made anew from the others; nothing to do but to find out why", "the volume of node %s (%s) is lost", member.Name, member.ID.Short())
		}
	}
}

// manyRestarts is more than an upgrade and an accident.
const manyRestarts = 3

func (e *exam) restarts() {
	for _, n := range e.o.Nodes {
		if n.Restarts >= manyRestarts {
			e.note("look at its log for the reason", "node %s was started again %d times; it ended with: %s", n.Name, n.Restarts, n.LastExit)
		}
	}
}

// farBehind is a lag, in log entries, that a healthy follower does not have.
const farBehind = 10_000

func (e *exam) lag() {
	worst := map[string]int64{}
	for _, p := range e.partitions {
		for _, c := range p.Copies {
			if c.Answers && c.Behind > farBehind {
				worst[c.Node] = max(worst[c.Node], c.Behind)
			}
		}
	}
	for _, node := range slices.Sorted(maps.Keys(worst)) {
		e.problem("look at its disk (ringkv_log_sync_seconds_max) and its network", "copies on %s are up to %s log entries behind", node, units.Count(worst[node]))
	}
}

// zones: partitions that the loss of one zone would take.
func (e *exam) zones() {
	zoneOf := map[string]string{}
	zones := map[string]bool{}
	for _, n := range e.o.Nodes {
		zone := n.Zone
		if zone == "" && n.Status != nil {
			zone = n.Status.Zone
		}
		zoneOf[n.Name], zones[zone] = zone, true
	}
	if len(zones) < 2 || e.o.ReplicationFactor() < 2 {
		return
	}
	var together []string
	for _, p := range e.partitions {
		in := map[string]bool{}
		for _, c := range p.Copies {
			in[zoneOf[c.Node]] = true
		}
		if len(p.Copies) > 1 && len(in) == 1 {
			together = append(together, strconv.Itoa(int(p.ID)))
		}
	}
	if len(together) > 0 {
		e.note("moves spread them by themselves where the nodes allow it", "all copies in one zone: %s: %s", plural(len(together), "partition"), list(together))
	}
}

// durability: what the wish itself risks.
func (e *exam) durability() {
	switch e.o.ReplicationFactor() {
	case 1:
		e.note("kvctl setreplica 3", "there is one copy of every key: what its node loses is lost")
	case 2:
		e.note("kvctl setreplica 3", "there are two copies of every key: writes need both, and wait while one node is down")
	}
}

func (e *exam) versions() {
	versions := map[string]bool{}
	for _, n := range e.o.Nodes {
		if n.Status != nil {
			versions[n.Status.Version] = true
		}
	}
	if len(versions) > 1 {
		e.note("finish the upgrade", "nodes run different versions: %s", list(slices.Sorted(maps.Keys(versions))))
	}
}
