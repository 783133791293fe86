package resp

import "github.com/ringkv/ringkv/internal/kv/command"

// COMMAND DOCS [command-name ...]
func commandDocs(_ *conn, args [][]byte, r *command.Reply) {
	specs := command.All()
	if len(args) > 2 {
		specs = nil
		for _, name := range args[2:] {
			if s := find(name); s != nil {
				specs = append(specs, s)
			}
		}
	}
	docs(specs, r)
}

func docs(specs []*command.Spec, r *command.Reply) {
	r.Map(len(specs))
	for _, s := range specs {
		r.BulkString(s.FullName)
		document(s, r)
	}
}

// document describes a command to people, in the form of Redis 7.
func document(s *command.Spec, r *command.Reply) {
	texts := [][2]string{{"summary", s.Summary}, {"since", s.Since}, {"group", s.Group}, {"complexity", complexity(s)}}
	arguments := s.Arguments()
	deprecated := s.Deprecated.Since != ""
	fields := len(texts)
	for _, more := range []bool{deprecated, deprecated, deprecated, len(arguments) > 0, len(s.Subcommands) > 0} {
		if more {
			fields++
		}
	}
	r.Map(fields)
	for _, t := range texts {
		text(t[0], t[1], r)
	}
	if deprecated {
		flagSet("doc_flags", []string{"deprecated"}, r)
		text("deprecated_since", s.Deprecated.Since, r)
		text("replaced_by", s.Deprecated.Instead, r)
	}
	if len(arguments) > 0 {
		r.BulkString("arguments")
		documentArguments(arguments, r)
	}
	if len(s.Subcommands) > 0 {
		r.BulkString("subcommands")
		docs(s.Subcommands, r)
	}
}

func complexity(s *command.Spec) string {
	switch {
	case len(s.Subcommands) > 0:
		return "Depends on subcommand."
	case s.Complexity == "":
		return "O(1)"
	}
	return s.Complexity
}

// documentArguments describes what a command takes, such that clients can complete it
// and hint at what comes next.
func documentArguments(arguments []command.Argument, r *command.Reply) {
	r.Array(len(arguments))
	for _, a := range arguments {
		texts := [][2]string{{"name", a.Name}, {"type", string(a.Type)}}
		if len(a.Arguments) == 0 {
			texts = append(texts, [2]string{"display_text", a.Name})
		}
		var flags []string
		for _, f := range []struct {
			set  bool
			name string
		}{{a.Optional, "optional"}, {a.Multiple, "multiple"}, {a.MultipleToken, "multiple_token"}} {
			if f.set {
				flags = append(flags, f.name)
			}
		}
		fields := len(texts)
		for _, more := range []bool{a.Type == command.KeyArgument, a.Token != "", len(flags) > 0, len(a.Arguments) > 0} {
			if more {
				fields++
			}
		}
		r.Map(fields)
		for _, t := range texts {
			text(t[0], t[1], r)
		}
		if a.Type == command.KeyArgument {
			r.BulkString("key_spec_index")
			r.Int(int64(a.KeySpec))
		}
		if a.Token != "" {
			text("token", a.Token, r)
		}
		if len(flags) > 0 {
			flagSet("flags", flags, r)
		}
		if len(a.Arguments) > 0 {
			r.BulkString("arguments")
			documentArguments(a.Arguments, r)
		}
	}
}

func text(name, value string, r *command.Reply) {
	r.BulkString(name)
	r.BulkString(value)
}

func flagSet(name string, flags []string, r *command.Reply) {
	r.BulkString(name)
	r.Set(len(flags))
	for _, f := range flags {
		r.Simple(f)
	}
}
