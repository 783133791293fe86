package command

// KeySpec says where some of a command's keys are among its arguments, and what
// the command does with them, in the terms of Redis 7: the search begins at an
// index and goes on by a range or by a count.
type KeySpec struct {
	Flags KeyFlags
	// Begin is the index of the first key; with ByCount that of the argument
	// that holds the number of keys, which follow it.
	Begin int
	// Last is the last key relative to the first or, if negative, counted from
	// the end, -1 being the last argument. It is not used with ByCount.
	Last int
	// Step is the distance from key to key.
	Step    int
	ByCount bool
	// Notes are shown by COMMAND INFO.
	Notes string
	// Vary gives the flags that certain arguments have, for a spec with
	// VariableFlags.
	Vary func(args [][]byte) KeyFlags
}

// KeyFlags say what a command does with a key. One of the first four describes the
// key as a whole, the others the value that the user gave or gets.
type KeyFlags uint16

// The flags, in the order in which COMMAND shows them.
const (
	KeyRO            KeyFlags = 1 << iota // reads the key
	KeyRW                                 // changes what is there
	KeyOW                                 // replaces what is there
	KeyRM                                 // deletes the key
	KeyAccess                             // returns or copies the value
	KeyUpdate                             // changes the value
	KeyInsert                             // adds to the value
	KeyDelete                             // deletes from the value
	KeyVariableFlags                      // the flags depend on the arguments
)

var keyFlagNames = []string{"RO", "RW", "OW", "RM", "access", "update", "insert", "delete", "variable_flags"}

// Names returns the flags as COMMAND INFO names them.
func (f KeyFlags) Names() []string {
	var out []string
	for i, name := range keyFlagNames {
		if f&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	return out
}

// HasKeys tells whether the command takes keys.
func (s *Spec) HasKeys() bool { return len(s.KeySpecs) > 0 }

// KeyRange returns the argument positions of the keys: first, first+step, ... up
// to and including last. There are none if last is below first, as when the
// arguments make no sense. The arguments begin with the command's name.
func (s *Spec) KeyRange(args [][]byte) (first, last, step int) {
	switch {
	case s.FirstKey > 0:
		return keyRange(s.FirstKey, s.LastKey, s.KeyStep, len(args))
	case len(s.KeySpecs) > 0:
		return s.KeySpecs[0].find(args)
	}
	return 0, -1, 1
}

// keyRange finds the last of the keys that lie among so many arguments.
func keyRange(begin, end, step, argc int) (first, last, _ int) {
	if begin >= argc {
		return 0, -1, 1
	}
	if end < 0 {
		end += argc
	}
	end = min(end, argc-1)
	if step > 1 && end > begin {
		end -= (end - begin) % step
	}
	return begin, end, step
}

// find returns the positions of the spec's keys as KeyRange does.
func (k *KeySpec) find(args [][]byte) (first, last, step int) {
	if !k.ByCount {
		last = k.Last
		if last >= 0 {
			last += k.Begin
		}
		return keyRange(k.Begin, last, k.Step, len(args))
	}
	if k.Begin >= len(args) {
		return 0, -1, 1
	}
	n, ok := parseInt(args[k.Begin])
	if !ok || n < 1 || n > int64(len(args)-k.Begin-1)/int64(k.Step) {
		return 0, -1, 1
	}
	return k.Begin + 1, k.Begin + 1 + (int(n)-1)*k.Step, k.Step
}

// KeyArg is a key among the arguments of a command.
type KeyArg struct {
	Index int
	Flags KeyFlags
}

// KeyArgs returns the keys of a command, whose arity has been checked, in the order
// of the specs. There are none when the arguments make no sense.
func (s *Spec) KeyArgs(args [][]byte) []KeyArg {
	var out []KeyArg
	for i := range s.KeySpecs {
		k := &s.KeySpecs[i]
		flags := k.Flags
		if k.Vary != nil {
			flags = k.Vary(args)
		}
		first, last, step := k.find(args)
		for j := first; j <= last; j += step {
			out = append(out, KeyArg{Index: j, Flags: flags})
		}
	}
	return out
}

// deriveKeyRange makes the one range of FirstKey, LastKey and KeyStep from the
// specs, as Redis does for the clients that know no specs: from a spec alone, or
// from several that follow each other. What does not fit has MovableKeys.
func (s *Spec) deriveKeyRange() {
	for i, k := range s.KeySpecs {
		last := k.Last
		if last >= 0 {
			last += k.Begin
		}
		switch {
		case k.ByCount:
			s.Flags |= MovableKeys
		case i == 0:
			s.FirstKey, s.LastKey, s.KeyStep = k.Begin, last, k.Step
		default:
			s.LastKey = last
		}
	}
}

// Ways to write the most common specs down.

// oneKey is a single key at argument 1.
func oneKey(flags KeyFlags) []KeySpec { return keyAt(1, flags) }

// keyAt is a single key at an argument.
func keyAt(begin int, flags KeyFlags) []KeySpec {
	return []KeySpec{{Flags: flags, Begin: begin, Step: 1}}
}

// keysFrom1 are all arguments, or those of which every other is a value.
func keysFrom1(step int, flags KeyFlags) []KeySpec {
	return []KeySpec{{Flags: flags, Begin: 1, Last: -1, Step: step}}
}

// sourceAndDestination are arguments 1 and 2.
func sourceAndDestination(source, destination KeyFlags) []KeySpec {
	return []KeySpec{{Flags: source, Begin: 1, Step: 1}, {Flags: destination, Begin: 2, Step: 1}}
}
