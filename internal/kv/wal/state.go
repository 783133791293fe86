package wal

import "sort"

// state is all that the log knows besides entries: small enough to begin every
// segment with. The writer and the replay bring it forward by the same methods.
type state struct {
	replicas map[uint32]*replicaState
	meta     []byte // of the node; nil if never written
	metaSeq  uint32 // sequence of NodePartition
	// metaStale is set when a newer meta could have been lost.
	metaStale *Refusal
}

// replicaState is what the log knows of a partition.
type replicaState struct {
	replica   uint64 // 0: there is none
	create    []byte
	tombstone uint64 // no replica ID below it can live here
	hard      HardState
	snapshot  *SnapshotRef
	last      uint64 // index of the last entry, or of the snapshot if that is newer
	lastTerm  uint64
	sequence  uint32 // of the partition's last record
	// refused is set when something could have been lost. It stays with the
	// replica, through restarts, until the replica is removed.
	refused *Refusal
}

func newState() *state { return &state{replicas: map[uint32]*replicaState{}} }

// of returns a partition's state, which it makes if missing.
func (s *state) of(partition uint32) *replicaState {
	r := s.replicas[partition]
	if r == nil {
		r = &replicaState{}
		s.replicas[partition] = r
	}
	return r
}

// partitions returns those that have a state, in order.
func (s *state) partitions() []uint32 {
	ps := make([]uint32, 0, len(s.replicas))
	for p := range s.replicas {
		ps = append(ps, p)
	}
	sort.Slice(ps, func(i, j int) bool { return ps[i] < ps[j] })
	return ps
}

// begin starts the life of a replica. It returns false if the tombstone forbids it.
func (r *replicaState) begin(replica uint64, create []byte) bool {
	if replica < r.tombstone || replica == 0 {
		return false
	}
	*r = replicaState{replica: replica, create: create, tombstone: r.tombstone, sequence: r.sequence}
	return true
}

func (r *replicaState) remove(smallestAllowed uint64) {
	*r = replicaState{tombstone: max(r.tombstone, smallestAllowed), sequence: r.sequence}
}

// dropsEntries says whether a snapshot leaves no entry standing.
func (r *replicaState) dropsEntries(s *SnapshotRef) bool { return s.Received || s.Index > r.last }

// resume returns the hard state to go on with. What is in a snapshot is committed.
// A term is known from the entries, if it was not written otherwise; then there was
// no vote in it.
func (r *replicaState) resume() HardState {
	h, term := r.hard, r.lastTerm
	if r.snapshot != nil {
		h.Commit = max(h.Commit, r.snapshot.Index)
		term = max(term, r.snapshot.Term)
	}
	if h.Term < term {
		h.Term, h.Vote = term, 0
	}
	return h
}

// setMeta replaces the node's own state.
func (s *state) setMeta(meta []byte) { s.meta, s.metaStale = meta, nil }

func (r *replicaState) setSnapshot(s *SnapshotRef) {
	if r.dropsEntries(s) {
		r.last, r.lastTerm = s.Index, s.Term
	}
	r.snapshot = s
}

func (r *replicaState) setLast(index, term uint64) { r.last, r.lastTerm = index, term }
