package wal

// Entry is one entry of a partition's Raft log.
type Entry struct {
	Term, Index uint64
	// Kind is the Raft library's entry type; the log only keeps it.
	Kind uint8
	// Data is the payload, at most MaxRecordBytes. The log keeps the slice in
	// memory for a while: it must not be changed after Append, and entries that
	// Group.Entries returned must not be changed at all.
	Data []byte
}

// HardState is what a Raft replica must remember besides its entries.
type HardState struct {
	Term, Vote, Commit uint64
}

// SnapshotRef names a snapshot file and what it stands for.
type SnapshotRef struct {
	// Term and Index are of the last entry that the snapshot contains.
	Term, Index uint64
	// File is the name of the file in the log's snapshot directory, as it was
	// given to CreateSnapshotFile.
	File string
	// Size and CRC are what SnapshotWriter.Commit returned.
	Size int64
	CRC  uint32
	// Received: the snapshot came from the leader, so all entries of this
	// replica go with it. Otherwise the replica made it from its own state, and
	// entries stay readable as long as their segments exist.
	Received bool
	// Meta is the caller's, such as the membership at Index. May be nil.
	Meta []byte
}

// Write is one change that is made durable as a whole. Which of its parts are set
// is up to the caller; they take effect in the order of the fields Meta, Tombstone,
// Create, Snapshot, Entries, HardState. It belongs to the log until Done runs, or
// for ever if Done is nil.
type Write struct {
	// Partition and Replica say whom the write is for. A write for a replica
	// that is not the partition's living one (it was removed meanwhile) is
	// dropped, and its Done never runs.
	Partition uint32
	Replica   uint64

	// Create, if not nil, starts the life of Replica with this payload and
	// without any entries, whatever the partition had before.
	Create []byte
	// Entries are consecutive. They replace all entries from the first one's
	// index on. The first one's index is at most one above the last index.
	Entries []Entry
	// HardState, if not nil, replaces the last one.
	HardState *HardState
	// Snapshot, if not nil, replaces the last one, whose file is deleted once
	// this write is durable.
	Snapshot *SnapshotRef
	// Tombstone, if not zero, removes the partition's replica and everything it
	// had: no replica with a smaller ID than this can exist here ever again.
	Tombstone uint64

	// Meta, if not nil, replaces the node's own state. Partition and Replica are
	// not looked at if nothing else is set.
	Meta []byte

	// NoSync: this write alone is no reason for an fsync. Its Done then means
	// that it survives the process, not that it survives the machine.
	NoSync bool
	// Pledge: others will rely on this write for good, so an Interval does not put its
	// sync off.
	Pledge bool
	// Done, if not nil, runs on the writer's goroutine once the write is
	// durable, in the order of Append. It must return quickly and may call
	// Append.
	Done func()
}

// concernsPartition says whether anything but the node's own state is written.
func (w *Write) concernsPartition() bool {
	return w.Tombstone != 0 || w.Create != nil || w.Snapshot != nil || len(w.Entries) > 0 || w.HardState != nil
}

// records returns how many records the write takes.
func (w *Write) records() int {
	n := len(w.Entries)
	for _, set := range []bool{w.Meta != nil, w.Tombstone != 0, w.Create != nil, w.Snapshot != nil, w.HardState != nil} {
		if set {
			n++
		}
	}
	return n
}
