package main

// logMutants break what is on the disk.
var logMutants = []mutant{
	{
		name: "skip the fsync", breaks: "an acknowledged write survives a power loss",
		file: "internal/kv/wal/writer.go", in: "func (w *writer) sync(",
		old: "if err := w.seg.file.SyncData(); err != nil {", new: "if err := error(nil); err != nil {",
		killers: []killer{{walTests, "TestACrashAnywhere"}},
	},
	{
		name: "acknowledge before the sync", breaks: "nothing is acknowledged before it is on stable storage",
		file: "internal/kv/wal/writer.go", in: "func (w *writer) flush(",
		old: "\tif w.wantsSync() {\n", new: `	for i := range w.batch {
		if done := w.batch[i].Done; done != nil {
			done()
			w.batch[i].Write = &Write{}
		}
	}
	if w.wantsSync() {
`,
		killers: []killer{{walTests, "TestACrashAnywhere|TestAFailedWriteOrSync"}},
	},
	{
		name: "go on after a failed fsync", breaks: "a failed fsync is final: what it lost is not acknowledged by the next one",
		file: "internal/kv/wal/writer.go", in: "func (w *writer) sync(",
		old: `return fmt.Errorf("sync %s: %w", w.place(w.end), err)`, new: `w.opts.Logger.Error("sync failed", "error", err)`,
		killers: []killer{{walTests, "TestAFailedWriteOrSync"}},
	},
	{
		name: "name a segment without syncing its folder", breaks: "a segment that is written to is there after a crash",
		file: "internal/kv/wal/writer.go", in: "func (w *writer) begin(",
		old: "if err := w.opts.FS.SyncDir(w.opts.Dir); err != nil {", new: "if err := error(nil); err != nil {",
		killers: []killer{{walTests, "TestACrashAnywhere|TestAFailedDirectorySync"}},
	},
	{
		name: "leave a vote to the interval", breaks: "with sync: Interval a node does not vote twice in a term either",
		file: "internal/kv/wal/writer.go", in: "func (w *writer) wantsSync(",
		old: "return w.pledged || ", new: "return ",
		killers: []killer{{walTests, "TestAVoteIsNotLeft"}},
	},
	{
		name: "skip a record's CRC", breaks: "a flipped bit in the log is found",
		file: "internal/kv/wal/record.go", in: "func decodeRecord(",
		old: "if crc != crc32.Update(", new: "if false && crc != crc32.Update(",
		killers: []killer{{walTests, "TestDamageAnywhere|TestReplayRules|TestTheLastBatchDamaged"}},
	},
	{
		name: "let records of another segment pass", breaks: "recycled bytes and bytes that a client chose are no records",
		file: "internal/kv/wal/header.go", in: "func seed(",
		old: "PutUint64(p[8:], segment)", new: "PutUint64(p[8:], 0*segment)",
		killers: []killer{{walTests, "TestARecordIsValid"}},
	},
	{
		name: "replay without truncation", breaks: "an entry that was overwritten does not come back",
		file: "internal/kv/wal/group.go", in: "func (g *Group) file(",
		old: "g.cut(index)", new: "if index <= g.last() {\n\t\treturn\n\t}",
		killers: []killer{{walTests, "TestReplayRules|TestACrashAnywhere"}},
	},
	{
		name: "keep half a write", breaks: "a write is there wholly or not at all",
		file: "internal/kv/wal/replay.go", in: "func (r *replay) cutIncomplete(",
		old: "if len(r.write) == 0 {", new: "if r.flush(); len(r.write) == 0 {",
		killers: []killer{{walTests, "TestReplayRules|TestACutTail|TestACrashAnywhere"}},
	},
	{
		name: "drop the tombstone", breaks: "a removed replica does not come back",
		file: "internal/kv/wal/state.go", in: "func (r *replicaState) remove(",
		old: "max(r.tombstone, smallestAllowed)", new: "r.tombstone",
		killers: []killer{{walTests, "TestReplayRules|TestACrashAnywhere"}},
	},
	{
		name: "trust a log that ends before its commit", breaks: "a replica whose log lost committed entries takes no part",
		file: "internal/kv/wal/judge.go", in: "func (r *replay) verdict(",
		old: "if s.hard.Commit > g.last() {", new: "if false && s.hard.Commit > g.last() {",
		killers: []killer{{walTests, "TestReplayRules|TestLostRecords"}},
	},
	{
		name: "overlook missing records", breaks: "lost records are found by the holes in their numbers",
		file: "internal/kv/wal/replay.go", in: "func (r *replay) apply(",
		old: "n := rec.Sequence - s.sequence - 1; n != 0", new: "n := rec.Sequence - s.sequence - 1; n != 0 && false",
		killers: []killer{{walTests, "TestLostRecords|TestDamageAnywhere"}},
	},
	{
		name: "delete a segment that is needed", breaks: "entries stay in the log until a snapshot has them",
		file: "internal/kv/wal/keeper.go", in: "func (k *keeper) removeSegments(",
		old: "oldest = min(oldest, uint64(s))", new: "_ = s",
		killers: []killer{{walTests, "TestOldSegmentsGo|TestACrashAnywhere"}},
	},
	{
		name: "read a snapshot without its checksums", breaks: "a flipped bit in a snapshot is found",
		file: "internal/kv/wal/snapshot_file.go", in: "func (r *SnapshotReader) next(",
		old: " || binary.LittleEndian.Uint32(b) != blockCRC(r.number, b[:size])", new: "",
		killers: []killer{{walTests, "TestADamagedSnapshotFile"}},
	},
	{
		name: "believe any snapshot file", breaks: "a replica starts from the snapshot that its log names and no other",
		file: "internal/kv/wal/snapshot_file.go", in: "func verifySnapshot(",
		old: "if r.off != ref.Size || r.crc.sum != ref.CRC {", new: "if false {",
		killers: []killer{{walTests, "TestABadSnapshot"}},
	},
	{
		name: "name a snapshot without syncing its folder", breaks: "a snapshot that the log names is there after a crash",
		file: "internal/kv/wal/snapshot_file.go", in: "func (w *SnapshotWriter) Commit(",
		old: "if err := w.fs.SyncDir(w.dir); err != nil {", new: "if err := error(nil); err != nil {",
		killers: []killer{{walTests, "TestACrashAnywhere|Snapshot"}},
	},
	{
		name: "restore a state without its checksum", breaks: "a state that is not what was written is not served",
		file: "internal/kv/store/restore.go", in: "func load(",
		old: "got != want {", new: "got != want && false {",
		killers: []killer{{storeTests, "TestRestoreRefuses"}},
	},
	{
		name: "forget deleted keys in a snapshot", breaks: "a transaction that watched a key sees its deletion after a restart",
		file: "internal/kv/store/restore.go", in: "func (s *Store) loadGone(",
		old: "s.gone[i] = version", new: "_ = version",
		killers: []killer{{storeTests, "TestAKeyThatCameAndWent"}},
	},
}
