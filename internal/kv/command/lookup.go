package command

import (
	"strings"
)

// longestName is the length of the longest command name in the table.
const longestName = 32

// Lookup returns the command of that name in any case, or nil. It does not look at
// subcommands, and finds internal commands too.
func Lookup(name []byte) *Spec {
	if len(name) > longestName {
		return nil
	}
	var lower [longestName]byte
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	return byName[string(lower[:len(name)])]
}

// Resolve returns the command or subcommand that a client asks for, or nil after
// adding the error reply that Redis gives. args has at least the name.
func Resolve(args [][]byte, r *Reply) *Spec {
	spec := Lookup(args[0])
	if spec == nil || spec.Flags&Internal != 0 {
		unknownCommand(args, r)
		return nil
	}
	if len(spec.Subcommands) > 0 && len(args) > 1 {
		sub := spec.Subcommand(args[1])
		if sub == nil {
			r.Error("ERR unknown subcommand '" + clip(args[1], 128) + "'. Try " + strings.ToUpper(spec.Name) + " HELP.")
			return nil
		}
		spec = sub
	}
	if !spec.ArityOK(len(args)) {
		r.Error(arityError(spec.FullName))
		return nil
	}
	return spec
}

func unknownCommand(args [][]byte, r *Reply) {
	var b strings.Builder
	for _, a := range args[1:] {
		if b.Len() >= 128 {
			break
		}
		b.WriteString("'" + clip(a, 128-b.Len()) + "' ")
	}
	r.Error("ERR unknown command '" + clip(args[0], 128) + "', with args beginning with: " + b.String())
}

// clip is what %.*s prints of a string.
func clip(b []byte, n int) string {
	b = cString(b)
	return string(b[:min(n, len(b))])
}

// All returns the commands that clients may use, in the order of the table.
func All() []*Spec { return visible }

// Specs returns how many specs there are, subcommands and internal ones included:
// all IDs are below.
func Specs() int { return len(byID) }

// ByID returns the spec with that ID.
func ByID(id int) *Spec { return byID[id] }

// The table's indexes. They are made once, from the table, and never change.
var byName, byID, visible = buildIndexes()

func buildIndexes() (map[string]*Spec, []*Spec, []*Spec) {
	names := map[string]*Spec{}
	var ids, shown []*Spec
	number := func(s *Spec) {
		s.ID = len(ids)
		s.deriveKeyRange()
		ids = append(ids, s)
	}
	for _, group := range [][]*Spec{
		stringCommands, bitmapCommands, keyCommands, connectionCommands, transactionCommands, serverCommands, clusterCommands,
		internalCommands, kvCommands,
	} {
		for _, s := range group {
			s.FullName = s.Name
			number(s)
			for _, sub := range s.Subcommands {
				sub.FullName = s.Name + "|" + sub.Name
				sub.Group = s.Group
				number(sub)
			}
			names[s.Name] = s
			if s.Flags&Internal == 0 {
				shown = append(shown, s)
			}
		}
	}
	return names, ids, shown
}
