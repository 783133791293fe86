package command

import "github.com/ringkv/ringkv/internal/kv/store"

// Growth returns about how many bytes more than it carries a write may add to its
// partition: a few bytes can ask for 64 MiB. It needs the store's lock for reading.
// A write that is refused, or finds another value when it is executed, adds less,
// or what others have added that were asked for before it.
func (c *Call) Growth(st *store.Store) int64 {
	if c.Spec.Run == nil {
		return transactionGrowth(st, c.Args)
	}
	return growth(st, c.Spec, c.Args)
}

// MayGrow tells whether Growth is worth a look.
func (s *Spec) MayGrow() bool { return s.Length != nil || s.Run == nil && s.Flags&DenyOOM != 0 }

func growth(st *store.Store, s *Spec, args [][]byte) int64 {
	if s.Length == nil {
		return 0
	}
	key, length := s.Length(st, args)
	return max(0, length-valueLength(st, key)-int64(CommandSize(args)))
}

func transactionGrowth(st *store.Store, args [][]byte) (sum int64) {
	p, ok := parseProgram(args)
	for ok {
		if args, ok = p.commands.Next(args[:0:0]); ok {
			sum += growth(st, Executable(args[1:]), args[1:])
		}
	}
	return sum
}

func valueLength(st *store.Store, key []byte) int64 {
	it, _ := st.Get(key)
	return int64(len(it.Value))
}

// The lengths of values that commands make. Arguments that make no sense give 0.

func setRangeLength(_ *store.Store, args [][]byte) (key []byte, length int64) {
	offset, ok := parseInt(args[2])
	if !ok || offset < 0 || offset > MaxValueBytes || len(args[3]) == 0 {
		return args[1], 0
	}
	return args[1], offset + int64(len(args[3]))
}

func setBitLength(_ *store.Store, args [][]byte) (key []byte, length int64) {
	offset, ok := bitOffset(args[2], 0, new(Reply))
	if !ok {
		return args[1], 0
	}
	return args[1], offset>>3 + 1
}

func bitfieldLength(_ *store.Store, args [][]byte) (key []byte, length int64) {
	_, end, ok := parseBitfield(args[2:], new(Reply))
	if !ok {
		return args[1], 0
	}
	return args[1], (end + 7) >> 3
}

func bitOpLength(st *store.Store, args [][]byte) (key []byte, length int64) {
	for _, source := range args[3:] {
		length = max(length, valueLength(st, source))
	}
	return args[2], length
}

func copyLength(st *store.Store, args [][]byte) (key []byte, length int64) {
	return args[2], valueLength(st, args[1])
}

func restoreLength(_ *store.Store, args [][]byte) (key []byte, length int64) {
	value, _ := parseDump(args[3])
	return args[1], int64(len(value))
}
