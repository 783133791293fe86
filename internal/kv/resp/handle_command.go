package resp

import (
	"strings"

	"github.com/ringkv/ringkv/internal/kv/command"
)

var commandHelp = []string{
	"(no subcommand)", "    Return details about all commands.",
	"COUNT", "    Return the total number of commands in this server.",
	"DOCS [<command-name> ...]", "    Return documentation details about multiple commands.",
	"GETKEYS <full-command>", "    Return the keys from a full command.",
	"GETKEYSANDFLAGS <full-command>", "    Return the keys and the access flags from a full command.",
	"INFO [<command-name> ...]", "    Return details about multiple commands.",
	"LIST", "    Return a list of all commands in this server.",
}

// find returns the command of a name such as get or client|setname, or nil.
func find(name []byte) *command.Spec {
	container, sub, isSub := strings.Cut(string(name), "|")
	spec := command.Lookup([]byte(container))
	if spec == nil || spec.Flags&command.Internal != 0 {
		return nil
	}
	if isSub {
		return spec.Subcommand([]byte(sub))
	}
	return spec
}

// COMMAND
func commandInfoAll(_ *conn, _ [][]byte, r *command.Reply) {
	all := command.All()
	r.Array(len(all))
	for _, s := range all {
		describeCommand(s, r)
	}
}

// COMMAND INFO [command-name ...]
func commandInfo(c *conn, args [][]byte, r *command.Reply) {
	if len(args) == 2 {
		commandInfoAll(c, args, r)
		return
	}
	r.Array(len(args) - 2)
	for _, name := range args[2:] {
		if s := find(name); s != nil {
			describeCommand(s, r)
		} else {
			r.Null()
		}
	}
}

// describeCommand gives the ten elements of COMMAND INFO.
func describeCommand(s *command.Spec, r *command.Reply) {
	r.Array(10)
	r.BulkString(s.FullName)
	r.Int(int64(s.Arity))
	set := func(words []string) {
		r.Set(len(words))
		for _, w := range words {
			r.Simple(w)
		}
	}
	set(s.Flags.Names())
	r.Int(int64(s.FirstKey))
	r.Int(int64(s.LastKey))
	r.Int(int64(s.KeyStep))
	set(s.Categories())
	r.Array(len(s.Tips))
	for _, t := range s.Tips {
		r.BulkString(t)
	}
	keySpecs(s, r)
	r.Array(len(s.Subcommands))
	for _, sub := range s.Subcommands {
		describeCommand(sub, r)
	}
}

// keySpecs describes where the keys are, in the form of Redis 7.
func keySpecs(s *command.Spec, r *command.Reply) {
	r.Array(len(s.KeySpecs))
	for _, k := range s.KeySpecs {
		fields := 3
		if k.Notes != "" {
			fields++
		}
		r.Map(fields)
		if k.Notes != "" {
			r.BulkString("notes")
			r.BulkString(k.Notes)
		}
		r.BulkString("flags")
		names := k.Flags.Names()
		r.Set(len(names))
		for _, n := range names {
			r.Simple(n)
		}
		search("begin_search", "index", []field{{"index", k.Begin}}, r)
		if k.ByCount {
			search("find_keys", "keynum", []field{{"keynumidx", 0}, {"firstkey", 1}, {"keystep", k.Step}}, r)
		} else {
			search("find_keys", "range", []field{{"lastkey", k.Last}, {"keystep", k.Step}, {"limit", 0}}, r)
		}
	}
}

type field struct {
	name  string
	value int
}

// search describes one of the two steps by which keys are found.
func search(step, kind string, fields []field, r *command.Reply) {
	r.BulkString(step)
	r.Map(2)
	r.BulkString("type")
	r.BulkString(kind)
	r.BulkString("spec")
	r.Map(len(fields))
	for _, f := range fields {
		r.BulkString(f.name)
		r.Int(int64(f.value))
	}
}

// COMMAND LIST [FILTERBY PATTERN pattern | ACLCAT category | MODULE name]
func commandList(_ *conn, args [][]byte, r *command.Reply) {
	keep := func(*command.Spec) bool { return true }
	switch {
	case len(args) == 2:
	case len(args) == 5 && is(args[2], "FILTERBY") && is(args[3], "PATTERN"):
		keep = func(s *command.Spec) bool { return command.GlobMatch(args[4], []byte(s.FullName)) }
	case len(args) == 5 && is(args[2], "FILTERBY") && is(args[3], "ACLCAT"):
		keep = func(s *command.Spec) bool {
			for _, c := range s.Categories() {
				if strings.EqualFold(c[1:], string(args[4])) {
					return true
				}
			}
			return false
		}
	case len(args) == 5 && is(args[2], "FILTERBY") && is(args[3], "MODULE"):
		keep = func(*command.Spec) bool { return false }
	default:
		syntax(r)
		return
	}
	var names []string
	for id := range command.Specs() {
		if s := command.ByID(id); s.Flags&command.Internal == 0 && keep(s) {
			names = append(names, s.FullName)
		}
	}
	r.Array(len(names))
	for _, n := range names {
		r.BulkString(n)
	}
}

// COMMAND GETKEYS command [arg ...]
func commandGetKeys(_ *conn, args [][]byte, r *command.Reply) {
	full := args[2:]
	if keys, ok := keysOf(full, r); ok {
		r.Array(len(keys))
		for _, k := range keys {
			r.Bulk(full[k.Index])
		}
	}
}

// COMMAND GETKEYSANDFLAGS command [arg ...]
func commandGetKeysAndFlags(_ *conn, args [][]byte, r *command.Reply) {
	full := args[2:]
	keys, ok := keysOf(full, r)
	if !ok {
		return
	}
	r.Array(len(keys))
	for _, k := range keys {
		r.Array(2)
		r.Bulk(full[k.Index])
		names := k.Flags.Names()
		r.Set(len(names))
		for _, n := range names {
			r.Simple(n)
		}
	}
}

// keysOf returns the keys of a command, or adds the error reply.
func keysOf(full [][]byte, r *command.Reply) (keys []command.KeyArg, ok bool) {
	spec := command.Lookup(full[0])
	if spec != nil && len(spec.Subcommands) > 0 && len(full) > 1 {
		spec = spec.Subcommand(full[1])
	}
	switch {
	case spec == nil || spec.Flags&command.Internal != 0:
		r.Error("ERR Invalid command specified")
	case !spec.HasKeys():
		r.Error("ERR The command has no key arguments")
	case !spec.ArityOK(len(full)):
		r.Error("ERR Invalid number of arguments specified for command")
	default:
		if keys = spec.KeyArgs(full); len(keys) > 0 {
			return keys, true
		}
		r.Error("ERR Invalid arguments specified for command")
	}
	return nil, false
}
