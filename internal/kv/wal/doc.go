// Package wal is a node's log: one sequence of records, shared by all partitions,
// that is on stable storage before anything is acknowledged.
//
// What holds after any crash of the process or the machine, if the disk keeps
// what fdatasync promised:
//
//   - Every Write whose Done ran is there (unless it was marked NoSync, or the
//     log runs with an Interval), in the order of Append.
//   - A Write is there wholly or not at all, and what is there is a prefix of what
//     was appended.
//   - Nothing that was overwritten, compacted or removed comes back.
//
// What holds if the disk does not keep it (flipped bits, zeroed or missing
// sectors, missing files): a replica that could have lost something is refused by
// name, with segment and offset, and the others go on. There is one exception. The
// last bytes that were synced before a crash can rot into something that looks like
// a write that was under way; Recovery.Cut and Recovery.Clean tell whether that is
// possible, and docs/log-format.md how small the window is.
//
// A failed write or fsync is final: Options.Fatal is called once, no Done runs
// any more, and the process is expected to end. Trying again could succeed without
// the data being on the disk, because the kernel forgets pages whose writing failed.
// For the same reason Open writes whatever nobody promised to be synced once more
// before it trusts it.
//
// # Parts
//
// A Log has one writer goroutine (writer.go), which turns queued Writes into one
// write and one fdatasync; the next batch queues up meanwhile. A second goroutine
// (keeper.go) prepares the next segment, deletes segments and snapshot files that
// nothing needs, and watches the free space. A Group (group.go) is one partition's
// view of its entries. Opening replays all segments (recover.go) through the same
// state that the writer keeps to begin each segment with a checkpoint (state.go).
//
// The format is drawn where it is encoded: header.go (segments), record.go and
// payload.go (records), snapshot_file.go (snapshots).
package wal
