package wal

import "fmt"

// replay brings the state and the groups forward by the records of the log, in
// order. The rules:
//
//   - Records of a Write count when its last one is there.
//   - An entry cuts everything from its index on, also below the snapshot.
//   - A snapshot from the leader leaves no entry standing, and neither does one
//     above the last entry.
//   - A tombstone ends whatever the partition had. Creating a replica with a
//     smaller ID, and anything else for a partition without a replica, has no effect.
//   - A checkpoint repeats the small state; it is believed where the records
//     before it are missing.
type replay struct {
	log   *Log
	state *state
	views map[uint32]*view
	account

	write []recordAndCRC // of a Write whose last record is still to come
	chain chain          // of the segment, over what was applied
}

type recordAndCRC struct {
	Record
	crc uint32
}

// view is what the replay knows of a partition besides its state.
type view struct {
	seen uint64 // ordinal of its last record
	used uint64 // number of the last segment with a record of it that is no checkpoint

	// suspect is set when records of this partition are missing.
	suspect *Refusal
	// known: a checkpoint behind the missing records said what the state was, and
	// that knownLast was the last entry; so only entries up to that can be wrong.
	known     bool
	knownLast uint64

	snapshot Place // of the newest snapshot's record
}

func newReplay(l *Log, s *state) *replay {
	return &replay{log: l, state: s, views: map[uint32]*view{}, account: account{serial: 1}}
}

func (r *replay) view(partition uint32) *view {
	v := r.views[partition]
	if v == nil {
		v = &view{}
		r.views[partition] = v
	}
	return v
}

// begin starts a segment.
func (r *replay) begin(s *segmentScan, oldest bool) {
	r.chain.sum = s.seed
	r.account.begin(s, oldest)
}

// record takes the next record.
func (r *replay) record(rec *Record, crc uint32) {
	if r.misses(rec) {
		r.flush()
		r.jump(rec)
	}
	r.serial, r.started = rec.Serial+1, true
	r.write = append(r.write, recordAndCRC{*rec, crc})
	if rec.Last {
		r.flush()
	}
}

// lost takes note of bytes that hold no record although they did.
func (r *replay) lost(from, to int64) {
	r.flush()
	r.bad(Damage{Segment: r.scan.number, Offset: from, Bytes: to - from, Reason: unreadable})
}

// missing takes note of a segment whose file is not there.
func (r *replay) missing(segment uint64) {
	r.bad(Damage{Segment: segment, Reason: "the segment's file is missing"})
}

// flush applies the records that were collected.
func (r *replay) flush() {
	for i := range r.write {
		rec := &r.write[i]
		r.ordinal++
		r.chain.add(rec.crc)
		if err := r.apply(&rec.Record); err != nil {
			r.damage = append(r.damage, Damage{Segment: rec.Segment, Offset: rec.Offset, Reason: err.Error()})
			r.suspect(rec.Partition, rec.Place, err.Error())
		}
	}
	r.write = r.write[:0]
}

// cutIncomplete drops the records of a Write whose last one is not there, and
// returns where the log ends without them.
func (r *replay) cutIncomplete(end int64) int64 {
	if len(r.write) == 0 {
		return end
	}
	first := &r.write[0]
	r.serial = first.Serial
	r.write = r.write[:0]
	return first.Offset
}

func (r *replay) apply(rec *Record) error {
	if rec.Partition == NodePartition {
		return r.applyNode(rec)
	}
	v := r.view(rec.Partition)
	v.seen = r.ordinal
	if rec.Type == TypeCheckpoint {
		return r.applyCheckpoint(rec, v)
	}
	v.used = rec.Segment
	s, g := r.state.of(rec.Partition), r.log.Group(rec.Partition)
	if n := rec.Sequence - s.sequence - 1; n != 0 {
		r.belong(n)
		r.suspect(rec.Partition, r.placeOfLoss(rec), fmt.Sprintf("%d records of this partition are lost", n))
	}
	s.sequence = rec.Sequence
	switch rec.Type {
	case TypeTombstone:
		s.remove(rec.Index)
		g.begin(0)
		v.suspect = nil
		return nil
	case TypeCreate:
		if v.suspect != nil {
			// A tombstone could be among what is lost. No smaller ID can have
			// been left alive by it.
			s.tombstone = max(s.tombstone, rec.Index)
		}
		if s.begin(rec.Index, clone(rec.Payload)) {
			g.begin(rec.Index)
			v.suspect = nil
		}
		return nil
	}
	if s.replica == 0 {
		return nil
	}
	switch rec.Type {
	case TypeEntry:
		if rec.Index == 0 || rec.Index > maxIndex {
			return corruptAt(rec.Place, "an entry with index %d", rec.Index)
		}
		r.applyEntry(rec, s, g)
	case TypeHardState:
		h, err := decodeHardState(rec)
		if err != nil {
			return err
		}
		s.hard = h
	case TypeSnapshot:
		ref, err := decodeSnapshotRef(rec)
		if err != nil {
			return err
		}
		if s.dropsEntries(ref) {
			g.restart(ref.Index+1, ref.Term)
		}
		s.setSnapshot(ref)
		g.snapshot, v.snapshot = ref, rec.Place
	default:
		return corruptAt(rec.Place, "a %s record names partition %d", rec.Type, rec.Partition)
	}
	return nil
}

