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
		w.add(&Record{Type: TypeMeta, Last: left == 0, Partition: NodePartition, Sequence: w.state.metaSeq}, q.Meta)
	}
	if q.group != nil {
		w.encodeReplica(q, left)
	}
	w.urgent = w.urgent || !q.NoSync
	w.batch = append(w.batch, *q)
}

// encodeReplica adds the left records of a write that concern its partition.
func (w *writer) encodeReplica(q *queued, left int) {
	s := w.state.of(q.Partition)
	next := func(t RecordType) *Record {
		left--
		s.sequence++
		return &Record{Type: t, Partition: q.Partition, Sequence: s.sequence, Last: left == 0}
	}
	superseded := s.snapshot
	if q.Tombstone != 0 {
		s.remove(q.Tombstone)
		r := next(TypeTombstone)
		r.Index = q.Tombstone
		w.add(r, nil)
	}
	if q.Create != nil {
		s.begin(q.Replica, clone(q.Create))
		r := next(TypeCreate)
		r.Index = q.Replica
		w.add(r, q.Create)
	}
	if q.Snapshot != nil {
		ref := *q.Snapshot
		ref.Meta = clone(ref.Meta)
		s.setSnapshot(&ref)
		r := next(TypeSnapshot)
		r.Term, r.Index = ref.Term, ref.Index
		w.add(r, appendSnapshotRef(nil, &ref))
	}
	if q.edits > 0 || q.Snapshot != nil {
		e := settled{group: q.group, edits: q.edits, life: q.life}
		if q.Snapshot != nil {
			e.index = q.Snapshot.Index
		}
		w.durable.edits = append(w.durable.edits, e)
	}
	if superseded != nil && superseded.File != "" && (s.snapshot == nil || s.snapshot.File != superseded.File) {
		w.durable.files = append(w.durable.files, superseded.File)
	}
	for i := range q.Entries {
		e := &q.Entries[i]
		r := next(TypeEntry)
		r.Term, r.Index, r.Kind = e.Term, e.Index, e.Kind
		w.places = append(w.places, location{uint32(w.header.segment), uint32(w.end + int64(len(w.buf))), uint32(len(e.Data))})
		w.add(r, e.Data)
		s.setLast(e.Index, e.Term)
	}
	if q.HardState != nil {
		s.hard = *q.HardState
		r := next(TypeHardState)
		r.Term = s.hard.Term
		w.add(r, appendHardState(nil, s.hard))
	}
}

// add appends a record to the batch.
func (w *writer) add(r *Record, payload []byte) {
	start := len(w.buf)
	w.buf = append(beginRecord(w.buf), payload...)
	r.Serial, r.Synced = w.serial, w.synced
	w.serial++
	var crc uint32
	w.buf, crc = endRecord(w.buf, start, w.seed, r)
	w.chain = chain(w.chain, crc)
}

// checkpoint adds everything small that the log knows, to begin a segment with.
// It must be the first in an empty buffer.
func (w *writer) checkpoint() {
	h := w.header
	h.firstSerial, h.checkpointCount = w.serial, 0
	if w.state.meta != nil || w.state.metaStale != nil {
		h.checkpointCount++
		r := &Record{Type: TypeCheckpoint, Last: true, Partition: NodePartition, Sequence: w.state.metaSeq}
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
		w.add(&Record{Type: TypeCheckpoint, Last: true, Partition: p, Sequence: s.sequence, Term: s.lastTerm, Index: s.last}, payload)
	}
}
