package command

// writtenKeys are the keys of RINGKV.WRITE.
var writtenKeys = []KeySpec{{Begin: 2, Last: -1, Step: 3, Flags: KeyRW | KeyUpdate}}

// kvCommands are what the HTTP and gRPC API is made of (see cmd_kv.go). Redis
// clients cannot use them.
var kvCommands = []*Spec{
	// RINGKV.READ key [key ...]
	{Name: "ringkv.read", Arity: -2, Flags: ReadOnly | Internal, Scope: Keys, KeySpecs: keysFrom1(1, KeyRO),
		Merge: MergeByKey, Run: kvRead},
	// RINGKV.WRITE mode key operation value [key operation value ...]
	{Name: "ringkv.write", Arity: -5, Flags: Write | DenyOOM | Internal, Scope: Keys, KeySpecs: writtenKeys,
		Merge: MergeByKey, Run: kvWrite},
	// RINGKV.DELETE is RINGKV.WRITE for operations that need no memory.
	{Name: "ringkv.delete", Arity: -5, Flags: Write | Internal, Scope: Keys, KeySpecs: writtenKeys,
		Merge: MergeByKey, Run: kvWrite},
	// RINGKV.SCAN cursor prefix count bytes
	{Name: "ringkv.scan", Arity: 5, Flags: ReadOnly | Internal, Scope: OnePartition, Run: kvScan},
	// RINGKV.CHANGES cursor revision wait kind filter bytes
	{Name: changesName, Arity: 7, Flags: ReadOnly | Internal, Scope: OnePartition, Run: kvChanges},
}
