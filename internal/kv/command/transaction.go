package command

import "encoding/binary"

// Transaction is the commands between MULTI and EXEC on their way through the
// cluster as one internal command. So it is one entry of the log, and runs under
// the store's lock with nothing in between:
//
//	RINGKV.EXEC program [key ...]
//
// The keys are the watched ones, in the program's order, and those of the commands;
// by them the transaction is routed, so all lie in one slot. There are none if all
// that was queued are commands whose arguments make no sense. The program:
//
//	+---------+-------+-----+------------------+-----+
//	| watched | token | ... | protocol command | ... |
//	+---------+-------+-----+------------------+-----+
//
// watched and the tokens are unsigned varints; each command is written as in a
// batch, with the protocol version of its reply, a byte, as an argument before its
// name. What a command does to the store does not depend on that version.
//
// The reply is an array with that of each command, or a null array when a watched
// key has changed; then nothing is executed.
type Transaction struct {
	keys     [][]byte
	seen     map[string]struct{}
	commands []byte
	count    int
	flags    Flags
}

// Watched is a key that must not have changed when a transaction is executed.
type Watched struct {
	Key []byte
	// Token is what the key was like when WATCH was executed: the store's
	// revision, times two, plus one if the key was there.
	Token uint64
}

// FitsTransaction tells whether a command may be part of a Transaction: one that is about
// its keys and nothing else.
func (s *Spec) FitsTransaction() bool { return s.Scope == Key || s.Scope == Keys }

// Add adds a command that FitsTransaction and whose arity has been checked. The arguments are copied. Proto is the protocol version
// of its reply.
func (t *Transaction) Add(spec *Spec, args [][]byte, proto uint8) {
	t.flags |= spec.Flags
	t.count++
	t.commands = binary.AppendUvarint(t.commands, uint64(len(args)+1))
	t.commands = append(t.commands, 1, proto)
	t.commands = appendArgs(t.commands, args)
	first, last, step := spec.KeyRange(args)
	for i := first; i <= last; i += step {
		t.addKey(args[i])
	}
}

func (t *Transaction) addKey(key []byte) {
	if _, ok := t.seen[string(key)]; ok {
		return
	}
	if t.seen == nil {
		t.seen = map[string]struct{}{}
	}
	t.seen[string(key)] = struct{}{}
	t.keys = append(t.keys, append([]byte(nil), key...))
}

// Len returns the number of commands.
func (t *Transaction) Len() int { return t.count }

// Size returns the bytes that the commands take.
func (t *Transaction) Size() int { return len(t.commands) }

// Command returns the internal command that executes the transaction if the
// watched keys have not changed. There must be a command or a watched key.
func (t *Transaction) Command(watched []Watched) (*Spec, [][]byte) {
	name := "ringkv.execread"
	switch {
	case t.flags&DenyOOM != 0:
		name = "ringkv.exec"
	case t.flags&Write != 0:
		name = "ringkv.execfree"
	}
	program := binary.AppendUvarint(make([]byte, 0, 16*len(watched)+len(t.commands)+8), uint64(len(watched)))
	args := make([][]byte, 2, 2+len(watched)+len(t.keys))
	for _, w := range watched {
		program = binary.AppendUvarint(program, w.Token)
		args = append(args, w.Key)
	}
	args[0], args[1] = []byte(name), append(program, t.commands...)
	return Lookup(args[0]), append(args, t.keys...)
}

// program is a decoded transaction.
type program struct {
	watched  [][]byte
	tokens   []byte // uvarints
	count    int    // of commands
	commands Batch
}

// parseProgram takes the command of a transaction apart, whose arity has been
// checked. It returns false for what Command did not make.
func parseProgram(args [][]byte) (p program, ok bool) {
	count, size := binary.Uvarint(args[1])
	if size <= 0 || count > uint64(len(args)-2) {
		return p, false
	}
	p.watched, p.tokens = args[2:2+count], args[1][size:]
	rest := p.tokens
	for range count {
		_, size := binary.Uvarint(rest)
		if size <= 0 {
			return p, false
		}
		rest = rest[size:]
	}
	n, err := countCommands(rest)
	p.count, p.commands = n, Batch{rest: rest}
	return p, err == nil
}

// isExecutable tells whether this version can execute all of a transaction.
func (p program) isExecutable(write bool) bool {
	var args [][]byte
	for {
		var more bool
		if args, more = p.commands.Next(args); !more {
			return true
		}
		if len(args) < 2 || len(args[0]) != 1 {
			return false
		}
		spec := Executable(args[1:])
		if spec == nil || spec.Flags&Internal != 0 || !spec.FitsTransaction() || spec.IsWrite() && !write {
			return false
		}
	}
}

// unchanged tells whether all watched keys are as they were when WATCH was
// executed.
func (p program) unchanged(c *Context) bool {
	tokens := p.tokens
	for _, key := range p.watched {
		token, size := binary.Uvarint(tokens)
		tokens = tokens[size:]
		if c.Store.SetSince(key, token>>1) {
			return false
		}
		if _, there := c.get(key); token&1 != 0 && !there {
			return false
		}
	}
	return true
}

// runTransaction executes RINGKV.EXEC and its kin. What isExecutable refuses does
// not come here.
func runTransaction(c *Context, args [][]byte, r *Reply) {
	p, ok := parseProgram(args)
	if !ok {
		r.Error("ERR malformed transaction")
		return
	}
	if !p.unchanged(c) {
		r.NullArray()
		return
	}
	r.Array(p.count)
	proto := r.Proto
	var room [16][]byte
	for args, ok = p.commands.Next(room[:0]); ok; args, ok = p.commands.Next(args) {
		r.Proto = args[0][0]
		Executable(args[1:]).Run(c, args[1:], r)
	}
	r.Proto = proto
}

// RINGKV.WATCH key [key ...]: the store's revision, and for each key 1 if it is
// there, else 0.
func watch(c *Context, args [][]byte, r *Reply) {
	r.Array(len(args))
	r.Int(int64(c.Store.Revision()))
	for _, key := range args[1:] {
		_, there := c.get(key)
		if there {
			r.Int(1)
		} else {
			r.Int(0)
		}
	}
}
