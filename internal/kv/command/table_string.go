package command

// Differences that several commands have.
const (
	acrossSlots   = "All keys must lie in one slot, else CROSSSLOT: they belong to one partition, whose log makes the command atomic."
	eachPartition = "The keys may lie in any slots. Those of one partition are dealt with at once, others a moment earlier or later."
	longest       = "The value may become 64 MiB long, as a client can send it; Redis allows 512 MiB."
)

var stringCommands = []*Spec{
	{Name: "get", Syntax: "key", Arity: 2, Flags: ReadOnly | Fast, Scope: Key, KeySpecs: oneKey(KeyRO | KeyAccess), Run: get,
		Group: "string", Since: "1.0.0", Summary: "Returns the string value of a key."},
	{Name: "set", Syntax: "key value [NX | XX | IFEQ comparison-value] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]", Arity: -3, Flags: Write | DenyOOM, Scope: Key, KeySpecs: setKeySpecs, Run: set,
		Group: "string", Since: "1.0.0", Summary: "Sets the string value of a key, ignoring its type. The key is created if it doesn't exist.",
		Difference: "Takes IFEQ too, as in Valkey 8.1."},
	{Name: "getex", Syntax: "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST]", Arity: -2, Flags: Write | Fast, Scope: Key, KeySpecs: []KeySpec{
		{Flags: KeyRW | KeyAccess | KeyUpdate, Begin: 1, Step: 1, Notes: "RW and UPDATE because it changes the TTL"},
	}, Run: getEx,
		Group: "string", Since: "6.2.0", Summary: "Returns the string value of a key after setting its expiration time."},
	{Name: "getdel", Syntax: "key", Arity: 2, Flags: Write | Fast, Scope: Key, KeySpecs: oneKey(KeyRW | KeyAccess | KeyDelete), Run: getDel,
		Group: "string", Since: "6.2.0", Summary: "Returns the string value of a key after deleting the key."},
	{Name: "getset", Syntax: "key value", Arity: 3, Flags: Write | DenyOOM | Fast, Scope: Key, KeySpecs: oneKey(KeyRW | KeyAccess | KeyUpdate), Run: getSet,
		Group: "string", Since: "1.0.0", Deprecated: Deprecation{"6.2.0", "SET with GET"}, Summary: "Returns the previous string value of a key after setting it to a new value."},
	{Name: "setnx", Syntax: "key value", Arity: 3, Flags: Write | DenyOOM | Fast, Scope: Key, KeySpecs: oneKey(KeyOW | KeyInsert), Run: setNX,
		Group: "string", Since: "1.0.0", Deprecated: Deprecation{"2.6.12", "SET with NX"}, Summary: "Set the string value of a key only when the key doesn't exist."},
	{Name: "setex", Syntax: "key seconds value", Arity: 4, Flags: Write | DenyOOM, Scope: Key, KeySpecs: oneKey(KeyOW | KeyUpdate), Run: setEx,
		Group: "string", Since: "2.0.0", Deprecated: Deprecation{"2.6.12", "SET with EX"}, Summary: "Sets the string value and expiration time of a key. Creates the key if it doesn't exist."},
	{Name: "psetex", Syntax: "key milliseconds value", Arity: 4, Flags: Write | DenyOOM, Scope: Key, KeySpecs: oneKey(KeyOW | KeyUpdate), Run: pSetEx,
		Group: "string", Since: "2.6.0", Deprecated: Deprecation{"2.6.12", "SET with PX"}, Summary: "Sets both string value and expiration time in milliseconds of a key. The key is created if it doesn't exist."},
	{Name: "mget", Syntax: "key [key ...]", Arity: -2, Flags: ReadOnly | Fast, Scope: Keys, KeySpecs: keysFrom1(1, KeyRO|KeyAccess), Merge: MergeByKey, Run: mGet,
		Group: "string", Since: "1.0.0", Complexity: "O(N) for N keys", Summary: "Atomically returns the string values of one or more keys.",
		Tips:       []string{"request_policy:multi_shard"},
		Difference: eachPartition},
	{Name: "mset", Syntax: "key value [key value ...]", Arity: -3, Flags: Write | DenyOOM, Scope: Keys, KeySpecs: keysFrom1(2, KeyOW|KeyUpdate), Merge: MergeOK, Run: mSet,
		Group: "string", Since: "1.0.1", Complexity: "O(N) for N keys", Summary: "Atomically creates or modifies the string values of one or more keys.",
		Tips:       []string{"request_policy:multi_shard", "response_policy:all_succeeded"},
		Difference: eachPartition},
	{Name: "msetnx", Syntax: "key value [key value ...]", Arity: -3, Flags: Write | DenyOOM, Scope: Key, KeySpecs: keysFrom1(2, KeyOW|KeyInsert), Run: mSetNX,
		Group: "string", Since: "1.0.1", Complexity: "O(N) for N keys", Summary: "Atomically modifies the string values of one or more keys only when all keys don't exist.",
		Difference: acrossSlots},
	{Name: "msetex", Syntax: "numkeys key value [key value ...] [NX | XX] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]", Arity: -4, Flags: Write | DenyOOM, Scope: Keys, KeySpecs: msetexKeySpecs, Together: msetexIsConditional, Merge: MergeMin, Run: mSetEx,
		Group: "string", Since: "8.4.0", Complexity: "O(N) for N keys", Summary: "Atomically sets multiple string keys with a shared expiration in a single operation.",
		Tips:       []string{"request_policy:multi_shard", "response_policy:all_succeeded"},
		Difference: "As in Redis 8.4. Without NX and XX the keys may lie in several slots, and those of each partition are set together."},
	{Name: "delifeq", Syntax: "key value", Arity: 3, Flags: Write, Scope: Key, KeySpecs: oneKey(KeyRM | KeyAccess | KeyDelete), Run: delIfEq,
		Group: "string", Since: "9.0.0", Summary: "Deletes a key if its value is equal to the given one.",
		Difference: "As in Valkey 9."},
	{Name: "lcs", Syntax: "key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]", Arity: -3, Flags: ReadOnly, Scope: Key, KeySpecs: []KeySpec{{Flags: KeyRO | KeyAccess, Begin: 1, Last: 1, Step: 1}}, Run: lcs,
		Group: "string", Since: "7.0.0", Complexity: "O(N*M) for values of N and M bytes", Summary: "Finds the longest common substring.",
		Difference: acrossSlots},
	{Name: "strlen", Syntax: "key", Arity: 2, Flags: ReadOnly | Fast, Scope: Key, KeySpecs: oneKey(KeyRO), Run: strLen,
		Group: "string", Since: "2.2.0", Summary: "Returns the length of a string value."},
	{Name: "append", Syntax: "key value", Arity: 3, Flags: Write | DenyOOM | Fast, Scope: Key, KeySpecs: oneKey(KeyRW | KeyInsert), Run: appendValue,
		Group: "string", Since: "2.0.0", Complexity: "O(N) for N bytes of the new value", Summary: "Appends a string to the value of a key. Creates the key if it doesn't exist.",
		Difference: longest},
	{Name: "getrange", Syntax: "key start end", Arity: 4, Flags: ReadOnly, Scope: Key, KeySpecs: oneKey(KeyRO | KeyAccess), Run: getRange,
		Group: "string", Since: "2.4.0", Complexity: "O(N) for N bytes returned", Summary: "Returns a substring of the string stored at a key."},
	{Name: "substr", Syntax: "key start end", Arity: 4, Flags: ReadOnly, Scope: Key, KeySpecs: oneKey(KeyRO | KeyAccess), Run: getRange,
		Group: "string", Since: "1.0.0", Complexity: "O(N) for N bytes returned", Deprecated: Deprecation{"2.0.0", "GETRANGE"}, Summary: "Returns a substring from a string value."},
	{Name: "setrange", Syntax: "key offset value", Arity: 4, Flags: Write | DenyOOM, Scope: Key, KeySpecs: oneKey(KeyRW | KeyUpdate), Run: setRange, Length: setRangeLength,
		Group: "string", Since: "2.2.0", Complexity: "O(N) for N bytes of the new value", Summary: "Overwrites a part of a string value with another by an offset. Creates the key if it doesn't exist.",
		Difference: longest},
	{Name: "incr", Syntax: "key", Arity: 2, Flags: Write | DenyOOM | Fast, Scope: Key, KeySpecs: oneKey(KeyRW | KeyAccess | KeyUpdate), Run: incr,
		Group: "string", Since: "1.0.0", Summary: "Increments the integer value of a key by one. Uses 0 as initial value if the key doesn't exist."},
	{Name: "decr", Syntax: "key", Arity: 2, Flags: Write | DenyOOM | Fast, Scope: Key, KeySpecs: oneKey(KeyRW | KeyAccess | KeyUpdate), Run: decr,
		Group: "string", Since: "1.0.0", Summary: "Decrements the integer value of a key by one. Uses 0 as initial value if the key doesn't exist."},
	{Name: "incrby", Syntax: "key increment", Arity: 3, Flags: Write | DenyOOM | Fast, Scope: Key, KeySpecs: oneKey(KeyRW | KeyAccess | KeyUpdate), Run: incrBy,
		Group: "string", Since: "1.0.0", Summary: "Increments the integer value of a key by a number. Uses 0 as initial value if the key doesn't exist."},
	{Name: "decrby", Syntax: "key decrement", Arity: 3, Flags: Write | DenyOOM | Fast, Scope: Key, KeySpecs: oneKey(KeyRW | KeyAccess | KeyUpdate), Run: decrBy,
		Group: "string", Since: "1.0.0", Summary: "Decrements a number from the integer value of a key. Uses 0 as initial value if the key doesn't exist."},
	{Name: "incrbyfloat", Syntax: "key increment", Arity: 3, Flags: Write | DenyOOM | Fast, Scope: Key, KeySpecs: oneKey(KeyRW | KeyAccess | KeyUpdate), Run: incrByFloat,
		Group: "string", Since: "2.6.0", Summary: "Increment the floating point value of a key by a number. Uses 0 as initial value if the key doesn't exist."},
}

// setKeySpecs: what SET does with its key depends on the option GET.
var setKeySpecs = []KeySpec{{
	Flags: KeyRW | KeyAccess | KeyUpdate | KeyVariableFlags, Begin: 1, Step: 1,
	Notes: "RW and ACCESS due to the optional `GET` argument",
	Vary: func(args [][]byte) KeyFlags {
		for _, arg := range args[3:] {
			if is(arg, "GET") {
				return KeyRW | KeyAccess | KeyUpdate
			}
		}
		return KeyOW | KeyUpdate
	},
}}

// msetexKeySpecs: the keys of MSETEX come after their number.
var msetexKeySpecs = []KeySpec{{Flags: KeyOW | KeyUpdate, Begin: 1, ByCount: true, Step: 2}}
