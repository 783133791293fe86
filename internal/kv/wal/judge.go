package wal

import (
	"fmt"
	"sync"
)

// judge decides, after everything was replayed, who can go on. It returns whether
// somebody is refused who was not before, which a checkpoint must keep.
func (r *replay) judge(end Place) bool {
	changed := false
	for _, p := range r.state.partitions() {
		s := r.state.replicas[p]
		if s.refused != nil {
			continue
		}
		if s.refused = r.verdict(p, s, end); s.refused != nil {
			changed = true
		}
	}
	changed = r.checkSnapshots() || changed
	for p, s := range r.state.replicas {
		g := r.log.Group(p)
		g.tombstone = s.tombstone
		if s.refused != nil {
			s.refused.Replica = s.replica
			g.begin(0) // nothing can be read or appended, only removed
		} else if s.snapshot != nil {
			g.durable = s.snapshot.Index
		}
	}
	if r.state.metaStale == nil && r.metaMissing() {
		r.state.metaStale = &Refusal{Segment: r.hole.Segment, Offset: r.hole.Offset, Reason: "a newer state of the node could be lost"}
		changed = true
	}
	return changed
}

func (r *replay) metaMissing() bool {
	v := r.view(NodePartition)
	return v.suspect != nil || r.mayMiss(v)
}

// verdict returns why a replica is refused, or nil.
func (r *replay) verdict(p uint32, s *replicaState, end Place) *Refusal {
	v, g := r.view(p), r.log.Group(p)
	var index, term uint64
	if s.snapshot != nil {
		index, term = s.snapshot.Index, s.snapshot.Term
	}
	if v.suspect != nil && v.known && v.knownLast <= index {
		// All entries that the missing records could have been about are
		// behind the snapshot, and everything else was said again.
		v.suspect = nil
		g.dropThrough(index)
	}
	if v.suspect != nil {
		return v.suspect
	}
	if s.replica == 0 {
		return nil
	}
	if r.mayMiss(v) {
		return &Refusal{Segment: r.hole.Segment, Offset: r.hole.Offset,
			Reason: "records are lost there, and some could be this partition's"}
	}
	if g.last() < index {
		g.restart(index+1, term)
	}
	refuse := func(format string, args ...any) *Refusal {
		return &Refusal{Segment: end.Segment, Offset: end.Offset, Reason: fmt.Sprintf(format, args...)}
	}
	if g.first > index+1 {
		return refuse("entries %d to %d are missing", index+1, g.first-1)
	}
	if s.hard.Commit > g.last() {
		return refuse("entries are committed up to %d, but the log ends at %d", s.hard.Commit, g.last())
	}
	return nil
}

// checkSnapshots reads the snapshot files of all replicas that are not refused.
// It returns whether one is refused now.
func (r *replay) checkSnapshots() bool {
	type check struct {
		partition uint32
		err       error
	}
	var checks []*check
	for _, p := range r.state.partitions() {
		if s := r.state.replicas[p]; s.refused == nil && s.snapshot != nil && s.snapshot.File != "" {
			checks = append(checks, &check{partition: p})
		}
	}
	work := make(chan *check)
	var workers sync.WaitGroup
	for range min(4, len(checks)) {
		workers.Go(func() {
			for c := range work {
				c.err = verifySnapshot(r.log.opts.FS, r.log.opts.SnapshotDir, r.state.replicas[c.partition].snapshot)
			}
		})
	}
	for _, c := range checks {
		work <- c
	}
	close(work)
	workers.Wait()
	changed := false
	for _, c := range checks {
		if c.err != nil {
			at := r.view(c.partition).snapshot
			r.state.replicas[c.partition].refused = &Refusal{Segment: at.Segment, Offset: at.Offset, Reason: c.err.Error()}
			changed = true
		}
	}
	return changed
}