func (r *replay) applyEntry(rec *Record, s *replicaState, g *Group) {
	if rec.Index > g.last()+1 {
		// What is between was lost, or is behind a snapshot that is still to
		// come; the judgement at the end sees which.
		g.restart(rec.Index, 0)
	}
	g.file(rec.Index, rec.Term, location{uint32(rec.Segment), uint32(rec.Offset), uint32(len(rec.Payload))})
	s.setLast(rec.Index, rec.Term)
}

// applyCheckpoint believes a checkpoint of the oldest segment, and one behind
// missing records; any other only has to agree.
func (r *replay) applyCheckpoint(rec *Record, v *view) error {
	c, err := decodeCheckpoint(rec)
	if err != nil {
		return err
	}
	s, g := r.state.of(rec.Partition), r.log.Group(rec.Partition)
	if !r.oldest {
		if n := rec.Sequence - s.sequence; n != 0 {
			r.belong(n)
			r.suspect(rec.Partition, r.placeOfLoss(rec), fmt.Sprintf("%d records of this partition are lost", n))
		} else if (v.suspect == nil || v.known) && (s.replica != c.replica || s.hard != c.hard || s.last != c.last || s.tombstone != c.tombstone) {
			r.suspect(rec.Partition, rec.Place, "the checkpoint does not agree with the records before it")
		}
		if v.suspect == nil || v.known {
			s.refused = c.refused
			return nil
		}
		if c.replica == 0 {
			v.suspect = nil
		}
		v.known, v.knownLast = true, c.last
	}
	if r.oldest || s.replica != c.replica || g.last() != c.last {
		g.begin(c.replica)
		g.restart(c.last+1, c.lastTerm)
	}
	g.snapshot, v.snapshot = c.snapshot, rec.Place
	*s = *c
	return nil
}

func (r *replay) applyNode(rec *Record) error {
	v := r.view(NodePartition)
	v.seen = r.ordinal
	switch rec.Type {
	case TypeMeta:
		r.belong(rec.Sequence - r.state.metaSeq - 1)
		r.state.setMeta(clone(rec.Payload))
	case TypeCheckpoint:
		if !r.oldest {
			r.belong(rec.Sequence - r.state.metaSeq)
		}
		r.state.setMeta(clone(rec.Payload))
		if rec.Kind == 1 {
			r.state.metaStale = &Refusal{Segment: rec.Term, Offset: int64(rec.Index), Reason: "a newer state of the node is lost"}
		}
	default:
		return corruptAt(rec.Place, "a %s record of the node", rec.Type)
	}
	r.state.metaSeq = rec.Sequence
	return nil
}

// suspect notes that a partition is not what it should be.
func (r *replay) suspect(partition uint32, p Place, reason string) {
	v := r.view(partition)
	if v.suspect == nil || v.known {
		v.suspect = &Refusal{Segment: p.Segment, Offset: p.Offset, Reason: reason}
	}
	v.known = false
}

// compareChain checks a sealed segment against what the next header says of it.
func (r *replay) compareChain(want uint32) {
	number := r.scan.number
	if r.chain.sum == want || r.hole.Segment == number {
		return
	}
	place := Place{number, recordsStart}
	reason := "the segment's records are not those that were written last"
	r.damage = append(r.damage, Damage{Segment: number, Offset: recordsStart, Reason: reason})
	for p, v := range r.views {
		if v.used == number {
			r.suspect(p, place, reason)
		}
	}
}
