package command

// writtenKeys are the keys of RINGKV.WRITE, writtenOnceKeys those of RINGKV.WRITEONCE.
var (
	writtenKeys     = []KeySpec{{Begin: 2, Last: -1, Step: 3, Flags: KeyRW | KeyUpdate}}
	writtenOnceKeys = []KeySpec{{Begin: 4, Last: -1, Step: 3, Flags: KeyRW | KeyUpdate}}
)

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
	// RINGKV.WRITEONCE mode id fingerprint key operation value [key operation value ...]
	{Name: "ringkv.writeonce", Arity: -7, Flags: Write | DenyOOM | Internal, Scope: Keys, KeySpecs: writtenOnceKeys,
		Merge: MergeByKey, Run: kvWriteOnce},
	// RINGKV.DELETEONCE is RINGKV.WRITEONCE for operations that need no memory but for their answer, which is bounded.
	{Name: "ringkv.deleteonce", Arity: -7, Flags: Write | Internal, Scope: Keys, KeySpecs: writtenOnceKeys,
		Merge: MergeByKey, Run: kvWriteOnce},
	// RINGKV.SCAN cursor prefix count bytes
	{Name: "ringkv.scan", Arity: 5, Flags: ReadOnly | Internal, Scope: OnePartition, Run: kvScan},
	// RINGKV.CHANGES cursor revision wait kind filter bytes
	{Name: changesName, Arity: 7, Flags: ReadOnly | Internal, Scope: OnePartition, Run: kvChanges},
}
