package command

var stringCommands = []*Spec{
	{Name: "get", Arity: 2, Flags: ReadOnly | Fast, Scope: Key, KeySpecs: oneKey(KeyRO | KeyAccess), Run: get,
		Group: "string", Since: "1.0.0", Summary: "Returns the string value of a key."},
	{Name: "set", Arity: -3, Flags: Write | DenyOOM, Scope: Key, KeySpecs: setKeySpecs, Run: set,
		Group: "string", Since: "1.0.0", Summary: "Sets the string value of a key, ignoring its type. The key is created if it doesn't exist."},
	{Name: "getex", Arity: -2, Flags: Write | Fast, Scope: Key, KeySpecs: oneKey(KeyRW | KeyAccess | KeyUpdate), Run: getEx,
		Group: "string", Since: "6.2.0", Summary: "Returns the string value of a key after setting its expiration time."},
	{Name: "getdel", Arity: 2, Flags: Write | Fast, Scope: Key, KeySpecs: oneKey(KeyRW | KeyAccess | KeyDelete), Run: getDel,
		Group: "string", Since: "6.2.0", Summary: "Returns the string value of a key after deleting the key."},
	{Name: "getset", Arity: 3, Flags: Write | DenyOOM | Fast, Scope: Key, KeySpecs: oneKey(KeyRW | KeyAccess | KeyUpdate), Run: getSet,
		Group: "string", Since: "1.0.0", Summary: "Returns the previous string value of a key after setting it to a new value."},
	{Name: "setnx", Arity: 3, Flags: Write | DenyOOM | Fast, Scope: Key, KeySpecs: oneKey(KeyOW | KeyInsert), Run: setNX,
		Group: "string", Since: "1.0.0", Summary: "Set the string value of a key only when the key doesn't exist."},
	{Name: "setex", Arity: 4, Flags: Write | DenyOOM, Scope: Key, KeySpecs: oneKey(KeyOW | KeyUpdate), Run: setEx,
		Group: "string", Since: "2.0.0", Summary: "Sets the string value and expiration time of a key. Creates the key if it doesn't exist."},
	{Name: "psetex", Arity: 4, Flags: Write | DenyOOM, Scope: Key, KeySpecs: oneKey(KeyOW | KeyUpdate), Run: pSetEx,
		Group: "string", Since: "2.6.0", Summary: "Sets both string value and expiration time in milliseconds of a key. The key is created if it doesn't exist."},
	{Name: "mget", Arity: -2, Flags: ReadOnly | Fast, Scope: Keys, KeySpecs: keysFrom1(1, KeyRO|KeyAccess), Merge: MergeByKey, Run: mGet,
		Group: "string", Since: "1.0.0", Summary: "Atomically returns the string values of one or more keys.",
		Tips: []string{"request_policy:multi_shard"}},
	{Name: "mset", Arity: -3, Flags: Write | DenyOOM, Scope: Keys, KeySpecs: keysFrom1(2, KeyOW|KeyUpdate), Merge: MergeOK, Run: mSet,
		Group: "string", Since: "1.0.1", Summary: "Atomically creates or modifies the string values of one or more keys.",
		Tips: []string{"request_policy:multi_shard", "response_policy:all_succeeded"}},
	{Name: "strlen", Arity: 2, Flags: ReadOnly | Fast, Scope: Key, KeySpecs: oneKey(KeyRO), Run: strLen,
		Group: "string", Since: "2.2.0", Summary: "Returns the length of a string value."},
	{Name: "append", Arity: 3, Flags: Write | DenyOOM | Fast, Scope: Key, KeySpecs: oneKey(KeyRW | KeyInsert), Run: appendValue,
		Group: "string", Since: "2.0.0", Summary: "Appends a string to the value of a key. Creates the key if it doesn't exist."},
	{Name: "getrange", Arity: 4, Flags: ReadOnly, Scope: Key, KeySpecs: oneKey(KeyRO | KeyAccess), Run: getRange,
		Group: "string", Since: "2.4.0", Summary: "Returns a substring of the string stored at a key."},
	{Name: "substr", Arity: 4, Flags: ReadOnly, Scope: Key, KeySpecs: oneKey(KeyRO | KeyAccess), Run: getRange,
		Group: "string", Since: "1.0.0", Summary: "Returns a substring from a string value."},
	{Name: "setrange", Arity: 4, Flags: Write | DenyOOM, Scope: Key, KeySpecs: oneKey(KeyRW | KeyUpdate), Run: setRange,
		Group: "string", Since: "2.2.0", Summary: "Overwrites a part of a string value with another by an offset. Creates the key if it doesn't exist."},
	{Name: "incr", Arity: 2, Flags: Write | DenyOOM | Fast, Scope: Key, KeySpecs: oneKey(KeyRW | KeyAccess | KeyUpdate), Run: incr,
		Group: "string", Since: "1.0.0", Summary: "Increments the integer value of a key by one. Uses 0 as initial value if the key doesn't exist."},
	{Name: "decr", Arity: 2, Flags: Write | DenyOOM | Fast, Scope: Key, KeySpecs: oneKey(KeyRW | KeyAccess | KeyUpdate), Run: decr,
		Group: "string", Since: "1.0.0", Summary: "Decrements the integer value of a key by one. Uses 0 as initial value if the key doesn't exist."},
	{Name: "incrby", Arity: 3, Flags: Write | DenyOOM | Fast, Scope: Key, KeySpecs: oneKey(KeyRW | KeyAccess | KeyUpdate), Run: incrBy,
		Group: "string", Since: "1.0.0", Summary: "Increments the integer value of a key by a number. Uses 0 as initial value if the key doesn't exist."},
	{Name: "decrby", Arity: 3, Flags: Write | DenyOOM | Fast, Scope: Key, KeySpecs: oneKey(KeyRW | KeyAccess | KeyUpdate), Run: decrBy,
		Group: "string", Since: "1.0.0", Summary: "Decrements a number from the integer value of a key. Uses 0 as initial value if the key doesn't exist."},
	{Name: "incrbyfloat", Arity: 3, Flags: Write | DenyOOM | Fast, Scope: Key, KeySpecs: oneKey(KeyRW | KeyAccess | KeyUpdate), Run: incrByFloat,
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
