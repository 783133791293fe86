package wal

// maxOffset is the largest offset in a segment that a location can hold.
const maxOffset = 1<<32 - 1

// writeBytes returns how many bytes the records of a write take.
func writeBytes(w *Write) int64 {
	var n int64
	for i := range w.Entries {
		n += recordBytes(len(w.Entries[i].Data))
	}
	if w.Meta != nil {
		n += recordBytes(len(w.Meta))
	}
	if w.Tombstone != 0 {
		n += recordBytes(0)
	}
	if w.Create != nil {
		n += recordBytes(len(w.Create))
	}
	if w.Snapshot != nil {
		n += recordBytes(snapshotRefBytes(w.Snapshot))
	}
	if w.HardState != nil {
		n += recordBytes(16)
	}
	return n
}

func snapshotRefBytes(s *SnapshotRef) int { return 15 + len(s.File) + len(s.Meta) }

// encode adds a write to the batch, and brings the state forward by it.
func (w *writer) encode(q *queued) {
	left := q.records()
	if q.Meta != nil {
		left--
		w.state.setMeta(clone(q.Meta))
		w.state.metaSeq++
		w.add(Record{Type: TypeMeta, Last: left == 0, Partition: NodePartition, Sequence: w.state.metaSeq}, q.Meta)
	}
	if q.group != nil {
		w.encodeReplica(q, left)
	}
	w.urgent = w.urgent || !q.NoSync
	w.pledged = w.pledged || q.Meta != nil || q.Pledge || w.termOpen && !q.NoSync
	w.batch = append(w.batch, *q)
}

// encodeReplica adds the left records of a write that concern its partition.
func (w *writer) encodeReplica(q *queued, left int) {
	s := w.state.of(q.Partition)
	add := func(r Record, payload []byte) {
		left--
		s.sequence++
		r.Partition, r.Sequence, r.Last = q.Partition, s.sequence, left == 0
		w.add(r, payload)
	}
	// What says who a replica is and whom it voted for is never left to an Interval:
	// a replica that forgets that could vote twice, or come back after its removal.
	newTerm := q.HardState != nil && (q.HardState.Term != s.hard.Term || q.HardState.Vote != s.hard.Vote)
	w.pledged = w.pledged || q.Tombstone != 0 || q.Create != nil || newTerm && !q.NoSync
	w.termOpen = w.termOpen || newTerm
	superseded := s.snapshot
	if q.Tombstone != 0 {
		s.remove(q.Tombstone)
		add(Record{Type: TypeTombstone, Index: q.Tombstone}, nil)
	}
	if q.Create != nil {
		s.begin(q.Replica, clone(q.Create))
		add(Record{Type: TypeCreate, Index: q.Replica}, q.Create)
	}
	if q.Snapshot != nil {
		ref := *q.Snapshot
		ref.Meta = clone(ref.Meta)
		s.setSnapshot(&ref)
		add(Record{Type: TypeSnapshot, Term: ref.Term, Index: ref.Index}, appendSnapshotRef(nil, &ref))
	}
	w.settleLater(q, superseded, s.snapshot)
	for i := range q.Entries {
		e := &q.Entries[i]
		w.places = append(w.places, location{uint32(w.header.segment), uint32(w.end + int64(len(w.buf))), uint32(len(e.Data))})
		add(Record{Type: TypeEntry, Kind: e.Kind, Term: e.Term, Index: e.Index}, e.Data)
		s.setLast(e.Index, e.Term)
	}
	if q.HardState != nil {
		s.hard = *q.HardState
		w.scratch = appendHardState(w.scratch[:0], s.hard)
		add(Record{Type: TypeHardState, Term: s.hard.Term}, w.scratch)
	}
}

// settleLater notes what may be done once a write is durable.
func (w *writer) settleLater(q *queued, before, after *SnapshotRef) {
	if before != nil && before.File != "" && (after == nil || after.File != before.File) {
		w.durable.files = append(w.durable.files, before.File)
	}
	if q.edits == 0 && q.Snapshot == nil {
		return
	}
	e := settled{group: q.group, edits: q.edits, life: q.life}
	if q.Snapshot != nil {
		e.index = q.Snapshot.Index
	}
	w.durable.edits = append(w.durable.edits, e)
}

// add appends a record to the batch.
func (w *writer) add(r Record, payload []byte) {
	start := len(w.buf)
	w.buf = append(beginRecord(w.buf), payload...)
	r.Serial, r.Synced = w.serial, w.synced
	w.serial++
	var crc uint32
	w.buf, crc = endRecord(w.buf, start, w.seed, &r)
	w.chain.add(crc)
}

// checkpoint adds everything small that the log knows, to begin a segment with.
// It must be the first in an empty buffer.
func (w *writer) checkpoint() {
	h := w.header
	h.firstSerial, h.checkpointCount = w.serial, 0
	if w.state.meta != nil || w.state.metaStale != nil {
		h.checkpointCount++
		r := Record{Type: TypeCheckpoint, Last: true, Partition: NodePartition, Sequence: w.state.metaSeq}
		if stale := w.state.metaStale; stale != nil {
			r.Kind, r.Term, r.Index = 1, stale.Segment, uint64(stale.Offset)
		}
		w.add(r, w.state.meta)
	}
	var payload []byte
	for _, p := range w.state.partitions() {
		s := w.state.replicas[p]
		h.checkpointCount++
		payload = appendCheckpoint(payload[:0], s)
		w.add(Record{Type: TypeCheckpoint, Last: true, Partition: p, Sequence: s.sequence, Term: s.lastTerm, Index: s.last}, payload)
	}
}
