package command

var keyCommands = []*Spec{
	{Name: "del", Arity: -2, Flags: Write, Scope: Keys, KeySpecs: keysFrom1(1, KeyRM|KeyDelete), Merge: MergeSum, Run: del,
		Group: "generic", Since: "1.0.0", Summary: "Deletes one or more keys.",
		Tips: []string{"request_policy:multi_shard", "response_policy:agg_sum"}},
	{Name: "unlink", Arity: -2, Flags: Write | Fast, Scope: Keys, KeySpecs: keysFrom1(1, KeyRM|KeyDelete), Merge: MergeSum, Run: del,
		Group: "generic", Since: "4.0.0", Summary: "Asynchronously deletes one or more keys.",
		Tips: []string{"request_policy:multi_shard", "response_policy:agg_sum"}},
	{Name: "exists", Arity: -2, Flags: ReadOnly | Fast, Scope: Keys, KeySpecs: keysFrom1(1, KeyRO), Merge: MergeSum, Run: exists,
		Group: "generic", Since: "1.0.0", Summary: "Determines whether one or more keys exist.",
		Tips: []string{"request_policy:multi_shard", "response_policy:agg_sum"}},
	{Name: "touch", Arity: -2, Flags: ReadOnly | Fast, Scope: Keys, KeySpecs: keysFrom1(1, KeyRO), Merge: MergeSum, Run: exists,
		Group: "generic", Since: "3.2.1", Summary: "Returns the number of existing keys out of those specified after updating the time they were last accessed.",
		Tips: []string{"request_policy:multi_shard", "response_policy:agg_sum"}},
	{Name: "type", Arity: 2, Flags: ReadOnly | Fast, Scope: Key, KeySpecs: oneKey(KeyRO), Run: typeOf,
		Group: "generic", Since: "1.0.0", Summary: "Determines the type of value stored at a key."},
	{Name: "expire", Arity: -3, Flags: Write | Fast, Scope: Key, KeySpecs: oneKey(KeyRW | KeyUpdate), Run: expire,
		Group: "generic", Since: "1.0.0", Summary: "Sets the expiration time of a key in seconds."},
	{Name: "pexpire", Arity: -3, Flags: Write | Fast, Scope: Key, KeySpecs: oneKey(KeyRW | KeyUpdate), Run: pExpire,
		Group: "generic", Since: "2.6.0", Summary: "Sets the expiration time of a key in milliseconds."},
	{Name: "expireat", Arity: -3, Flags: Write | Fast, Scope: Key, KeySpecs: oneKey(KeyRW | KeyUpdate), Run: expireAt,
		Group: "generic", Since: "1.2.0", Summary: "Sets the expiration time of a key to a Unix timestamp."},
	{Name: "pexpireat", Arity: -3, Flags: Write | Fast, Scope: Key, KeySpecs: oneKey(KeyRW | KeyUpdate), Run: pExpireAt,
		Group: "generic", Since: "2.6.0", Summary: "Sets the expiration time of a key to a Unix milliseconds timestamp."},
	{Name: "ttl", Arity: 2, Flags: ReadOnly | Fast, Scope: Key, KeySpecs: oneKey(KeyRO | KeyAccess), Run: ttl,
		Group: "generic", Since: "1.0.0", Summary: "Returns the expiration time in seconds of a key.",
		Tips: []string{"nondeterministic_output"}},
	{Name: "pttl", Arity: 2, Flags: ReadOnly | Fast, Scope: Key, KeySpecs: oneKey(KeyRO | KeyAccess), Run: pTTL,
		Group: "generic", Since: "2.6.0", Summary: "Returns the expiration time in milliseconds of a key.",
		Tips: []string{"nondeterministic_output"}},
	{Name: "expiretime", Arity: 2, Flags: ReadOnly | Fast, Scope: Key, KeySpecs: oneKey(KeyRO | KeyAccess), Run: expireTimeOf,
		Group: "generic", Since: "7.0.0", Summary: "Returns the expiration time of a key as a Unix timestamp."},
	{Name: "pexpiretime", Arity: 2, Flags: ReadOnly | Fast, Scope: Key, KeySpecs: oneKey(KeyRO | KeyAccess), Run: pExpireTimeOf,
		Group: "generic", Since: "7.0.0", Summary: "Returns the expiration time of a key as a Unix milliseconds timestamp."},
	{Name: "persist", Arity: 2, Flags: Write | Fast, Scope: Key, KeySpecs: oneKey(KeyRW | KeyUpdate), Run: persist,
		Group: "generic", Since: "2.2.0", Summary: "Removes the expiration time of a key."},
	{Name: "scan", Arity: -2, Flags: ReadOnly, Scope: OnePartition, Run: scan,
		Group: "generic", Since: "2.8.0", Summary: "Iterates over the key names in the database.",
		Tips: []string{"nondeterministic_output", "request_policy:special"}},
	{Name: "keys", Arity: 2, Flags: ReadOnly, Scope: Partitions, Merge: MergeConcat, Run: keys,
		Group: "generic", Since: "1.0.0", Summary: "Returns all key names that match a pattern.",
		Tips: []string{"request_policy:all_shards", "nondeterministic_output_order"}},
	{Name: "dbsize", Arity: 1, Flags: ReadOnly | Fast, Scope: Partitions, Merge: MergeSum, Run: dbSize,
		Group: "server", Since: "1.0.0", Summary: "Returns the number of keys in the database.",
		Tips: []string{"request_policy:all_shards", "response_policy:agg_sum"}},
	{Name: "flushall", Arity: -1, Flags: Write, Scope: Partitions, Merge: MergeOK, Run: flush,
		Group: "server", Since: "1.0.0", Summary: "Removes all keys from all databases.",
		Tips: []string{"request_policy:all_shards", "response_policy:all_succeeded"}},
	{Name: "flushdb", Arity: -1, Flags: Write, Scope: Partitions, Merge: MergeOK, Run: flush,
		Group: "server", Since: "1.0.0", Summary: "Removes all keys from the current database.",
		Tips: []string{"request_policy:all_shards", "response_policy:all_succeeded"}},
}

// keysFrom2 are all arguments but the first.
var keysFrom2 = []KeySpec{{Flags: KeyRW, Begin: 2, Last: -1, Step: 1}}

// internalCommands are proposed by nodes.
var internalCommands = []*Spec{
	// RINGKV.EXPIRE key [key ...] deletes those keys that have expired.
	{Name: "ringkv.expire", Arity: -2, Flags: Write | Internal, Scope: Keys, KeySpecs: keysFrom1(1, KeyRM|KeyDelete),
		Merge: MergeSum, Run: deleteExpired},
	// RINGKV.EXEC program key [key ...] executes a Transaction: one that may need
	// memory, one that does not, and one that only reads.
	{Name: "ringkv.exec", Arity: -3, Flags: Write | DenyOOM | Internal, Scope: Key, KeySpecs: keysFrom2},
	{Name: "ringkv.execfree", Arity: -3, Flags: Write | Internal, Scope: Key, KeySpecs: keysFrom2},
	{Name: "ringkv.execread", Arity: -3, Flags: ReadOnly | Internal, Scope: Key, KeySpecs: keysFrom2},
	// RINGKV.WATCH key [key ...] tells what the keys are like, for a Transaction.
	{Name: "ringkv.watch", Arity: -2, Flags: ReadOnly | Internal, Scope: Key, KeySpecs: keysFrom1(1, KeyRO), Run: watch},
}
