package command

var bitmapCommands = []*Spec{
	{Name: "setbit", Syntax: "key offset value", Arity: 4, Flags: Write | DenyOOM, Scope: Key, KeySpecs: oneKey(KeyRW | KeyAccess | KeyUpdate), Run: setBit, Length: setBitLength,
		Group: "bitmap", Since: "2.2.0", Complexity: "O(N) for N bytes of the new value", Summary: "Sets or clears the bit at offset of the string value. Creates the key if it doesn't exist.",
		Difference: longest},
	{Name: "getbit", Syntax: "key offset", Arity: 3, Flags: ReadOnly | Fast, Scope: Key, KeySpecs: oneKey(KeyRO | KeyAccess), Run: getBit,
		Group: "bitmap", Since: "2.2.0", Summary: "Returns a bit value by offset.",
		Difference: "Offsets end at 64 MiB, as values do."},
	{Name: "bitcount", Syntax: "key [start end [BYTE | BIT]]", Arity: -2, Flags: ReadOnly, Scope: Key, KeySpecs: oneKey(KeyRO | KeyAccess), Run: bitCount,
		Group: "bitmap", Since: "2.6.0", Complexity: "O(N) for N bytes counted", Summary: "Counts the number of set bits (population counting) in a string."},
	{Name: "bitpos", Syntax: "key bit [start [end [BYTE | BIT]]]", Arity: -3, Flags: ReadOnly, Scope: Key, KeySpecs: oneKey(KeyRO | KeyAccess), Run: bitPos,
		Group: "bitmap", Since: "2.8.7", Complexity: "O(N) for N bytes looked at", Summary: "Finds the first set (1) or clear (0) bit in a string."},
	{Name: "bitop", Syntax: "<AND | OR | XOR | NOT> destkey key [key ...]", Arity: -4, Flags: Write | DenyOOM, Scope: Key, KeySpecs: []KeySpec{
		{Flags: KeyOW | KeyUpdate, Begin: 2, Step: 1}, {Flags: KeyRO | KeyAccess, Begin: 3, Last: -1, Step: 1},
	}, Run: bitOp, Length: bitOpLength,
		Group: "bitmap", Since: "2.6.0", Complexity: "O(N) for N bytes of the longest value times the number of keys", Summary: "Performs bitwise operations on multiple strings, and stores the result.",
		Difference: acrossSlots},
	{Name: "bitfield", Syntax: "key [GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] <SET encoding offset value | INCRBY encoding offset increment> [GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] <SET encoding offset value | INCRBY encoding offset increment> ...]]", Arity: -2, Flags: Write | DenyOOM, Scope: Key, KeySpecs: bitfieldKeySpecs, Run: bitfield, Length: bitfieldLength,
		Group: "bitmap", Since: "3.2.0", Complexity: "O(1) for each subcommand, and O(N) for N bytes of the new value", Summary: "Performs arbitrary bitfield integer operations on strings.",
		Difference: longest},
	{Name: "bitfield_ro", Syntax: "key [GET encoding offset [GET encoding offset ...]]", Arity: -2, Flags: ReadOnly | Fast, Scope: Key, KeySpecs: oneKey(KeyRO | KeyAccess), Run: bitfieldRO,
		Group: "bitmap", Since: "6.0.0", Complexity: "O(1) for each subcommand", Summary: "Performs arbitrary read-only bitfield integer operations on strings."},
}

// bitfieldKeySpecs: BITFIELD only reads if all its operations are GET.
var bitfieldKeySpecs = []KeySpec{{
	Flags: KeyRW | KeyAccess | KeyUpdate | KeyVariableFlags, Begin: 1, Step: 1,
	Notes: "This command allows both access and modification of the key",
	Vary: func(args [][]byte) KeyFlags {
		for i := 2; i < len(args); {
			switch {
			case is(args[i], "GET"):
				i += 3
			case is(args[i], "OVERFLOW"):
				i += 2
			default:
				return KeyRW | KeyAccess | KeyUpdate
			}
		}
		return KeyRO | KeyAccess
	},
}}
