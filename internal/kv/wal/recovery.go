package wal

// Recovery is what Open found.
type Recovery struct {
	// NodeID is the owner's.
	NodeID string
	// New: there was no log.
	New bool
	// Replicas are those that can go on, by partition.
	Replicas map[uint32]*Replica
	// Refused are those that could have lost something. Their entries cannot be
	// read; they must be removed by a Tombstone, and rebuilt under a new ID.
	Refused map[uint32]Refusal
	// Tombstones are the smallest allowed replica IDs, by partition.
	Tombstones map[uint32]uint64
	// Meta is the node's own state, nil if none was ever written.
	Meta []byte
	// MetaStale is not nil if a newer Meta could have been lost.
	MetaStale *Refusal

	// Cut is not nil if something after the last whole write was thrown away: a
	// write that was under way or, if it rotted and the log was not closed in
	// order, the last one that was synced.
	Cut *Cut
	// Clean: the log was closed in order, so that all that was ever synced is
	// here or in Damage.
	Clean bool
	// Unaccounted is how many records were lost (at least) that cannot be said to
	// be those of a partition in Refused or of one that ended since. If it is not
	// 0, a replica whose creation was among them is missing without being named,
	// and a tombstone that was among them is missing as well.
	// It is told as long as the damaged segment exists.
	Unaccounted int64
	// Damage lists all places that could not be read, whether or not something
	// that matters was there.
	Damage []Damage
}

// Replica is a replica that the log has whole.
type Replica struct {
	Replica   uint64
	Create    []byte
	HardState HardState
	Snapshot  *SnapshotRef
	// First and Last are the indexes of the entries that can be read; First is
	// Last+1 if there are none.
	First, Last uint64
	// Doubtful: entries and snapshots that were synced last could be among what was
	// cut, now or at an earlier start, and Log.EndDoubt was not called since. Terms,
	// votes, creations, removals and Meta are never in doubt.
	Doubtful bool
}

// Refusal says why something is not trusted.
type Refusal struct {
	Replica uint64 // 0: unknown, or the node's own state
	Segment uint64
	Offset  int64
	Reason  string
}

// Cut is a torn tail that was zeroed.
type Cut struct {
	Segment uint64
	Offset  int64
	Bytes   int64 // from Offset to the last byte that was not zero
}

// Damage is a place of the log that could not be read.
type Damage struct {
	Segment uint64
	Offset  int64
	Bytes   int64  // 0: unknown
	Records uint32 // how many were lost there; 0: unknown or none
	Reason  string
}
