package command

import (
	"strings"

	"github.com/ringkv/ringkv/internal/kv/store"
)

// Spec is what is known about a command. Specs are made once, in the table, and
// never change.
type Spec struct {
	// Name is in lower case; that of a subcommand is its own part only.
	Name string
	// FullName is how Redis names it in messages: "get", "client|setname".
	FullName string
	// ID numbers the specs from 0, for tables by command. It may differ
	// between versions of the program, so it must not be stored.
	ID int
	// Arity is the number of arguments, the name included; negative: at least.
	Arity int
	Flags Flags
	Scope Scope
	// Category is what the command's group does not say; 0: nothing.
	Category Category
	// KeySpecs say which arguments are keys.
	KeySpecs []KeySpec
	// FirstKey, LastKey and KeyStep follow from KeySpecs: the keys as one range.
	// FirstKey 0: there is none. A negative LastKey counts from the end, -1 being
	// the last argument.
	FirstKey, LastKey, KeyStep int
	// Together, if set, tells for Scope Keys whether the keys of a call depend on
	// each other, so that it is as if the scope were Key.
	Together func(args [][]byte) bool
	// Merge says how replies of several partitions become one.
	Merge Merge
	// Run executes the command on one partition; nil for Connection scope and for
	// transactions (see Transaction). The arity has been checked.
	Run func(c *Context, args [][]byte, r *Reply)
	// Length, if set, returns the key and the length of the value that a write
	// makes which may be longer than its arguments. The store's lock is held.
	Length func(st *store.Store, args [][]byte) (key []byte, length int64)
	// Subcommands of a container, by name.
	Subcommands []*Spec

	// Syntax is what may follow the name, as the documentation of Redis writes
	// it (see Arguments); empty for no arguments.
	Syntax string
	// Complexity is what executing it takes on the leader; empty: O(1).
	Complexity string
	// Group, Since and Summary are for COMMAND DOCS; Tips for COMMAND INFO.
	Group, Since, Summary string
	Tips                  []string
	Deprecated            Deprecation // of what Redis has replaced
	// Difference says how the command differs from that of Redis 7.2, and why,
	// for the documentation. Empty: not at all.
	Difference string
}

// Deprecation says since which version of Redis a command is deprecated, and what is
// used instead. Both are empty for a command that is not.
type Deprecation struct{ Since, Instead string }

// Flags say what kind of command it is.
type Flags uint32

// The flags. Those with a Redis name are shown by COMMAND.
const (
	Write    Flags = 1 << iota // goes through the log
	ReadOnly                   // reads the store
	DenyOOM                    // may need more memory: refused when there is none
	Admin
	NoScript
	Loading
	Stale
	Fast
	NoAuth
	// MovableKeys follows from KeySpecs: FirstKey does not tell all.
	MovableKeys
	AllowBusy
	NoMulti // refused inside of a transaction
	NoAsyncLoading
	SkipSlowlog // not in the slow log
	// Internal commands are made by nodes and refused from clients.
	Internal
	// ClusterOnly commands are for cluster clients and refused from others.
	ClusterOnly
	// Debugging commands are refused unless the server is told to allow them.
	Debugging
)

var flagNames = []struct {
	flag Flags
	name string
}{
	{Write, "write"}, {ReadOnly, "readonly"}, {DenyOOM, "denyoom"}, {Admin, "admin"},
	{NoScript, "noscript"}, {Loading, "loading"}, {Stale, "stale"}, {Fast, "fast"},
	{NoAuth, "no_auth"}, {NoAsyncLoading, "no_async_loading"}, {MovableKeys, "movablekeys"}, {NoMulti, "no_multi"}, {SkipSlowlog, "skip_slowlog"},
	{AllowBusy, "allow_busy"},
}

// Names returns the flags as COMMAND INFO names them.
func (f Flags) Names() []string {
	var out []string
	for _, n := range flagNames {
		if f&n.flag != 0 {
			out = append(out, n.name)
		}
	}
	return out
}

// Scope says what a command concerns.
type Scope uint8

// The scopes.
const (
	// Connection: answered by the server, from what it knows.
	Connection Scope = iota
	// Key: all keys lie in one slot, or the answer is CROSSSLOT.
	Key
	// Keys: each key stands for itself; the call is split by partition.
	Keys
	// Partitions: all partitions.
	Partitions
	// OnePartition: the cursor in argument 1 names the partition.
	OnePartition
	// Slot: argument 2 names the slot.
	Slot
)

// Merge says how the replies of several partitions become one.
type Merge uint8

// The ways to merge.
const (
	MergeNone   Merge = iota
	MergeSum          // integers are added up
	MergeOK           // OK if all are
	MergeByKey        // one array element per key, in the order of the keys
	MergeConcat       // arrays are put one after the other
	MergeMin          // the smallest integer
	MergeRandom       // one of the keys, with the chance of a partition by its size
)

// IsWrite tells whether the command goes through the log.
func (s *Spec) IsWrite() bool { return s.Flags&Write != 0 }

// ArityOK tells whether n arguments, the name included, are acceptable.
func (s *Spec) ArityOK(n int) bool {
	return n == s.Arity || s.Arity < 0 && n >= -s.Arity
}

// Subcommand returns the subcommand of that name in any case, or nil.
func (s *Spec) Subcommand(name []byte) *Spec {
	for _, sub := range s.Subcommands {
		if len(name) == len(sub.Name) && strings.EqualFold(sub.Name, string(name)) {
			return sub
		}
	}
	return nil
}
